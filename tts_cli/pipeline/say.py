"""One sentence, or one file, to one piece of sound: the stages of a render, with nothing beside what was asked for."""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tts_cli.audio.io.containers import FORMATS
from tts_cli.formats.recipes import find_recipe
from tts_cli.pipeline.conclude import report_lines
from tts_cli.pipeline.delivery.deliver import deliver, open_delivery
from tts_cli.pipeline.master.report import line_outcomes
from tts_cli.pipeline.model import Report
from tts_cli.pipeline.request import EventSink, RenderRequest
from tts_cli.pipeline.run import survive_damage
from tts_cli.pipeline.session import RunContext, load, open_run, plan_script
from tts_cli.pipeline.takes.record import Recorder, gather_takes
from tts_cli.recipe import Delivery, Recipe
from tts_cli.settings import Settings
from tts_cli.types import Manifest
from tts_cli.workers.stop import Stop

SOUND = "default"
"""The recipe whose loudness it has."""
MAKER = b"tts-cli "
_TAGS_BYTES = 2**20
_LONGEST_TITLE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SayRequest:
    """What is to be spoken: a `source` as a render has it, whose `out` is not used; and how the file is to end.

    What is spoken without a file is called `title`.
    """

    source: RenderRequest
    suffix: str = ".wav"
    title: str = ""


def say(
    request: SayRequest, settings: Settings, keep: Callable[[Path], None], on_event: EventSink, stop: Stop | None = None
) -> Report:
    """Speak it, and give the finished file to `keep`, which has to take it away; where a line failed, there is none.

    Raises what `render` raises.
    """
    started = time.monotonic()
    manifest = _called(load(request.source, settings), request.title)
    with tempfile.TemporaryDirectory(prefix="tts-cli-say-") as folder:
        source = replace(request.source, out=Path(folder))
        run = open_run(source, settings, on_event, stop or Stop(), manifest, _recipe(settings, request.suffix))
        recorder = Recorder(run)
        report = survive_damage(run, lambda: _say(run, recorder, keep))
    report = replace(report, wall_seconds=round(time.monotonic() - started, 3))
    on_event(report)
    return report


def _called(manifest: Manifest, title: str) -> Manifest:
    return replace(manifest, name=title[:_LONGEST_TITLE]) if title else manifest


def _recipe(settings: Settings, suffix: str) -> Recipe:
    """Return the default recipe as one file, without the silence around it."""
    recipe = find_recipe(SOUND, settings.home)
    sound = replace(recipe, format=FORMATS[suffix], split="programme", head_s=0.0, tail_s=0.0, deliver=())
    return replace(sound, deliver=(Delivery(kind="programme", file=f"say{suffix}", sound=sound),))


def is_ours(path: Path) -> bool:
    """Tell whether a sound file says in its tags that tts-cli made it; they lie at its beginning or its end."""
    try:
        with path.open("rb") as file:
            head = file.read(_TAGS_BYTES)
            file.seek(-min(_TAGS_BYTES, path.stat().st_size), os.SEEK_END)
            return MAKER in head or MAKER in file.read()
    except OSError:
        return False


def _say(run: RunContext, recorder: Recorder, keep: Callable[[Path], None]) -> Report:
    recorded = gather_takes(run, recorder, plan_script(run))
    delivery = open_delivery(run, recorded.plan, recorded.takes, recorded.dub, run.recipe)
    outputs = deliver(delivery)
    for output in outputs:
        keep(run.out / output.path)
    state = recorded.state
    outcomes = line_outcomes(recorded.plan, recorded.takes, state.rendered, state.errors)
    report = report_lines(run, recorded.plan, recorded.takes, outcomes, state)
    seconds = round(sum(output.seconds for output in outputs), 3)
    return replace(report, outputs=outputs, audio_seconds=seconds, recipe=run.recipe)
