"""Content-named files, `cas/<2>/<sha256><suffix>`: written by workers, checked on every read.

Takes are `.flac`, states of voices `.pt`, and clips for engines to imitate `.f32`, which is mono PCM. Standard
library only: the worker process imports this under other environments' pythons.
"""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import stat
from pathlib import Path

AUDIO, STATE, PCM = ".flac", ".pt", ".f32"

# Names are part of paths: another one could lead out of the cache.
_NAME = re.compile(r"[0-9a-f]{64}")


def is_name(text: object) -> bool:
    """Say whether something is the name of a blob or of a record: 64 hex digits."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def blob_path(cache: Path, sha256: str, suffix: str = AUDIO) -> Path:
    """Return where a blob of that name lies; raises ValueError for what is no name."""
    if not is_name(sha256):
        raise ValueError(f"{sha256!r} is no name of a blob")
    return cache / "cas" / sha256[:2] / f"{sha256}{suffix}"


def write_blob(cache: Path, data: bytes, suffix: str = AUDIO) -> str:
    """Store bytes under their sha256 (64 hex digits) and return it; safe beside other writers.

    An existing file is replaced rather than trusted: that is what heals a flipped bit.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    write_in_cache(blob_path(cache, sha256, suffix), data)
    return sha256


def read_blob(cache: Path, sha256: str, suffix: str = AUDIO) -> bytes | None:
    """Return the bytes, or None where they are missing or damaged; a damaged file is deleted."""
    if not is_name(sha256):
        return None
    path = blob_path(cache, sha256, suffix)
    try:
        data, _ = read_regular(str(path))
    except OSError:
        return None
    if hashlib.sha256(data).hexdigest() == sha256:
        return data
    with contextlib.suppress(OSError):
        path.unlink()
    return None


def read_regular(path: str) -> tuple[bytes, float]:
    """Return a file's bytes and when it was changed; raises OSError for a link, a folder, a pipe or a device.

    A file object would cost twice as much as these calls.
    """
    # Without O_NONBLOCK a pipe without a writer would wait for ever.
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is not a file")
        data = os.read(file, status.st_size)
        # One call returns at most 2 GiB.
        while len(data) < status.st_size and (more := os.read(file, status.st_size - len(data))):
            data += more
        return data, status.st_mtime
    finally:
        os.close(file)


def write_in_cache(path: Path, data: bytes) -> None:
    """Write a file of the cache as a whole; a folder that stands in its place is removed."""
    try:
        write_atomically(path, data)
    except IsADirectoryError:
        shutil.rmtree(path)
        write_atomically(path, data)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file or nothing: a temporary file beside it, then a rename.

    No fsync: every read of the cache checks a hash, so a file torn by a power cut is only a miss.
    """
    # In the same folder, as a rename is atomic within one file system only.
    temporary = path.with_name(f".tmp-{secrets.token_hex(8)}")
    try:
        try:
            temporary.write_bytes(data)
        except FileNotFoundError:  # the first file in its folder
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
        os.replace(temporary, path)  # noqa: PTH105  one system call, also over an existing file
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):  # under the name that a user knows
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
