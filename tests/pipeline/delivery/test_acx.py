"""The acx recipe on real speech and on the embedded engine, by numpy over what ffmpeg decodes."""

import json
from pathlib import Path

import mutagen.mp3
import numpy as np
import pytest

BOOK = """\
project: {title: A Book, author: Anon}
chapters:
  - {id: one, lines: ["The mole had been working very hard all the morning.", "Something up above was calling him."]}
  - {id: two, lines: ["Good morning, gentlemen."]}
"""


def windows_db(samples: np.ndarray, seconds: float) -> np.ndarray:
    """RMS of consecutive windows, in dB."""
    size = round(seconds * 44_100)
    windows = samples[: samples.size // size * size].astype(np.float64).reshape(-1, size)
    return 10 * np.log10(np.maximum((windows**2).mean(axis=1), 1e-12))


def check_acx(path: Path, decode) -> None:
    info = mutagen.mp3.MP3(path).info
    found = (info.sample_rate, info.channels, round(info.bitrate, -3), str(info.bitrate_mode))
    assert found == (44_100, 1, 192_000, "BitrateMode.CBR")
    samples = decode(path)
    assert -23 <= 10 * np.log10(np.mean(samples.astype(np.float64) ** 2)) <= -18
    assert 20 * np.log10(np.abs(samples).max()) <= -3
    quiet = windows_db(samples, 0.01) < -50
    head, tail = np.argmin(quiet) * 0.01, np.argmin(quiet[::-1]) * 0.01
    assert 0.5 <= head <= 1.0
    assert 1.0 <= tail <= 5.0
    room = samples[round(0.1 * 44_100) : round((head - 0.1) * 44_100)]
    assert -80 < 10 * np.log10(np.mean(room.astype(np.float64) ** 2)) <= -60
    assert windows_db(samples, 0.5).min() <= -60


def test_what_the_engine_speaks(cli, tmp_path: Path, decode) -> None:
    (tmp_path / "book.yaml").write_text(BOOK)

    result = cli("export", "book.yaml", "--recipe", "acx", "-o", "out")

    assert result.code == 6, result.err  # the sample is shorter than a minute, as is the book
    assert "a-book-sample.mp3: seconds is" in result.err
    assert result.err.count("failed:") == 1
    assert "ACX does not take AI narration" in result.err
    files = sorted((tmp_path / "out" / "acx").glob("0*.mp3"))
    assert [path.name for path in files] == [
        "01-opening-credits.mp3",
        "02-one.mp3",
        "03-two.mp3",
        "04-closing-credits.mp3",
    ]
    for path in files:
        check_acx(path, decode)


def test_real_speech(cli, real_book: Path, tmp_path: Path, decode) -> None:
    result = cli("export", real_book, "--recipe", "acx", "-o", "out", "--json")

    [report] = result.json["exports"]
    assert [notice.partition(":")[0] for notice in report["notices"][1:]] == [
        "no opening-credits",
        "no closing-credits",
    ]
    files = sorted((tmp_path / "out" / "acx").glob("0*.mp3"))
    assert len(files) == 2
    for path in files:
        check_acx(path, decode)
        voices = json.loads(path.with_name(f"{path.name}.json").read_text())["voices"]
        assert voices == []  # nobody but people speaks: nothing is labelled as a machine's
        assert not [frame for frame in mutagen.mp3.MP3(path).tags.values() if "AI voice" in str(frame)]


def test_silence_is_told_and_not_called_fine(cli, tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "silence.wav", np.zeros(44_100), 44_100)
    (tmp_path / "silent.csv").write_text("chapter,audio,text\none,silence.wav,nothing\n")

    result = cli("export", "silent.csv", "--recipe", "acx", "-o", "out")

    assert result.code == 6
    assert "rms_db" in result.err


@pytest.mark.parametrize("value", ["5..1", "..", "x..1", ""])
def test_bad_bounds_have_a_place(cli, tmp_path: Path, value: str) -> None:
    (tmp_path / "r.yaml").write_text(
        f"deliver:\n  - kind: programme\n    file: a.wav\n    require: {{lufs: '{value}'}}\n"
    )
    (tmp_path / "b.csv").write_text("text\nHello.\n")

    result = cli("export", "b.csv", "--recipe", "r.yaml")

    assert result.code == 3
    assert "r.yaml:4:" in result.err
