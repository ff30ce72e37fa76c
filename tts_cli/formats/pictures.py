"""Cover pictures: what they are, told by their first bytes, and whether they open."""

from pathlib import Path

from tts_cli.audio.io.cover import LARGEST_SIDE, read_cover
from tts_cli.errors import OutputError, Problem, Source
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


def find_cover_problem(path: str | Path, source: Source) -> Problem | None:
    """Open a cover: what cannot be one is a problem, what will be converted for players a warning."""
    if fault := picture_fault(path):
        return Problem(source, f"cover: {fault}", "name a JPEG or a PNG file")
    try:
        _, changes = read_cover(Path(path))
    except OutputError as error:
        return Problem(source, f"cover: {error.message}", "name a JPEG or a PNG file that opens")
    if not changes:
        return None
    hint = f"files get a copy that players show: RGB of 8 bits, at most {LARGEST_SIDE} pixels a side"
    return Problem(source, f"cover: {path} is {' and '.join(changes)}", hint, "warning")
