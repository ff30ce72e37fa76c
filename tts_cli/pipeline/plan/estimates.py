"""How much work an utterance is, before anything is spoken."""

from tts_cli.engines.catalog import get_spec
from tts_cli.types import Utterance


def estimate_s(utterance: Utterance) -> float:
    """Guess how many seconds of audio an utterance makes, from its characters and its speed."""
    return max(1, len(utterance.spoken)) / speaking_rate(utterance)


def speaking_rate(utterance: Utterance) -> float:
    """Guess how many characters are spoken in a second."""
    given = [turn.params for turn in utterance.turns] or [utterance.params]
    speeds = [params.get("speed", 1.0) for params in given]
    mean = sum(speed if isinstance(speed, float) else 1.0 for speed in speeds) / len(speeds)
    return get_spec(utterance.engine).text.chars_per_second * mean


def estimate_work_s(utterance: Utterance) -> float:
    """Guess how many seconds a worker spends on an utterance; only ratios count."""
    return estimate_s(utterance) * get_spec(utterance.engine).cost.realtime_factor
