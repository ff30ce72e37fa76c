"""Which shards of a project are at work on one cache: `shards/<project>/run.json`, and a file for each that is done.

The first shard writes the record, if nobody has; those that come later must agree with it.
"""

import contextlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from tts_cli.cache.keys import canonical_json, digest
from tts_cli.errors import OutputError, UsageError, refused

RECORD = "run.json"
TRIES = 1000


class _Record(TypedDict):
    """What shards must agree on."""

    work: str
    shards: int
    project: str


@dataclass(frozen=True, slots=True)
class ShardRun:
    """The shards of one project, named by where its manifest lies."""

    cache: Path
    project: str

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return self.cache / "shards" / digest(self.project)[:16]

    def join(self, work: str, count: int) -> None:
        """Take part in a run of so many shards over this work.

        Raises `UsageError` where shards of another count, or of other work, have begun and are not all done.
        """
        mine = _Record(work=work, shards=count, project=self.project)
        # Another shard may write or remove the record between two of these steps; then they are done again.
        for _ in range(TRIES):
            if self._create(mine):
                return
            theirs = self._read()
            if theirs == mine:
                return
            if theirs and len(self.finished()) < theirs["shards"]:
                raise UsageError(_mismatch(theirs, mine, len(self.finished())), hint=_HINT)
            self.close()
        raise OutputError(f"{self.folder} cannot be made anew", hint="remove it, or choose another cache with --cache")

    def finish(self, index: int) -> None:
        """Note that a shard has rendered all its lines."""
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile, by a run of the whole
            (self.folder / f"{index}.done").touch()

    def finished(self) -> frozenset[int]:
        """Return the shards that are done."""
        return frozenset(int(path.stem) for path in self.folder.glob("*.done") if path.stem.isdecimal())

    def count(self, work: str) -> int:
        """Return how many shards are at this very work, 0 if none are."""
        found = self._read()
        return found["shards"] if found and found["work"] == work else 0

    def close(self) -> None:
        """Forget the run: whatever it was, it is over."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _create(self, record: _Record) -> bool:
        """Write the record if there is none; False if there is one. A link is made whole or not at all."""
        temporary = self.folder / f".tmp-{secrets.token_hex(8)}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(canonical_json(record))
            os.link(temporary, self.folder / RECORD)
        except FileExistsError:
            return False
        except OSError as error:
            raise refused(self.folder, "be written", error) from error
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def _read(self) -> _Record | None:
        try:
            found = json.loads((self.folder / RECORD).read_bytes())
            work, shards, project = found["work"], found["shards"], found["project"]
            if (type(work), type(shards), type(project)) != (str, int, str):
                return None
            return _Record(work=work, shards=shards, project=project)
        # A record that is gone or damaged agrees with nobody, and is written anew.
        except (OSError, ValueError, KeyError, TypeError):
            return None


_HINT = "let them end, or finish with `tts-cli render ... --stitch-only`, or without --shard: both end that run"


def _mismatch(theirs: _Record, mine: _Record, finished: int) -> str:
    begun = f"a run in {theirs['shards']} shards has begun ({finished} done)"
    if theirs["shards"] != mine["shards"]:
        return f"{begun}; this would be one of {mine['shards']}"
    return f"{begun}, of another version of the script or of an engine"
