"""How people make an m4b and an mp3 per chapter without this tool: `python -m tts_cli.bench.export_baselines NAME ...`.

Each is the straightforward way of its kind, written as well as its users write it, and is run as a process.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tts_cli.audio.io.ffmpeg import ffmpeg_path

AAC = ("-c:a", "aac", "-b:a", "96k")
FAST_AAC = (*AAC, "-aac_coder", "fast")  # what the tool uses, for the same reason: four times as quick, and better
MP3 = ("-c:a", "libmp3lame", "-b:a", "192k")
RATE = ("-ar", "44100", "-ac", "1")


def bare(masters: str, out: str) -> None:
    """Encode finished chapters, on all cores, and do nothing else: the limit. One encoder makes the m4b."""
    _encode(masters, out, FAST_AAC)


def bare_default(masters: str, out: str) -> None:
    """The same with the AAC encoder as ffmpeg has it by default."""
    _encode(masters, out, AAC)


def _encode(masters: str, out: str, aac: Sequence[str]) -> None:
    chapters = sorted(Path(masters).glob("*.wav"))
    listed = _list(Path(out, "all.txt"), chapters)
    book = [*_concat(listed), *aac, str(Path(out, "book.m4b"))]
    _run_all([book, *(["-i", str(path), *MP3, str(Path(out, f"{path.stem}.mp3"))] for path in chapters)])


def concat(takes: str, out: str) -> None:
    """As m4b-tool does: each chapter to a file of its own, on all cores, then the encoded ones concatenated."""
    chapters = sorted(path for path in Path(takes).iterdir() if path.is_dir())
    jobs = []
    for chapter in chapters:
        listed = _list(Path(out, f"{chapter.name}.txt"), sorted(chapter.glob("*.wav")))
        jobs += [[*_concat(listed), *RATE, *AAC, str(Path(out, f"{chapter.name}.m4a"))]]
        jobs += [[*_concat(listed), *RATE, *MP3, str(Path(out, f"{chapter.name}.mp3"))]]
    _run_all(jobs)
    listed = _list(Path(out, "all.txt"), [Path(out, f"{chapter.name}.m4a") for chapter in chapters])
    _ffmpeg(*_concat(listed), "-c", "copy", "-f", "ipod", str(Path(out, "book.m4b")))


def pydub(takes: str, out: str) -> None:
    """pydub: add the takes up, normalise each chapter's peak, export all of it."""
    from pydub import AudioSegment
    from pydub.effects import normalize

    AudioSegment.converter = ffmpeg_path()
    book = AudioSegment.empty()
    for chapter in sorted(path for path in Path(takes).iterdir() if path.is_dir()):
        programme = AudioSegment.silent(500, frame_rate=44_100)
        for path in sorted(chapter.glob("*.wav")):
            programme += AudioSegment.from_wav(path).set_frame_rate(44_100)
        programme = normalize(programme, headroom=3)
        programme.export(Path(out, f"{chapter.name}.mp3"), format="mp3", bitrate="192k")
        book += programme
    book.export(Path(out, "book.m4b"), format="ipod", codec="aac", bitrate="96k")


def _concat(listed: Path) -> list[str]:
    return ["-f", "concat", "-safe", "0", "-i", str(listed)]


def _list(path: Path, files: Sequence[Path]) -> Path:
    path.write_text("".join(f"file '{file.resolve()}'\n" for file in files))
    return path


def _run_all(jobs: Sequence[Sequence[str]]) -> None:
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(lambda job: _ffmpeg(*job), jobs))


def _ffmpeg(*arguments: str) -> None:
    argv = [ffmpeg_path(), "-nostdin", "-y", "-hide_banner", "-loglevel", "error", *arguments]
    subprocess.run(argv, check=True)


BASELINES: dict[str, Callable[[str, str], None]] = {
    "bare": bare,
    "bare-default": bare_default,
    "concat": concat,
    "pydub": pydub,
}

if __name__ == "__main__":
    BASELINES[sys.argv[1]](*sys.argv[2:])
