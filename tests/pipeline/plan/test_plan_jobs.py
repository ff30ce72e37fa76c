"""In which order takes are recorded, and how long the rest will take."""

import pytest

from tts_cli.engines.catalog import get_spec
from tts_cli.errors import Source
from tts_cli.line import Line
from tts_cli.pipeline.model import Plan, PlannedLine, Reason
from tts_cli.pipeline.plan.plan import make_jobs
from tts_cli.pipeline.takes.eta import PRIOR_S, EtaEstimator
from tts_cli.types import Job, Manifest, Measures, Take, Utterance


def speak(key: str, length: int, engine: str = "espeak") -> Utterance:
    return Utterance(
        line_id=key,
        part=0,
        text="x" * length,
        language="en",
        voice="",
        engine=engine,
        params={},
        seed=0,
        key=key,
    )


def take(key: str, wall_s: float) -> Take:
    measures = Measures(onset=0, offset=1, energy_lufs=(), peak_dbfs=())
    return Take(key=key, blob="", size=1, frames=9, sample_rate=16_000, measures=measures, wall_s=wall_s)


def plan_of(*lines: tuple[Utterance, ...], reason: Reason | None = Reason.NEW, takes: tuple[str, ...] = ()) -> Plan:
    planned = tuple(
        PlannedLine(
            line=Line(id=f"l{number}", text="x", source=Source("b.yaml", 1)), utterances=utterances, reason=reason
        )
        for number, utterances in enumerate(lines)
    )
    manifest = Manifest(name="b", path="b.yaml", lines=tuple(one.line for one in planned))
    selected = frozenset(one.line.id for one in planned)
    return Plan(manifest=manifest, lines=planned, takes={key: take(key, 0) for key in takes}, selected=selected)


def keys(jobs: tuple[Job, ...]) -> list[str]:
    return [call.key for job in jobs for call in job.calls]


# --- the order ------------------------------------------------------------------------------------------


def test_the_engine_with_most_work_comes_first_and_the_longest_line_in_it() -> None:
    plan = plan_of(
        (speak("long", 1000), speak("tone-short", 500, "tone")),
        (speak("short", 10), speak("tone-long", 900, "tone")),
        (speak("longest", 1100), speak("tone-middle", 700, "tone")),
    )
    # 2110 characters at 16 a second are more than 2100 at 25
    assert keys(make_jobs(plan)) == ["longest", "long", "short", "tone-long", "tone-middle", "tone-short"]


def test_the_order_is_by_work_and_not_by_the_script() -> None:
    few, many = (speak("few", 90),), (speak("many", 900, "tone"),)
    assert keys(make_jobs(plan_of(few, many))) == keys(make_jobs(plan_of(many, few))) == ["many", "few"]


def test_equal_lines_keep_the_order_of_the_script() -> None:
    assert keys(make_jobs(plan_of(*[(speak(key, 30),) for key in "cab"]))) == ["c", "a", "b"]


def test_a_take_is_recorded_once_and_only_where_it_is_missing() -> None:
    lines = (speak("a", 30), speak("b", 20)), (speak("a", 30), speak("c", 10))
    assert keys(make_jobs(plan_of(*lines))) == ["a", "b", "c"]
    assert keys(make_jobs(plan_of(*lines, takes=("a",)))) == ["b", "c"]
    assert keys(make_jobs(plan_of(*lines, takes=("a",), reason=Reason.FORCED))) == ["a", "b", "c"]
    assert keys(make_jobs(plan_of(*lines, reason=None))) == []


# --- the time to go -------------------------------------------------------------------------------------


def job(key: str, estimated_s: float, engine: str = "tone") -> Job:
    return Job(engine=engine, calls=(speak(key, 1, engine),), estimated_s=estimated_s)


def test_before_anything_is_done_the_engines_own_speed_says_how_long_it_takes() -> None:
    eta = EtaEstimator([job("a", 100.0), job("b", 300.0, "kokoro")])
    expected = 100.0 * get_spec("tone").cost.realtime_factor + 300.0 * get_spec("kokoro").cost.realtime_factor
    assert eta.eta_s == pytest.approx(expected)
    assert (eta.done_s, eta.total_s) == (0.0, 400.0)


def test_the_engines_own_speed_weighs_as_much_as_twenty_seconds_of_audio() -> None:
    factor = get_spec("kokoro").cost.realtime_factor
    eta = EtaEstimator([job("a", PRIOR_S, "kokoro"), job("b", 100.0, "kokoro")])

    eta.count("a", take("a", wall_s=3 * factor * PRIOR_S), worker=1)

    assert PRIOR_S == 20.0
    assert eta.eta_s == pytest.approx(100.0 * 2 * factor)  # halfway between the spec's and three times that


def test_what_has_been_measured_at_length_wins() -> None:
    eta = EtaEstimator([job("a", 10_000.0), job("b", 100.0)])
    eta.count("a", take("a", wall_s=20_000.0), worker=1)
    assert eta.eta_s == pytest.approx(200.0, rel=0.01)


def test_workers_that_have_delivered_share_the_rest_and_a_failed_call_is_done_too() -> None:
    eta = EtaEstimator([job(key, 20.0) for key in "abcd"])
    eta.count("a", take("a", wall_s=20.0), worker=1)
    alone = eta.eta_s
    eta.count("b", None, worker=7)
    after_a_failure = eta.eta_s
    eta.count("c", take("c", wall_s=20.0), worker=2)

    factor = get_spec("tone").cost.realtime_factor
    assert alone == pytest.approx(60.0 * (20 + 20 * factor) / 40)
    assert after_a_failure == pytest.approx(40.0 * (20 + 20 * factor) / 60)
    assert eta.eta_s == pytest.approx(20.0 * (40 + 20 * factor) / 80 / 2)
    assert eta.done_s == 60.0
