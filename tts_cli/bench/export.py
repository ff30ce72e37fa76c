"""A book's m4b and its chapters' mp3s, against the bare encoders and what people use instead."""

import csv
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from tts_cli.audio.io.ffmpeg import DEMUXERS, decoding
from tts_cli.audio.io.files import decode_take
from tts_cli.bench.pipeline import WORDS
from tts_cli.bench.timing import Log, Row, Timing, this_tool, time_command
from tts_cli.pipeline.master.timeline_json import read_timeline

CHAPTERS_PER_HOUR = 6
LINES_PER_HOUR = 700
RECIPE = """\
split: chapter
sample_rate: 44100
loudness_lufs: -19
true_peak_dbtp: -3
deliver:
  - {kind: programme, file: "{name}.m4b", bitrate_kbps: 96, require: {lufs: -20..-18, true_peak_dbtp: ..-3}}
  - {kind: chapters, file: "{chapter}.mp3", bitrate_kbps: 192, require: {lufs: -20..-18, true_peak_dbtp: ..-3}}
"""
_NAMES = {
    "concat": "m4b-tool's way: chapters encoded on all cores, joined by concat; nothing levelled or measured",
    "pydub": "pydub: concatenate, normalise peaks, export",
}


def bench_export(folder: Path, *, hours: float, baselines: bool, say: Log) -> dict[str, Sequence[Row]]:
    """Export a book of cached takes, again after one line was edited, and the same by other means."""
    sheet, cache = folder / "book.csv", folder / "cache"
    recipe = folder / "bench.yaml"
    recipe.write_text(RECIPE)
    lines = _write_book(sheet, hours)
    say(f"rendering the takes and the PCM of about {hours:g} hours")
    render = this_tool("render", sheet, "-o", folder / "masters", "--cache", cache)
    time_command(render, log=folder / "render.log")
    export = this_tool("export", sheet, "--recipe", recipe, "-o", folder / "ours", "--cache", cache)
    say("exporting")
    ours = time_command(export, log=folder / "ours.log")
    say("the bare encoders")
    bare = _baseline("bare", folder / "masters", folder / "bare")
    slow = _baseline("bare-default", folder / "masters", folder / "bare-default")
    rows = [
        Row(what="the same encoders alone, on finished PCM and all cores (the limit)", timing=bare, ratio=1.0),
        Row(what="tts-cli export: stitch, master, encode, measure", timing=ours, ratio=ours.wall_s / bare.wall_s),
        Row(what="encoders alone, AAC as ffmpeg has it by default", timing=slow, ratio=slow.wall_s / bare.wall_s),
    ]
    say("again, with one line edited")
    _write_book(sheet, hours, edited=lines // 2)
    again = time_command(export, log=folder / "again.log")
    rows.append(Row(what="tts-cli export, one line edited", timing=again, ratio=again.wall_s / bare.wall_s))
    if baselines:
        _write_takes(cache, folder / "takes", folder / "masters" / "timeline.json")
        for name, what in _NAMES.items():
            say(name)
            timing = _baseline(name, folder / "takes", folder / name)
            rows.append(Row(what=what, timing=timing, ratio=timing.wall_s / bare.wall_s, note=_drift(folder / name)))
    return {"export": rows}


def _write_book(path: Path, hours: float, edited: int = -1) -> int:
    """Write a sheet of made-up sentences in chapters, the same each time but for one line; return their number."""
    chance = random.Random(round(hours * 1000))
    lines = round(hours * LINES_PER_HOUR)
    chapters = max(2, round(hours * CHAPTERS_PER_HOUR))
    with path.open("w", newline="", encoding="utf-8") as file:
        sheet = csv.writer(file)
        sheet.writerow(["id", "chapter", "text"])
        for number in range(lines):
            sentence = " ".join(chance.choices(WORDS, k=chance.randint(6, 18)))
            text = f"{sentence.capitalize()} {number}{' again' if number == edited else ''}."
            sheet.writerow([f"line-{number:05}", f"c{number * chapters // lines:03}", text])
    return lines


def _baseline(name: str, source: Path, out: Path) -> Timing:
    out.mkdir()
    argv = [sys.executable, "-m", "tts_cli.bench.export_baselines", name, str(source), str(out)]
    return time_command(argv, log=out / "log")


def _write_takes(cache: Path, folder: Path, timeline: Path) -> None:
    """Lay the takes out as numbered WAV files in a folder for each chapter: what the other ways start from."""
    import soundfile

    for number, clip in enumerate(read_timeline(timeline).clips):
        record = json.loads((cache / "ac" / clip.take[:2] / f"{clip.take}.json").read_bytes())
        blob = record["blob"]
        samples, sample_rate = decode_take((cache / "cas" / blob[:2] / f"{blob}.flac").read_bytes())
        chapter = folder / Path(clip.master).stem
        chapter.mkdir(parents=True, exist_ok=True)
        soundfile.write(chapter / f"{number:05}.wav", samples, sample_rate, subtype="PCM_16")


def _drift(folder: Path) -> str:
    """Say how far the last chapter's mark would be off: how much longer the m4b is than its chapters' sound."""
    whole = _seconds(folder / "book.m4b")
    parts = sum(_seconds(path) for path in folder.glob("*.mp3"))
    return f"m4b {(whole - parts) * 1000:+.0f} ms against its chapters"


def _seconds(path: Path) -> float:
    with decoding(path, DEMUXERS[path.suffix]) as decoded:
        frames: int = sum(block.shape[0] for block in decoded.blocks)
        return frames / decoded.sample_rate
