"""The main job against what a user would do instead: a cold run, an hour of mastering, and a run with nothing to do."""

import csv
import json
import random
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tts_cli.audio.io.files import decode_take
from tts_cli.bench.timing import Log, Row, Timing, best_of, this_tool, time_command
from tts_cli.pipeline.master.timeline_json import read_timeline

WORDS = (  # noqa: SIM905  a list of forty strings is no easier to read
    "the river ran past a bank of old willows and nobody in boat said what every animal there had known since morning "
    "that spring was coming over water with its first light wind and a smell of earth grass rain smoke"
).split()


def write_sheet(
    path: Path, lines: int, *, words: tuple[int, int] = (6, 18), more: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Write a CSV manifest of made-up sentences, with `more` columns of one value each; the same for the same."""
    chance = random.Random(lines)
    with path.open("w", newline="", encoding="utf-8") as file:
        sheet = csv.writer(file)
        sheet.writerow(["id", "text", *more])
        for number in range(lines):
            sentence = " ".join(chance.choices(WORDS, k=chance.randint(*words)))
            sheet.writerow([f"line-{number:05}", f"{sentence.capitalize()} {number}.", *more.values()])


def bench_cold(folder: Path, *, lines: int, say: Log) -> list[Row]:
    """Render a sheet from nothing, against one espeak-ng process per line, ffmpeg concat and two-pass loudnorm."""
    sheet, takes = folder / "cold.csv", folder / "espeak"
    takes.mkdir()
    write_sheet(sheet, lines)
    say(f"rendering {lines:,} lines from nothing")
    ours = time_command(
        this_tool("render", sheet, "-o", folder / "cold", "--cache", folder / "cache"), log=folder / "ours.log"
    )
    if not shutil.which("espeak-ng"):
        return [Row(what="tts-cli render", timing=ours, ratio=1.0, note="espeak-ng is not installed: no comparison")]
    say("the same by a process per line and loudnorm")
    theirs = time_command(baseline("speak-each", sheet, takes), log=folder / "theirs.log")
    return _compare("tts-cli render", ours, {"espeak-ng per line, concat, loudnorm": theirs})


def bench_master(folder: Path, *, hours: float, baselines: bool, say: Log) -> list[Row]:
    """Stitch, master and encode cached takes to mp3, against the bare encoder, pydub, and concat with loudnorm."""
    sheet, cache, out = folder / "master.csv", folder / "cache", folder / "master"
    write_sheet(sheet, round(hours * 700))
    (folder / "recipes").mkdir(exist_ok=True)
    mp3 = folder / "recipes" / "mp3.yaml"
    mp3.write_text("format: mp3\nsplit: programme\nbitrate_kbps: 192\nsample_rate: 44100\n")
    say(f"rendering the takes of about {hours:g} hours")
    time_command(this_tool("render", sheet, "-o", folder / "wav", "--cache", cache), log=folder / "takes.log")
    say("mastering to mp3")
    ours = time_command(
        this_tool("render", sheet, "-o", out, "--cache", cache, "--recipe", mp3), log=folder / "ours.log"
    )
    say("the bare encoder")
    encoder = time_command(
        baseline("encoder", folder / "wav" / "master.wav", folder / "bare.mp3"), log=folder / "theirs.log"
    )
    rows = [
        Row(what="mp3 encoder alone (the limit)", timing=encoder, ratio=1.0),
        Row(what="tts-cli: stitch, master, encode, measure", timing=ours, ratio=ours.wall_s / encoder.wall_s),
    ]
    if baselines:
        _write_takes(cache, folder / "wavs", folder / "wav" / "timeline.json")
        for name in ("concat-loudnorm", "pydub"):
            say(name)
            timing = time_command(baseline(name, folder / "wavs", folder / f"{name}.mp3"), log=folder / "theirs.log")
            rows.append(Row(what=name, timing=timing, ratio=timing.wall_s / encoder.wall_s))
    return rows


def bench_noop(folder: Path, *, lines: int, say: Log) -> list[Row]:
    """Run again with nothing to do, against reading the sheet with pandas and parsing every record."""
    sheet, cache = folder / "noop.csv", folder / "noop-cache"
    write_sheet(sheet, lines, words=(1, 2))
    recipe = folder / "small.yaml"
    recipe.write_text("format: flac\nsplit: programme\nsample_rate: 22050\nbits: 16\n")
    render = this_tool("render", sheet, "-o", folder / "noop", "--cache", cache, "--recipe", recipe)
    say(f"rendering {lines:,} lines once")
    time_command(render, log=folder / "first.log")
    say("running again")
    ours = best_of(3, render, log=folder / "ours.log")
    bare = best_of(3, baseline("read-records", sheet, cache), log=folder / "theirs.log")
    return [
        Row(what="pandas and json alone (the limit)", timing=bare, ratio=1.0),
        Row(what="tts-cli render, nothing to do", timing=ours, ratio=ours.wall_s / bare.wall_s),
    ]


def _compare(what: str, ours: Timing, others: dict[str, Timing]) -> list[Row]:
    rows = [Row(what=what, timing=ours, ratio=1.0)]
    return rows + [Row(what=name, timing=theirs, ratio=theirs.wall_s / ours.wall_s) for name, theirs in others.items()]


def baseline(name: str, *arguments: Path) -> list[str]:
    """Return the command line of one of the other ways."""
    return [sys.executable, "-m", "tts_cli.bench.baselines", name, *map(str, arguments)]


def _write_takes(cache: Path, folder: Path, timeline: Path) -> None:
    """Lay the takes out as numbered WAV files, which is what the other ways start from."""
    import soundfile

    folder.mkdir()
    for number, clip in enumerate(read_timeline(timeline).clips):
        key = clip.take
        blob = json.loads((cache / "ac" / key[:2] / f"{key}.json").read_bytes())["blob"]
        samples, sample_rate = decode_take((cache / "cas" / blob[:2] / f"{blob}.flac").read_bytes())
        soundfile.write(folder / f"{number:05}.wav", samples, sample_rate, subtype="PCM_16")
