"""What a run is asked for, and what it tells while it works."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tts_cli.pipeline.model import Deliverable, Report, Shard
from tts_cli.types import Utterance
from tts_cli.workers.messages import WorkerEvent

if TYPE_CHECKING:
    from tts_cli.audio.mastering.bed import Ducking


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How a source is read: the parts of a book to `keep`, and what begins a chapter of a plain text.

    `encoding` is that of a text; without it, it is UTF-8, or is guessed. `sheet` is one of a workbook, else its first.
    """

    keep: tuple[str, ...] = ()
    headings: Literal["spoken", "silent"] = "spoken"
    chapter_pattern: str = ""
    encoding: str = ""
    sheet: str = ""


AS_USUAL = ReadOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderRequest:
    """What a user asks for: a manifest (with its bytes if it comes from stdin) and what to make of it.

    Other sources in `more` follow it in one programme. `defaults` are fields, as a manifest would write them, of lines
    that nobody says them of. Of a `shard` only the takes are made; `stitch_only` makes all but takes. With `overwrite`
    files of others are replaced, with `relevel` the levels that many lines share are found anew.
    """

    manifest: str
    more: tuple[str, ...] = ()
    stdin: bytes | None = None
    format: str | None = None
    reading: ReadOptions = AS_USUAL
    defaults: Mapping[str, str] = field(default_factory=dict)
    out: Path | None = None
    recipe: str = ""
    only: tuple[str, ...] = ()
    force: bool = False
    lines: bool = False
    write_back: Path | None = None
    shard: Shard | None = None
    stitch_only: bool = False
    overwrite: bool = False
    relevel: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DubTarget:
    """What a dub is for: a film to be put into, and what it is heard over, which is turned down while it speaks."""

    video: Path | None = None
    bed: Path | None = None
    ducking: "Ducking | None" = None

    @property
    def under(self) -> Path | None:
        """What lies under the dub: the bed, else the film's own sound where that is to be ducked."""
        return self.bed or (self.video if self.ducking else None)


NO_TARGET = DubTarget()


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A plan is made and the work begins: of so many lines, so many are to be rendered."""

    manifest: str
    out: str
    lines: int
    to_render: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a stage is, in whatever it counts; `eta_s` is a guess at the seconds to go, where there is one."""

    stage: Literal["voice", "record", "master", "export", "review"]
    done: float
    total: float
    note: str = ""
    eta_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of one utterance: `error` is empty where it was recorded; `worker` is who did it."""

    utterance: Utterance
    worker: int = 0
    audio_s: float = 0.0
    wall_s: float = 0.0
    error: str = ""


Event = Started | Progress | Recorded | WorkerEvent | Deliverable | Report
EventSink = Callable[[Event], None]
