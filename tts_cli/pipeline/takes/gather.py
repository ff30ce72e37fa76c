"""Plan -> all takes of a run: recorded or found in the cache, and for a dub fitted to their slots."""

from collections.abc import Mapping
from dataclasses import dataclass

from tts_cli.pipeline.edit.dub import Dub, fit_to_slots
from tts_cli.pipeline.model import Plan
from tts_cli.pipeline.plan.plan import make_plan
from tts_cli.pipeline.session import RunContext
from tts_cli.pipeline.takes.record import Recorder, RecordingState
from tts_cli.types import Manifest, Take


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedScript:
    """A script with the takes that there are by now, by key; `dub` is how its lines were fitted to their slots."""

    plan: Plan
    takes: Mapping[str, Take]
    state: RecordingState
    dub: Dub | None = None


def gather_takes(run: RunContext, recorder: Recorder, plan: Plan) -> RecordedScript:
    """Have the missing takes recorded, and where the recipe says how, the lines fitted to their slots.

    Raises `KeyboardInterrupt` where a stop was asked for, and `DamagedTakeError` for a take that is gone.
    """
    plan, takes = _take_in(run, recorder, plan)
    if not run.recipe.fit:
        return RecordedScript(plan=plan, takes=takes, state=recorder.state)

    def at_other_speeds(manifest: Manifest, changed: frozenset[str]) -> tuple[Plan, dict[str, Take]]:
        selected, force = run.selected & changed, run.request.force
        again = make_plan(manifest, run.cache, selected=selected, past=lambda: run.previous.lines, force=force)
        return _take_in(run, recorder, again)

    dub = fit_to_slots(plan, takes, run.recipe, at_other_speeds)
    return RecordedScript(plan=dub.plan, takes=dict(dub.takes), state=recorder.state, dub=dub)


def _take_in(run: RunContext, recorder: Recorder, plan: Plan) -> tuple[Plan, dict[str, Take]]:
    """Have the missing takes recorded, or where they are only to be stitched, say which are missing."""
    if run.request.stitch_only:
        plan = recorder.use_cached(plan)
        return plan, dict(plan.takes)
    plan = recorder.record(plan)
    return plan, recorder.load_takes(plan)
