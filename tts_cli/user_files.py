"""How a file that a user names is opened: a pipe or a device in its place could hang a run, or have no end."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

NOT_A_FILE = "is a pipe or a device, not a file"


class TooLargeError(OSError):
    """A file is larger than anything of its kind."""


def is_file(path: str | Path) -> bool:
    """Say whether a regular file lies there, of which something may be known; never raises, as pathlib does."""
    return os.path.isfile(path)  # noqa: PTH113


def real_path(path: str) -> str:
    """Return a path with its links followed, as far as they may be read; never raises."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return os.path.abspath(path)  # noqa: PTH100


def open_file(path: str | Path) -> BufferedReader:
    """Open a regular file for reading; raises OSError, whose `strerror` says why, for anything else.

    Nothing waits here for a writer at the other end of a pipe, and no tape is wound.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, "is no name of a file", str(path)) from error
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", str(path))
    raise OSError(errno.EINVAL, NOT_A_FILE, str(path))


def read_file(path: str | Path, most_bytes: int) -> bytes:
    """Read a whole regular file; raises OSError, and `TooLargeError` before more than `most_bytes` are read."""
    with open_file(path) as file:
        # Read, not asked: files of /proc say that they are empty, and others grow meanwhile.
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        limit = f"{most_bytes / 2**20:.0f} MiB" if most_bytes >= 2**20 else f"{most_bytes:,} bytes"
        raise TooLargeError(errno.EFBIG, f"is larger than {limit}", str(path))
    return data
