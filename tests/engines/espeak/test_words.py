"""Word times on made-up events; those of the real library are tried in test_espeak.py."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.engines.espeak.words import align
from tts_cli.types import Word

NOISE = np.full(1000, 0.5, np.float32)


def times(words):
    return [(word.text, word.start, word.end) for word in words]


def test_each_word_starts_at_its_event_and_lasts_until_the_next():
    assert times(align("One two", [(0, 0), (4, 400)], [1000], NOISE)) == [("One", 0, 400), ("two", 400, 1000)]


def test_a_merged_event_is_shared_out_by_letters():
    words = align("of the end", [(0, 0), (7, 500)], [1000], NOISE)
    assert times(words) == [("of", 0, 200), ("the", 200, 500), ("end", 500, 1000)]


def test_the_first_of_several_events_inside_a_word_counts():
    words = align("$3.50 now", [(0, 0), (1, 200), (3, 300), (3, 500), (6, 700)], [1000], NOISE)
    assert times(words) == [("$3.50", 0, 700), ("now", 700, 1000)]


def test_a_dash_takes_little_of_its_neighbours_time():
    words = align("yesterday — no", [(0, 0), (12, 1000)], [], NOISE)
    assert times(words) == [("yesterday", 0, 900), ("—", 900, 1000), ("no", 1000, 1000)]


def test_a_text_without_spaces_is_cut_at_the_events():
    words = align("你好。世界。", [(0, 0), (3, 500)], [400, 1000], NOISE)
    assert times(words) == [("你好。", 0, 500), ("世界。", 500, 1000)]


def test_a_pause_after_a_clause_is_not_part_of_the_word():
    samples = NOISE.copy()
    samples[300:500] = 0.0
    words = align("Yes. No", [(0, 0), (5, 500)], [500, 1000], samples)
    assert times(words) == [("Yes.", 0, 300), ("No", 500, 1000)]


def test_without_any_event_the_letters_decide():
    assert times(align("ab cd", [], [], NOISE)) == [("ab", 0, 500), ("cd", 500, 1000)]


def test_no_words_no_times():
    assert align("  ", [], [], NOISE) == ()


@given(
    text=st.text(st.sampled_from("ab1 .—$é你界 \n"), min_size=1, max_size=40),
    events=st.lists(st.tuples(st.integers(-2, 45), st.integers(0, 1200)), max_size=15),
    ends=st.lists(st.integers(0, 1200), max_size=4),
)
def test_times_are_complete_and_in_order_whatever_the_events(text, events, ends):
    words = align(text, events, ends, NOISE)
    assert "".join(word.text for word in words) == "".join(text.split())
    assert all(isinstance(word, Word) and 0 <= word.start <= word.end <= len(NOISE) for word in words)
    assert all(before.end <= after.start for before, after in pairwise(words))
