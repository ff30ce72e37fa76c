"""Playing a sound to whoever sits at the machine, by the first player that is there and works."""

import shutil
import subprocess
from pathlib import Path

PLAYERS = (
    ("afplay",),
    ("pw-play",),
    ("paplay",),
    ("ffplay", "-v", "error", "-nodisp", "-autoexit"),
    ("mpv", "--no-video", "--really-quiet"),
    ("play", "-q"),
    ("aplay", "-q"),
)
"""Players and their options; the file comes last. The systems' own come first."""


def play(path: Path) -> bool:
    """Play a file to its end; returns False where there is no player, or no loudspeaker for it."""
    for name, *options in PLAYERS:
        program = shutil.which(name)
        if program and subprocess.run([program, *options, str(path)], check=False, capture_output=True).returncode == 0:
            return True
    return False
