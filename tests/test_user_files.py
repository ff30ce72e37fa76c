"""What a user names is a file: a pipe or a device in its place is refused at once, everywhere."""

import os
from pathlib import Path

import pytest

from tts_cli import user_files

SAID = "is a pipe or a device"


def fifo(path: str) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    return Path(path)


def test_each_place_that_a_manifest_names(cli) -> None:
    """Nobody writes into these pipes: whoever opens one to read waits for ever."""
    fifo("pipe.png")
    fifo("pipe.yaml")
    fifo("pipe.wav")
    fifo("pipe.csv")
    fifo("pipe.pt")
    fifo("voices/v/voice.yaml")
    cases = {
        "cover": "project: {cover: pipe.png}\nlines: [hi]\n",
        "include": "include: pipe.yaml\nlines: [hi]\n",
        "extends": "extends: pipe.yaml\nlines: [hi]\n",
        "sheet": "lines: pipe.csv\n",
        "clip": "lines: [{audio: pipe.wav, text: hi}]\n",
        "state": "lines: [{voice: ./pipe.pt, text: hi}]\n",
        "voice": "lines: [{voice: ./voices/v, text: hi}]\n",
        "reference": "emotions: {odd: {reference: pipe.wav}}\nlines: [{text: hi, emotion: odd}]\n",
        "device": "project: {cover: /dev/zero}\nlines: [hi]\n",
    }
    for name, text in cases.items():
        Path("book.yaml").write_text(text)
        result = cli("check", "book.yaml")
        assert result.code == 3, (name, result)
        assert "Traceback" not in result.err


def test_each_place_that_a_command_names(cli, tmp_path: Path) -> None:
    clip, pack = fifo("clip.wav"), fifo("a.ttsvoice")
    fifo("home/voices/ann/voice.yaml")
    fifo("home/emotions/odd.yaml")
    fifo("home/recipes/own.yaml")
    for command in (
        ["clone", "z", clip],
        ["clone", "z", "/dev/zero"],
        ["voices", "unpack", pack],
        ["precompute", "./pipe.pt"],
        ["voices", "show", "ann"],
        ["voices", "list"],
        ["render", "book.yaml", "--recipe", "own"],
        ["export", "book.yaml", "--recipe", "dub", "--video", clip],
        ["export", "book.yaml", "--recipe", "dub", "--bed", clip],
    ):
        Path("book.yaml").write_text("lines: [{emotion: odd, text: hi}]\n")
        result = cli(*command)
        assert "Traceback" not in result.err
        assert result.code != 1, (command, result)


@pytest.mark.parametrize("option", ["--video", "--bed"])
@pytest.mark.parametrize("place", ["pipe.wav", "/dev/zero"])
def test_a_film_and_a_bed_are_files(cli, option: str, place: str) -> None:
    fifo("pipe.wav")
    Path("film.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nHello.\n")
    result = cli("export", "film.srt", "--recipe", "dub", option, place, "-o", "out")
    assert result.code == 2, result.err
    assert f"{option} {place} {SAID}" in result.err
    assert not Path("out").exists()


def test_a_manifest_on_the_command_line_may_be_a_pipe(cli) -> None:
    """Shells make them: `tts-cli check <(make-script)`."""
    readable, writable = os.pipe()
    os.write(writable, b"lines: [hi]\n")
    os.close(writable)

    result = cli("check", f"/dev/fd/{readable}")

    os.close(readable)
    assert result.code == 0, result.err


def test_what_may_not_be_looked_at_is_no_file(cli) -> None:
    for path in ("/proc/1/root/nope.yaml", "/proc/1/root/etc/nope.wav", "a" * 300, "x\0y"):
        for text in ("include: {0!r}\nlines: [hi]\n", "lines: [{{audio: {0!r}, text: hi}}]\n", "lines: {0!r}\n"):
            Path("book.yaml").write_text(text.format(path))
            assert cli("check", "book.yaml").code == 3
        assert not user_files.is_file(path)


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")

    assert user_files.read_file(path, 5) == b"12345"
    with pytest.raises(user_files.TooLargeError):
        user_files.read_file(path, 4)
    for other in (tmp_path, "/dev/null", "x\0y", tmp_path / "nope"):
        with pytest.raises(OSError, match=r"folder|pipe|no name|No such"):
            user_files.open_file(other)
