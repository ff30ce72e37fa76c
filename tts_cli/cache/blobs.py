"""Content-named files, `cas/<2>/<sha256><suffix>`: written by workers, checked on every read.

Takes are `.flac`, states of voices `.pt`, and clips for engines to imitate `.f32`, which is mono PCM. Standard
library only: the worker process imports this under other environments' pythons.
"""

import contextlib
import hashlib
import os
import secrets
from pathlib import Path

AUDIO, STATE, PCM = ".flac", ".pt", ".f32"


def blob_path(cache: Path, sha256: str, suffix: str = AUDIO) -> Path:
    """Return where a blob of that name lies."""
    return cache / "cas" / sha256[:2] / f"{sha256}{suffix}"


def write_blob(cache: Path, data: bytes, suffix: str = AUDIO) -> str:
    """Store bytes under their sha256 (64 hex digits) and return it; safe beside other writers.

    An existing file is replaced rather than trusted: that is what heals a flipped bit.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    write_atomically(blob_path(cache, sha256, suffix), data)
    return sha256


def read_blob(cache: Path, sha256: str, suffix: str = AUDIO) -> bytes | None:
    """Return the bytes, or None where they are missing or damaged; a damaged file is deleted."""
    path = blob_path(cache, sha256, suffix)
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data).hexdigest() == sha256:
        return data
    with contextlib.suppress(OSError):
        path.unlink()
    return None


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
