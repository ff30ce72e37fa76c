"""The small parts that engines are made of: parameters, pieces, batches, what is kept, and the start-up test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.engines.base import Request, Speech
from tts_cli.engines.kit.batching import make_batches, speak_each
from tts_cli.engines.kit.lru import Lru
from tts_cli.engines.kit.params import fill_params
from tts_cli.engines.kit.pieces import cut_evenly, join_pieces
from tts_cli.engines.kit.seeds import derive_seed, piece_seed
from tts_cli.engines.kit.selftest import find_difference
from tts_cli.engines.tone.spec import TONE
from tts_cli.errors import TakeError
from tts_cli.types import Word


def test_what_is_not_given_has_its_default():
    values = fill_params(TONE, {"speed": 2, "fault": "dc"})
    assert (values.numbers["speed"], values.numbers["pitch"], values.choices) == (2.0, 1.0, {"fault": "dc"})
    assert values.numbers.keys() | values.choices.keys() == TONE.params.keys()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"volume": 1.0}, "tone has no parameter 'volume'"),
        ({"speed": 4.1}, "speed must be between 0.25 and 4, not 4.1"),
        ({"speed": 0.24}, "speed must be between 0.25 and 4, not 0.24"),
        ({"speed": float("nan")}, "speed must be between"),
        ({"speed": "fast"}, "speed must be a number, not 'fast'"),
        ({"fault": "fire"}, "fault must be one of none, "),
    ],
)
def test_what_the_engine_does_not_take_is_refused(params, message):
    with pytest.raises(TakeError, match=message) as caught:
        fill_params(TONE, params)
    assert caught.value.kind == "input"


def test_the_bounds_themselves_are_taken():
    assert fill_params(TONE, {"speed": 4.0, "pitch": 0.25}).numbers["speed"] == 4.0


@given(
    sizes=st.lists(st.integers(1, 30), max_size=40),
    weaknesses=st.lists(st.floats(0, 1), min_size=40, max_size=40),
)
def test_pieces_hold_every_item_once_and_are_not_too_long(sizes, weaknesses):
    pieces = cut_evenly(sizes, weaknesses[: len(sizes)], target=40, longest=60)
    assert [place for first, end in pieces for place in range(first, end)] == list(range(len(sizes)))
    assert all(sum(sizes[first:end]) <= 60 for first, end in pieces)


def test_a_cut_lies_at_the_strongest_boundary_near_the_middle():
    assert cut_evenly([10] * 8, [1, 1, 1, 1, 0, 1, 1, 1], target=50, longest=60) == [(0, 5), (5, 8)]
    assert cut_evenly([10] * 4, [1] * 4, target=50, longest=60) == [(0, 4)]


def piece(frames, *words, ended=True):
    return Speech(samples=np.full(frames, 0.1, np.float32), sample_rate=100, words=words, ended=ended)


def test_joined_pieces_keep_their_words_places_and_ends():
    joined = join_pieces([piece(30, Word("a", 0, 20)), piece(50, Word("b", 10, 40), ended=False)], pause_s=0.2)
    assert len(joined.samples) == 100
    assert joined.words == (Word("a", 0, 20), Word("b", 60, 90))
    assert not joined.ended
    assert not joined.samples[30:50].any()
    assert join_pieces([piece(3), piece(4)]).ended
    assert len(join_pieces([piece(3), piece(4)]).samples) == 7


@given(lengths=st.lists(st.integers(1, 100), max_size=30))
def test_batches_hold_every_item_once_within_their_limits(lengths):
    batches = make_batches(lengths, 200, max_padding=0.2)
    assert sorted(member for batch in batches for member in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = len(batch) * max(lengths[member] for member in batch)
        assert len(batch) == 1 or padded <= 200
        assert sum(lengths[member] for member in batch) >= 0.8 * padded - 1e-9


def test_items_of_one_length_fill_a_batch():
    assert make_batches([10] * 5, 30) == [[0, 1, 2], [3, 4]]


def test_what_a_request_raises_is_its_result_and_a_bug_is_none():
    requests = [Request(text=text, language="en", voice="", params={}, seed=0) for text in ("a", "refuse", "bug")]

    def speak(request):
        if request.text == "refuse":
            raise TakeError("no")
        return {"a": piece(5)}[request.text]

    results = speak_each(requests, speak)
    assert len(next(results)[1].samples) == 5
    number, error = next(results)
    assert (number, error.message) == (1, "no")
    with pytest.raises(KeyError):
        next(results)


def test_what_was_asked_for_last_is_kept():
    made = []

    def ask(lru, key):
        return lru.get(key, lambda: made.append(key) or key.upper())

    lru = Lru(2)
    assert [ask(lru, key) for key in "abacab"] == list("ABACAB")
    assert "".join(made) == "abcb"
    assert len(lru) == 2
    lru.clear()
    assert len(lru) == 0


def test_what_cannot_be_made_is_not_kept():
    lru = Lru(2)
    with pytest.raises(ZeroDivisionError):
        lru.get("a", lambda: 1 / 0)
    assert lru.get("a", lambda: 3) == 3


def test_seeds_differ_by_all_that_they_come_from():
    origins = [(1, "a", 0, 1), (1, "a", 1, 1), (1, "a", 0, 2), (2, "a", 0, 1), (1, "retake", 1), (1, "piece", 1)]
    seeds = [derive_seed(*origin) for origin in origins]
    assert len(set(seeds)) == len(seeds)
    assert all(0 < seed < 2**31 for seed in seeds)
    assert derive_seed(7, "line", 0, 1) == 1_828_563_363  # in the keys of takes that people have
    assert (piece_seed(5, 0), piece_seed(5, 1)) == (5, derive_seed(5, "piece", 1))


@pytest.mark.parametrize(
    ("batched", "message"),
    [
        ([0.1, 0.2], ""),
        ([0.1, 0.200001], ""),
        ([0.1, 0.3], "samples by 1.0e-01"),
        ([0.1, np.nan], "samples by nan"),
        ([0.1], "1 samples instead of 2"),
    ],
)
def test_a_difference_from_the_package_is_told(batched, message):
    alone = {0: np.float32([0.1, 0.2])}
    assert find_difference(lambda: ({0: np.float32(batched)}, alone)) == message


def test_a_package_that_has_changed_is_a_difference():
    assert find_difference(lambda: {}["attention"]) == "KeyError: 'attention'"
    assert find_difference(lambda: ({}, {0: np.zeros(3, np.float32)})) == "KeyError: 0"
