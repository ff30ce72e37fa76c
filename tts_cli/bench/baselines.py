"""What people do without this tool, as scripts: `python -m tts_cli.bench.baselines NAME ARGUMENT...`.

Each is the straightforward way of its kind, written as well as its users write it, and is run as a process.
"""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tts_cli.audio.io.ffmpeg import ffmpeg_path

LOUDNORM = "loudnorm=I=-19:TP=-1.5:LRA=11"


def speak_each(sheet: str, folder: str) -> None:
    """One espeak-ng process per line, then concat and a two-pass loudnorm."""
    files = []
    with Path(sheet).open(encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            path = Path(folder, f"{number:05}.wav")
            subprocess.run(["espeak-ng", "-v", "en-us", "-w", str(path), row["text"]], check=True)
            files.append(path)
    _concat_loudnorm(files, Path(folder, "book.wav"), ["-c:a", "pcm_s24le"])


def concat_loudnorm_mp3(folder: str, out: str) -> None:
    """Let ffmpeg concatenate a folder of takes: concat demuxer, two-pass loudnorm, mp3."""
    _concat_loudnorm(sorted(Path(folder).glob("*.wav")), Path(out), ["-b:a", "192k"])


def pydub_mp3(folder: str, out: str) -> None:
    """pydub: add the takes up with silence between them, normalise the peak, export."""
    from pydub import AudioSegment
    from pydub.effects import normalize

    AudioSegment.converter = ffmpeg_path()
    programme = AudioSegment.silent(500, frame_rate=44_100)
    for path in sorted(Path(folder).glob("*.wav")):
        programme += AudioSegment.from_wav(path).set_frame_rate(44_100) + AudioSegment.silent(900, frame_rate=44_100)
    normalize(programme, headroom=1.5).export(out, format="mp3", bitrate="192k")


def encode_mp3(wav: str, out: str) -> None:
    """Encode a finished programme and do nothing else: the limit."""
    _ffmpeg("-i", wav, "-b:a", "192k", out)


def read_records(sheet: str, cache: str) -> None:
    """Read a sheet with pandas and parse every record of the cache: the least a re-run has to look at."""
    import pandas as pd

    pd.read_csv(sheet, dtype=str, keep_default_na=False)
    for path in Path(cache, "ac").glob("*/*.json"):
        json.loads(path.read_bytes())


def stat_records(cache: str) -> None:
    """Read every record and stat every blob of a cache: the least a look at it costs."""
    for path in Path(cache, "ac").glob("*/*.json"):
        path.read_bytes()
    for path in Path(cache, "cas").glob("*/*.flac"):
        path.stat()


def _concat_loudnorm(files: Sequence[Path], out: Path, codec: Sequence[str]) -> None:
    parts = out.with_suffix(".txt")
    parts.write_text("".join(f"file '{path.resolve()}'\n" for path in files))
    source = ["-f", "concat", "-safe", "0", "-i", str(parts)]
    said = _ffmpeg(*source, "-af", f"{LOUDNORM}:print_format=json", "-f", "null", "-")
    found = json.loads(re.findall(r"\{[^{}]*\}", said)[-1])
    measured = ":".join(f"measured_{name}={found[f'input_{key}']}" for name, key in _MEASURED.items())
    second = f"{LOUDNORM}:{measured}:offset={found['target_offset']}:linear=true"
    _ffmpeg(*source, "-af", second, "-ar", "44100", "-ac", "1", *codec, str(out))


_MEASURED = {"I": "i", "TP": "tp", "LRA": "lra", "thresh": "thresh"}


def _ffmpeg(*arguments: str) -> str:
    argv = [ffmpeg_path(), "-nostdin", "-y", "-hide_banner", *arguments]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stderr


BASELINES: dict[str, Callable[..., None]] = {
    "speak-each": speak_each,
    "concat-loudnorm": concat_loudnorm_mp3,
    "pydub": pydub_mp3,
    "encoder": encode_mp3,
    "read-records": read_records,
    "stat-records": stat_records,
}

if __name__ == "__main__":
    BASELINES[sys.argv[1]](*sys.argv[2:])
