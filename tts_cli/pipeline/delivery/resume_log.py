"""What an export has finished so far, line by line, so that one that was killed goes on where it was."""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock

from tts_cli.pipeline.master.previous_run import deliverable_from_json
from tts_cli.pipeline.model import Deliverable

RESUME_LOG_FILE = ".tts-cli-resume.jsonl"


class ResumeLog:
    """A file that grows by a line for each finished deliverable; a line torn by a kill is passed over."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RESUME_LOG_FILE
        self._lock = Lock()

    def read(self) -> dict[str, Deliverable]:
        """Return what an export that did not come to its end has finished, by path."""
        found: dict[str, Deliverable] = {}
        with suppress(OSError):
            for line in self._path.read_bytes().splitlines():
                with suppress(ValueError, KeyError, TypeError):
                    delivered = deliverable_from_json(json.loads(line))
                    found[delivered.path] = delivered
        return found

    def add(self, delivered: Deliverable) -> None:
        """Note a finished deliverable."""
        line = json.dumps(asdict(delivered), ensure_ascii=False).encode("utf-8", "surrogatepass")
        with self._lock, self._path.open("ab") as file:
            file.write(line + b"\n")

    def close(self) -> None:
        """Remove it: the export's report says all of it by now."""
        self._path.unlink(missing_ok=True)
