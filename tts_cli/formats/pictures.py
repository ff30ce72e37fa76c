"""Cover pictures: what they are, told by their first bytes; standard library only."""

from pathlib import Path

from tts_cli.user_files import open_file

# A cover of 3000 x 3000 pixels is 27 MB when nothing compresses it.
MOST_BYTES = 32 * 2**20
_BEGINNINGS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}


def picture_kind(path: str | Path) -> str:
    """Return "jpeg" or "png", and "" for a file that is neither; raises OSError when it cannot be read."""
    with open_file(path) as file:
        start = file.read(8)
    return next((kind for beginning, kind in _BEGINNINGS.items() if start.startswith(beginning)), "")


def picture_fault(path: str | Path) -> str:
    """Return why a file cannot be a cover; empty when it can."""
    try:
        if Path(path).stat().st_size > MOST_BYTES:
            return f"{path} is larger than {MOST_BYTES // 2**20} MiB"
        return "" if picture_kind(path) else f"{path} is neither a JPEG nor a PNG picture"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
