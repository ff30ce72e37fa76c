"""A run as JSON lines: what happened, when, to which line, by which worker; for CI and for later questions.

Each event has `time` (UTC), `elapsed_s` and `event`: begin, worker, take, failed, progress, output, and at last end,
stopped or error.
"""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tts_cli.errors import UsageError, refused
from tts_cli.pipeline.master.report import count_outcomes
from tts_cli.pipeline.model import Deliverable, Report
from tts_cli.pipeline.request import Event, Progress, Recorded, Started
from tts_cli.workers.messages import WorkerEvent

PROGRESS_S = 10.0


def _holds_something_else(path: Path) -> bool:
    """Say whether a file's first line is no event: it is somebody's, and nothing is added to it."""
    try:
        with path.open("rb") as file:
            first = file.readline(10_000)
        return bool(first) and "event" not in json.loads(first)
    except OSError:
        return False
    except (ValueError, TypeError):
        return True


class Journal:
    """Appends the events of a run to a file, each as it happens.

    Raises `UsageError` for a file that holds something else, and `OutputError` for one that cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._started = time.monotonic()
        self._progress_at = self._started
        if _holds_something_else(path):
            hint = "name a new file, or one that an earlier run wrote"
            raise UsageError(f"--events would write into {path}, which holds no events", hint=hint)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise refused(path, "be written", error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self._write("stopped")
        elif error:
            self._write("error", error=str(error))
        self._file.close()

    def __call__(self, notice: Event) -> None:
        """Write down what a run tells."""
        match notice:
            case Started():
                self._write("begin", **asdict(notice))
            case WorkerEvent(what="alive" | "working"):
                pass
            case WorkerEvent():
                self._write("worker", **{name: value for name, value in asdict(notice).items() if name != "calls"})
            case Recorded():
                self._record(notice)
            case Progress():
                self._pace(notice)
            case Deliverable():
                self._write("output", **{name: getattr(notice, name) for name in ("path", "kind", "seconds", "sha256")})
            case Report():
                self._write("end", status=notice.status, lines=count_outcomes(notice), wall_s=notice.wall_seconds)

    def _record(self, recorded: Recorded) -> None:
        call = recorded.utterance
        said: dict[str, Any] = {"line": call.line_id, "part": call.part, "engine": call.engine, "key": call.key}
        if recorded.error:
            self._write("failed", **said, error=recorded.error)
        else:
            audio_s = round(recorded.audio_s, 3)
            self._write("take", **said, worker=recorded.worker, audio_s=audio_s, wall_s=recorded.wall_s)

    def _pace(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._progress_at > PROGRESS_S:
            self._progress_at = now
            self._write("progress", **asdict(progress))

    def _write(self, event: str, **more: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        elapsed_s = round(time.monotonic() - self._started, 3)
        line = {"time": now, "elapsed_s": elapsed_s, "event": event, **more}
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
