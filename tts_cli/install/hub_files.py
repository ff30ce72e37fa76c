"""What is wanted of a model's files, and whether a file is what it should be."""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tts_cli.engines.base import EngineSpec, Weights
from tts_cli.engines.weights import FetchedFile, hub_folder
from tts_cli.errors import MissingError

COMMIT = re.compile(r"[0-9a-f]{40}")
_HASH = re.compile(r"|[0-9a-f]{40}|[0-9a-f]{64}")
# Parts of paths, without what leads elsewhere, a pattern's signs or what a terminal takes for a command.
_NAME = re.compile(r"(?!\.{1,2}$)[^/\\:*?\[\]<>|\"\x00-\x1f\x7f-\x9f]{1,200}")
_LARGEST = 1 << 42
_DEEPEST = 16
# What a disk should have left after a download.
SPARE_BYTES = 256 * 2**20

OnProgress = Callable[[int, int], None]  # bytes that are here, of how many


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A file as a hub announces it: 64 digits are a sha256, 40 git's sha1, none anything."""

    size: int
    hash: str


def check_announced(repo: str, path: object, size: object, sha: object) -> Announced:
    """Return a file that somebody else announces; raises `MissingError` unless path, size and hash are sound.

    Paths and hashes become names of files: each must be a name, and lead nowhere else.
    """
    names = path.split("/") if isinstance(path, str) else []
    if not 1 <= len(names) <= _DEEPEST or not all(map(_NAME.fullmatch, names)):
        raise _refused(repo, f"a file of the name {path!r:.80}")
    if type(size) is not int or not 0 <= size <= _LARGEST or not isinstance(sha, str) or not _HASH.fullmatch(sha):
        raise _refused(repo, f"a wrong size or hash of {path!r:.80}")
    return Announced(size=size, hash=sha)


def check_commit(repo: str, commit: object) -> str:
    """Return the commit that a hub names for a revision; raises `MissingError` unless it is one."""
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise _refused(repo, f"a commit of the name {commit!r:.80}")
    return commit


def check_answer(repo: str, commit: str | None, names: Iterable[str]) -> None:
    """Refuse an answer whose headers, of which the hub's client makes names of files, are no names."""
    if commit is not None:
        check_commit(repo, commit)
    for name in names:
        # As the client reads it: a weak tag is a tag.
        if not _NAME.fullmatch(name.lstrip("W/").strip('"')):
            raise _refused(repo, f"a file of the hash {name!r:.80}")


def _refused(repo: str, what: str) -> MissingError:
    hint = "it is refused, as it could name a file elsewhere: use another mirror, or --from DIR"
    return MissingError(f"the hub announces {what} in {repo}", hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """A part of an engine's weights, perhaps at another `revision`, from a mirror (`endpoint`), or `offline`."""

    spec: EngineSpec
    weights: Weights
    revision: str = ""
    endpoint: str = ""
    offline: bool = False
    on_progress: OnProgress = lambda _done, _total: None

    @property
    def asked(self) -> str:
        """The revision as given, or the one that the spec pins."""
        return self.revision or self.weights.revision

    @property
    def pins(self) -> Mapping[str, str]:
        """The hashes known beforehand, which hold for the pinned revision only."""
        return self.weights.sha256 if self.asked == self.weights.revision else {}

    @property
    def name(self) -> str:
        """What the user calls it."""
        return f"{self.spec.name}:{self.weights.part}" if self.weights.part else self.spec.name


def repo_folder(repo: str) -> Path:
    """Return where a repository's files lie."""
    return hub_folder().resolve() / f"models--{repo.replace('/', '--')}"


def hash_file(path: Path, method: str = "sha256", start: bytes = b"") -> str:
    """Return the hash of a file's bytes, which `start` goes before."""
    digest = hashlib.new(method, start, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def check_file(path: Path, announced: str) -> FetchedFile | None:
    """Hash a file; None where it is not there, or not what was announced.

    64 digits announce a sha256, 40 git's sha1, none anything.
    """
    if not path.is_file():
        return None
    size, sha256 = path.stat().st_size, hash_file(path)
    # git hashes a header in front of the bytes.
    found = hash_file(path, "sha1", f"blob {size}\0".encode()) if len(announced) == 40 else sha256
    return FetchedFile(sha256=sha256, size=size) if not announced or found == announced else None


def is_wanted(path: str, weights: Weights) -> bool:
    """Return whether a file belongs to the part."""
    return any(fnmatchcase(path, pattern) for pattern in weights.files)


def free_bytes(folder: Path) -> int:
    """Return what the disk of a folder has free; the folder need not be there yet."""
    return shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free


def check_room(folder: Path, size: int, what: str) -> None:
    """Raise `MissingError` where the disk has not got `size` bytes to spare."""
    free = free_bytes(folder)
    if free < size + SPARE_BYTES:
        needed = (size + SPARE_BYTES) / 1e9
        raise MissingError(
            f"{what} needs {needed:.1f} GB, and {folder} has {free / 1e9:.1f} GB free",
            hint="make room, or set TTS_CLI_HOME to a folder on another disk",
        )
