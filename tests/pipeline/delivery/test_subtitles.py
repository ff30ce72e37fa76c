"""Subtitles against the sound that was shipped with them: whether a cue begins when its words do, to the end."""

import itertools
import json
import re
from pathlib import Path

import numpy as np

LINES = 40


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def test_cues_begin_and_end_with_their_words_and_never_drift(cli, tmp_path: Path, decode) -> None:
    rows = "\n".join(f"narrator,{'abcd'[index // 10]},Sentence number {index} is here." for index in range(LINES))
    (tmp_path / "book.csv").write_text(f"speaker,chapter,text\n{rows}\n")

    result = cli("export", "book.csv", "--recipe", "web", "-o", "out")

    assert result.code == 0, result.err
    samples = decode(tmp_path / "out" / "web" / "book.opus")
    text = (tmp_path / "out" / "web" / "book.vtt").read_text()
    times = [(seconds(a), seconds(b)) for a, b in re.findall(r"([\d:.]+) --> ([\d:.]+)", text)]
    assert len(times) == LINES
    loud = np.abs(samples[: samples.size // 480 * 480].reshape(-1, 480)).max(axis=1) > 0.01
    onsets = [
        at / 100 for at in np.flatnonzero(loud & ~np.convolve(loud, np.ones(40), "full")[: loud.size].astype(bool))
    ]
    onsets = [at / 100 for at in range(1, loud.size) if loud[at] and not loud[max(0, at - 40) : at].any()]
    assert len(onsets) == LINES
    errors = [start - onset for (start, _), onset in zip(times, onsets, strict=True)]
    assert max(map(abs, errors)) < 0.06
    assert abs(np.mean(errors[:10]) - np.mean(errors[-10:])) < 0.01
    assert all(end <= after for (_, end), (after, _) in itertools.pairwise(times))
    words = [word for cue in json.loads((tmp_path / "out/web/book.json").read_text())["cues"] for word in cue["words"]]
    assert len(words) == LINES * 5
    assert all(start <= end for _, start, end in words)


def test_what_is_shown_is_the_text_and_not_what_is_said(cli, tmp_path: Path) -> None:
    (tmp_path / "book.yaml").write_text(
        "lines:\n"
        '  - {speaker: rat, text: "Is that Dr. Rat? [pause:800ms] It is 9:30.", say: "Doctor Rat? Half past nine."}\n'
        '  - {speaker: mole, text: "<Hullo>"}\n'
    )

    assert cli("export", "book.yaml", "--recipe", "web", "-o", "out").code == 0

    text = (tmp_path / "out" / "web" / "book.vtt").read_text()
    assert "<v rat>Is that Dr. Rat? It is 9:30." in text
    assert "<v mole>&lt;Hullo&gt;" in text


def test_recordings_have_cues_without_words(cli, real_book: Path, tmp_path: Path) -> None:
    assert cli("export", real_book, "--recipe", "web", "-o", "out").code == 0

    cues = json.loads((tmp_path / "out" / "web" / "real.json").read_text())["cues"]
    assert [cue["text"] for cue in cues] == [f"words {index}" for index in range(6)]
    assert not [cue for cue in cues if "words" in cue]
