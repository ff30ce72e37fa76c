"""What every engine keeps to: one suite, which each engine's `test_contract.py` feeds with what it needs.

class TestContract(EngineContract):
    spec = SPEC
    bad = {"text": "..."}       # what makes a request one that only it cannot be spoken

@pytest.fixture(scope="module")
def engine(): ...               # an adapter, loaded
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from tts_cli.engines.base import Engine, EngineSpec, Request, Speech
from tts_cli.errors import TakeError


def speak_all(engine: Engine, requests: Sequence[Request]) -> list[Speech | TakeError]:
    """Return the results in the order of the requests, each of which must have exactly one."""
    numbered = list(engine.speak(requests))
    results = dict(numbered)
    assert sorted(number for number, _ in numbered) == list(range(len(requests)))
    return [results[number] for number in range(len(requests))]


def speak_one(engine: Engine, request: Request) -> Speech:
    """Return the speech of a request; raises the `TakeError` that it came to."""
    [result] = speak_all(engine, [request])
    if isinstance(result, TakeError):
        raise result
    return result


class EngineContract:
    """The suite. A subclass has an `engine` fixture: a loaded adapter of any scope."""

    spec: ClassVar[EngineSpec]
    texts: ClassVar[Sequence[str]] = ("One line.", "Another, longer line of text.", "Yes.")
    changes: ClassVar[Mapping[str, Any]] = {}
    """What else a request of this engine needs."""
    bad: ClassVar[Mapping[str, Any]] = {"text": "\u200b"}
    """What makes a request one that cannot be spoken."""
    tolerance: ClassVar[float] = 0.0
    """How far samples may differ with what is spoken beside them."""
    together: ClassVar[list[Speech]]

    def request(self, number: int = 0, **changes: Any) -> Request:
        values = {
            "text": self.texts[number],
            "language": "en",
            "voice": self.spec.resolve("", "en"),
            "params": {},
            "seed": 11 + number if self.spec.execution.stochastic else 0,
        }
        return Request(**{**values, **self.changes, **changes})

    def requests(self) -> list[Request]:
        return [self.request(number) for number in range(len(self.texts))]

    @pytest.fixture
    def spoken(self, engine: Engine) -> list[Speech]:
        """The texts, spoken together once for all tests."""
        if "together" not in vars(type(self)):
            results = speak_all(engine, self.requests())
            assert all(isinstance(result, Speech) for result in results), results
            type(self).together = results
        return self.together

    def same(self, one: Speech, other: Speech) -> bool:
        if len(one.samples) != len(other.samples) or one.words != other.words or one.ended != other.ended:
            return False
        return float(np.abs(one.samples - other.samples).max(initial=0.0)) <= self.tolerance

    def test_a_take_is_mono_float32_at_the_rate_of_the_spec(self, spoken: list[Speech]) -> None:
        for speech in spoken:
            assert (speech.samples.dtype, speech.samples.ndim) == (np.float32, 1)
            assert len(speech.samples) > 0
            assert np.abs(speech.samples).max() <= 1.0
            assert speech.sample_rate == (self.spec.sample_rate or speech.sample_rate)

    def test_words_lie_one_after_the_other_inside_their_take(self, spoken: list[Speech]) -> None:
        for speech, request in zip(spoken, self.requests(), strict=True):
            if not self.spec.abilities.word_times:
                assert speech.words == ()
                continue
            assert len(speech.words) == len(request.text.split())
            edges = [edge for word in speech.words for edge in (word.start, word.end)]
            assert edges == sorted(edges)
            assert edges[0] >= 0
            assert edges[-1] <= len(speech.samples)

    def test_alone_a_request_becomes_what_it_is_in_a_batch(self, engine: Engine, spoken: list[Speech]) -> None:
        for request, speech in zip(self.requests(), spoken, strict=True):
            assert self.same(speak_one(engine, request), speech)

    def test_the_order_changes_nothing(self, engine: Engine, spoken: list[Speech]) -> None:
        reversed_ = speak_all(engine, self.requests()[::-1])[::-1]
        assert all(self.same(one, other) for one, other in zip(reversed_, spoken, strict=True))

    def test_the_same_call_gives_the_same_bytes(self, engine: Engine) -> None:
        one, other = (speak_one(engine, self.request()) for _ in range(2))
        assert one.samples.tobytes() == other.samples.tobytes()

    def test_another_seed_is_another_take_where_there_is_chance(self, engine: Engine, spoken: list[Speech]) -> None:
        if not self.spec.execution.stochastic:
            pytest.skip("no chance in it")
        other = speak_one(engine, replace(self.request(), seed=12345))
        assert other.samples.tobytes() != spoken[0].samples.tobytes()

    def test_what_cannot_be_spoken_costs_only_itself(self, engine: Engine, spoken: list[Speech]) -> None:
        first, bad, last = speak_all(engine, [self.request(0), self.request(1, **self.bad), self.request(2)])
        assert isinstance(bad, TakeError)
        assert bad.kind == "input"
        assert self.same(first, spoken[0])
        assert self.same(last, spoken[2])

    def test_an_empty_text_is_no_crash(self, engine: Engine) -> None:
        [result] = speak_all(engine, [self.request(0, text="")])
        assert isinstance(result, (Speech, TakeError))

    def test_nothing_is_asked_nothing_is_answered(self, engine: Engine) -> None:
        assert list(engine.speak([])) == []

    def test_parameters_out_of_range_are_refused_by_planning_and_by_the_adapter(self, engine: Engine) -> None:
        from tts_cli.pipeline.script.engine_checks import read_params

        for name, param in self.spec.params.items():
            value = "no such choice" if param.choices else param.high + 1
            if name not in {"speed", "pitch"}:
                _, faults = read_params(self.spec, {name: str(value)})
                assert [fault.field for fault in faults] == [f"params.{name}"]
            [result] = speak_all(engine, [self.request(0, params={name: value})])
            assert isinstance(result, TakeError)
            assert name in result.message

    def test_it_can_be_closed_twice_and_loaded_again(self, engine: Engine) -> None:
        fresh = type(engine)()
        notices = fresh.load("cpu")
        assert all(isinstance(notice, str) for notice in notices)
        fresh.close()
        fresh.close()
        fresh.load("cpu")
        assert len(speak_one(fresh, self.request()).samples)
        fresh.close()

    def test_conditionals_travel_as_a_file(self, engine: Any) -> None:
        from tts_cli.engines.base import PromptAudio
        from tts_cli.voices.pt_file import read_pt, write_pt

        clones = self.spec.abilities.clones
        if clones is None or not self.spec.imitates:
            pytest.skip("it imitates nobody")
        clip = PromptAudio(samples=buzz(clones.sample_rate), sample_rate=clones.sample_rate, transcript="one two")
        state = clones.layout(engine.condition([clip], "en"))
        assert write_pt(clones.layout(engine.condition([clip], "en"))) == write_pt(state)
        travelled = clones.layout(read_pt(write_pt(state)))
        speeches = [speak_one(engine, self.request(0, state=one, state_key="")) for one in (state, travelled)]
        assert speeches[0].samples.tobytes() == speeches[1].samples.tobytes()
        with pytest.raises(ValueError, match=r"."):
            clones.layout({"another engine's": 1})

    def test_the_spec_is_plain_data_that_another_process_can_have(self) -> None:
        import pickle

        assert pickle.loads(pickle.dumps(self.spec)) == self.spec
        module, _, name = self.spec.adapter.partition(":")
        assert module
        assert name.isidentifier()

    def test_every_voice_of_its_own_resolves_to_a_name(self) -> None:
        for voice in self.spec.voices():
            assert self.spec.resolve(voice.name, voice.language or "en")

    def test_emotions_stay_within_what_the_engine_can_do(self) -> None:
        from tts_cli.engines.emotions import VOCABULARY

        assert tuple(self.spec.emotions) in ((), VOCABULARY)
        for emotion in self.spec.emotions.values():
            assert emotion.description
            assert -12 <= emotion.volume_db <= 6
            for name, value in {**emotion.params, "speed": emotion.speed, "pitch": emotion.pitch}.items():
                if name == "pitch" and name not in self.spec.params:
                    assert value == 1.0
                    continue
                assert self.spec.params[name].low <= value <= self.spec.params[name].high
            assert 0.8 <= emotion.speed <= 1.25


def buzz(sample_rate: int, seconds: float = 3.0) -> Any:
    """A buzz at 120 Hz with a slow swell: as voiced as a clip must be."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    harmonics = sum(np.sin(2 * np.pi * 120 * number * time) / number for number in range(1, 20))
    return (0.15 * harmonics * (1 + 0.3 * np.sin(2 * np.pi * 3 * time))).astype(np.float32)
