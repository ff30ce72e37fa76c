"""The main job, in one sentence.

source -> script -> plan -> takes -> edit -> master -> delivery
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from tts_cli.engines.catalog import get_spec
from tts_cli.errors import DamagedTakeError
from tts_cli.pipeline.conclude import close, conclude, report_lines
from tts_cli.pipeline.delivery.deliver import claim_files, deliver, open_delivery
from tts_cli.pipeline.master.file_names import check_writable
from tts_cli.pipeline.master.report import line_outcomes
from tts_cli.pipeline.model import Plan, PlannedLine, Report, Shard
from tts_cli.pipeline.plan.plan import make_jobs
from tts_cli.pipeline.plan.shards import describe_work, take_share
from tts_cli.pipeline.plan.voice_states import conditionals_requests_of
from tts_cli.pipeline.request import EventSink, RenderRequest, Started
from tts_cli.pipeline.session import RunContext, load, open_run, plan_script
from tts_cli.pipeline.takes.record import Recorder, gather_takes
from tts_cli.settings import Settings
from tts_cli.types import Manifest
from tts_cli.workers.stop import Stop

Result = TypeVar("Result")

DAMAGE_TRIES = 3
"""How often the work is done where it meets damaged takes."""


def render(request: RenderRequest, settings: Settings, on_event: EventSink, stop: Stop | None = None) -> Report:
    """Do the main job, or a shard's part of it; a damaged take met on the way is recorded anew and the run goes on.

    Raises `InputError`, `UsageError` and `OutputError` before any work begins, `MissingError` where an engine cannot
    speak, and `KeyboardInterrupt` where a stop was asked for and has been heeded.
    """
    started = time.monotonic()
    run = open_run(request, settings, on_event, stop or Stop())  # source -> script
    recorder = Recorder(run)
    if request.write_back and not request.shard:
        check_writable(request.write_back)
    if request.shard:
        report = _render_shard(run, recorder, request.shard)
    else:
        report = survive_damage(run, lambda: _render(run, recorder))
    report = replace(report, wall_seconds=round(time.monotonic() - started, 3))
    close(run, report)
    on_event(report)
    return report


def _render(run: RunContext, recorder: Recorder) -> Report:
    plan = plan_script(run, force=run.request.force and not recorder.has_rendered)  # script -> plan
    claim_files(run)
    run.on_event(_started(run, plan))
    recorded = gather_takes(run, recorder, plan)  # plan -> takes
    delivery = open_delivery(run, recorded.plan, recorded.takes, recorded.dub)  # takes -> edit
    outputs = deliver(delivery)  # edit -> master -> delivery
    return conclude(run, plan, recorded, delivery, outputs)


def _render_shard(run: RunContext, recorder: Recorder, shard: Shard) -> Report:
    """Put a share of the takes into the cache, and leave the rest to the other shards."""
    whole = plan_script(run, force=run.request.force)
    run.shard_run.join(describe_work(whole), shard.count)
    plan = take_share(whole, shard)
    run.on_event(_started(run, plan))
    plan = recorder.record(plan)
    state = recorder.state
    outcomes = line_outcomes(plan, plan.takes.keys() | state.rendered, state.rendered, state.errors)
    report = report_lines(run, plan, {**plan.takes, **state.flagged}, outcomes, state)
    if report.status == "ok":
        run.shard_run.finish(shard.index)
    return replace(report, shard=shard)


def survive_damage(run: RunContext, work: Callable[[], Result]) -> Result:
    """Do the work, and do it again where it meets a damaged take, which is then recorded anew."""
    # The last try is outside the loop, so that its damage is raised as it is.
    for _ in range(DAMAGE_TRIES - 1):
        try:
            return work()
        except DamagedTakeError as error:
            # Its bytes may be those that the record names, and still not be such a take.
            run.cache.forget(error.key)
            _drop_damaged(run)
    return work()


def _drop_damaged(run: RunContext) -> None:
    """Read every take once, which deletes the damaged ones: where one is, there may be more."""
    for take in plan_script(run).takes.values():
        with suppress(DamagedTakeError):
            run.cache.read(take)


def _started(run: RunContext, plan: Plan) -> Started:
    return Started(manifest=run.manifest.name, out=str(run.out), lines=len(plan.lines), to_render=len(plan.to_render))


# --- without any work -----------------------------------------------------------------------------------


def check(request: RenderRequest, settings: Settings) -> Manifest:
    """Load a manifest and check all of it, the clips of its voices too; raises `InputError` with every problem."""
    manifest = load(request, settings)
    own = [emotion for speaker in manifest.speakers.values() for emotion in speaker.emotions.values()]
    for voice in manifest.voices.values():
        conditionals_requests_of(voice, get_spec(voice.engine), (*manifest.emotions.values(), *own))
    return manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run would do: its plan, the lines it would render, and the seconds of audio they are guessed to make."""

    plan: Plan
    to_render: tuple[PlannedLine, ...]
    audio_seconds: float


def dry_run(request: RenderRequest, settings: Settings) -> Forecast:
    """Return what `render` would do, and why; nothing is written. Raises `InputError` and `UsageError` as it does."""
    run = open_run(request, settings, lambda _: None, Stop())
    plan = plan_script(run, force=request.force)
    if not request.shard:
        claim_files(run)
    return Forecast(plan=plan, to_render=plan.to_render, audio_seconds=sum(job.estimated_s for job in make_jobs(plan)))
