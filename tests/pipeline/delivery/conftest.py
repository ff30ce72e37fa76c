"""What the tests of exports share: tools that are not ours, and books of real speech."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tts_cli.audio.io.ffmpeg import ffmpeg_path


def _decode(path: Path) -> np.ndarray:
    """Decode with ffmpeg alone, as any player would: mono float32 [frames]."""
    argv = [ffmpeg_path(), "-v", "error", "-i", str(path), "-map", "0:a", "-f", "f32le", "-ac", "1", "-"]
    return np.frombuffer(subprocess.run(argv, capture_output=True, check=True).stdout, np.float32)


def _chapters_of(path: Path) -> list[tuple[float, float, str]]:
    """Read chapter marks with ffmpeg: start and end in seconds, and the title."""
    argv = [ffmpeg_path(), "-v", "error", "-i", str(path), "-f", "ffmetadata", "-"]
    text = subprocess.run(argv, capture_output=True, check=True).stdout.decode()
    found = []
    for block in text.split("[CHAPTER]\n")[1:]:
        fields = dict(line.split("=", 1) for line in block.strip().splitlines() if "=" in line)
        above, below = map(int, fields["TIMEBASE"].split("/"))
        start, end = (int(fields[name]) * above / below for name in ("START", "END"))
        found.append((start, end, fields["title"].replace("\\", "")))
    return found


def _loudness_of(path: Path, channels: int = 1) -> tuple[float, float]:
    """Let ffmpeg's ebur128 measure a file: integrated loudness and true peak."""
    graph = f"aformat=channel_layouts={'mono' if channels == 1 else 'stereo'},ebur128=peak=true"
    argv = [ffmpeg_path(), "-nostats", "-i", str(path), "-map", "0:a", "-af", graph, "-f", "null", "-"]
    said = subprocess.run(argv, capture_output=True, check=True, text=True).stderr.rpartition("Summary:")[2]
    words = said.split()
    return float(words[words.index("I:") + 1]), float(words[words.index("Peak:") + 1])


@pytest.fixture
def decode() -> Callable[[Path], np.ndarray]:
    """ffmpeg's decoder."""
    return _decode


@pytest.fixture
def chapters_of() -> Callable[[Path], list[tuple[float, float, str]]]:
    """ffmpeg's view of the chapter marks."""
    return _chapters_of


@pytest.fixture
def loudness_of() -> Callable[..., tuple[float, float]]:
    """ffmpeg's ebur128."""
    return _loudness_of


@pytest.fixture
def real_book(speech: Path, tmp_path: Path) -> Path:
    """Six people who were recorded as they are: peaky, noisy, unprocessed; two chapters."""
    files = sorted(speech.glob("*.flac"))[::3]
    rows = "\n".join(
        f"{'one' if index < 3 else 'two'},{path},reader{index},words {index}" for index, path in enumerate(files)
    )
    path = tmp_path / "real.csv"
    path.write_text(f"chapter,audio,speaker,text\n{rows}\n")
    return path
