"""What an export has finished so far, line by line, so that one that was killed goes on where it was."""

import json
from contextlib import suppress
from pathlib import Path
from threading import Lock

from tts_cli.pipeline.master.json_files import from_json, to_json, to_utf8
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
                with suppress(ValueError):
                    delivered = from_json(Deliverable, line)
                    found[delivered.path] = delivered
        return found

    def add(self, delivered: Deliverable) -> None:
        """Note a finished deliverable."""
        line = to_utf8(json.dumps(to_json(delivered), ensure_ascii=False))
        with self._lock, self._path.open("ab") as file:
            file.write(line + b"\n")

    def close(self) -> None:
        """Remove it: the export's report says all of it by now."""
        self._path.unlink(missing_ok=True)
