"""Cover pictures: what they are, told by their first bytes; standard library only."""

from pathlib import Path

_BEGINNINGS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}


def picture_kind(path: str | Path) -> str:
    """Return "jpeg" or "png", and "" for a file that is neither; raises OSError when it cannot be read."""
    with Path(path).open("rb") as file:
        start = file.read(8)
    return next((kind for beginning, kind in _BEGINNINGS.items() if start.startswith(beginning)), "")


def picture_fault(path: str | Path) -> str:
    """Return why a file cannot be a cover; empty when it can."""
    try:
        return "" if picture_kind(path) else f"{path} is neither a JPEG nor a PNG picture"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
