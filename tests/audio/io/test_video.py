"""Films made here by ffmpeg: their length, and copies with one more track in which nothing else has changed."""

import re
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tts_cli.audio.io.ffmpeg import ffmpeg_path
from tts_cli.audio.io.probe import read_picture
from tts_cli.audio.io.video import Track, add_track, read_film
from tts_cli.errors import OutputError

CHAPTERS = ";FFMETADATA1\ntitle=The River\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle=One\n"
SUBTITLES = "1\n00:00:00,500 --> 00:00:01,500\nGuten Tag, Ärger\n"


def ffmpeg(*arguments: object) -> str:
    command = [ffmpeg_path(), "-nostdin", "-hide_banner", "-y", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


@pytest.fixture(params=["mp4", "mkv", "mov"])
def film(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """101 pictures at 25 a second, two sounds of other lengths, subtitles, and a chapter."""
    (tmp_path / "chapters.txt").write_text(CHAPTERS)
    (tmp_path / "en.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nGood day\n")
    path = tmp_path / f"film.{request.param}"
    text = "srt" if request.param == "mkv" else "mov_text"
    sources = ("testsrc=s=64x48:r=25:d=4.04", "sine=f=300:d=4.04:r=44100", "sine=f=500:d=4:r=48000")
    inputs = [word for source in sources for word in ("-f", "lavfi", "-i", source)]
    inputs += ["-i", tmp_path / "en.srt", "-i", tmp_path / "chapters.txt"]
    maps = [word for index in range(4) for word in ("-map", index)]
    codecs = ("-c:v", "libx264", "-bf", 2, "-c:a", "aac", "-c:s", text, "-metadata:s:a:0", "language=eng")
    said = ffmpeg(*inputs, *maps, "-map_metadata", 4, "-map_chapters", 4, *codecs, path)
    assert path.exists(), said
    return path


@pytest.fixture
def dub(tmp_path: Path) -> Path:
    path = tmp_path / "film.dub.wav"
    soundfile.write(path, 0.1 * np.sin(np.arange(round(4.04 * 48_000)) / 30), 48_000, "PCM_24")
    (tmp_path / "de.srt").write_text(SUBTITLES)
    return path


def hashes(path: Path, *streams: str) -> list[str]:
    maps = [word for stream in streams for word in ("-map", f"0:{stream}")]
    command = [
        ffmpeg_path(),
        "-nostdin",
        "-loglevel",
        "error",
        "-i",
        str(path),
        *maps,
        "-c",
        "copy",
        "-f",
        "streamhash",
        "-",
    ]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.rpartition("=")[2] for line in lines]


def test_a_film_is_as_long_as_its_picture(film: Path) -> None:
    found = read_film(film)
    assert found.length_s == Fraction(101, 25)
    assert [found.count(kind) for kind in ("video", "audio", "subtitle")] == [1, 2, 1]


def test_a_recording_is_a_film_without_a_picture(dub: Path) -> None:
    found = read_film(dub)
    assert found.streams == ("audio",)
    assert found.length_s == Fraction(101, 25)


def test_every_stream_of_the_film_is_the_same_and_the_dub_comes_first(film: Path, dub: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.part"
    track = Track(audio=dub, language="de-AT", title="AI voice", subtitles=tmp_path / "de.srt")

    add_track(read_film(film), track, copy)

    copy = copy.rename(tmp_path / f"copy{film.suffix}")
    before, after = hashes(film, "v", "a"), hashes(copy, "v", "a")
    assert len(before) == 3
    assert after[:3] == before
    assert hashes(copy, "s:0") == hashes(film, "s:0")
    told = ffmpeg("-i", copy)
    assert re.search(r"Chapter #0:0: start 0.000000, end 2.000000", told)
    sounds = re.findall(r"Stream #0:\d+\S*?(?:\((\w+)\))?: Audio: (\w+).*?(\(default\))?\n", told)
    assert sounds[0][0] == "eng"
    assert not sounds[0][2]
    code = "deu" if film.suffix == ".mp4" else "ger"
    assert sounds[-1] == (code, "flac" if film.suffix == ".mkv" else "aac", "(default)")
    assert told.count("AI voice") >= 2
    assert "The River" in told
    assert (
        "Guten Tag, Ärger"
        in subprocess.run(
            [ffmpeg_path(), "-loglevel", "error", "-i", str(copy), "-map", "0:s:1", "-f", "srt", "-"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


def test_the_dub_in_the_film_is_as_long_as_the_picture(film: Path, dub: Path, tmp_path: Path) -> None:
    copy = tmp_path / f"copy{film.suffix}"
    add_track(read_film(film), Track(audio=dub, language="de-AT", title="x"), copy)
    ffmpeg("-i", copy, "-map", "0:a:2", "-c:a", "pcm_f32le", tmp_path / "heard.wav")
    heard, _ = soundfile.read(tmp_path / "heard.wav")
    spoken, _ = soundfile.read(dub)
    assert abs(heard.size - spoken.size) <= 1024
    shared = min(heard.size, spoken.size) - 2048
    assert np.corrcoef(heard[:shared], spoken[:shared])[0, 1] > 0.99


def test_what_cannot_be_is_told(dub: Path, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no film")
    with pytest.raises(OutputError, match="cannot read"):
        read_film(tmp_path / "film.mp4")
    with pytest.raises(OutputError, match="not a film of a known kind"):
        read_film(tmp_path / "film.m3u8")
    with pytest.raises(OutputError, match="a dub cannot be put into"):
        add_track(read_film(dub), Track(audio=dub, language="de-AT", title="x"), tmp_path / "copy.wav")


def test_what_is_attached_to_a_film_stays_attached(tmp_path: Path) -> None:
    """Fonts, a cover and a text go into the copy as files; none of them is played, and nothing begins later."""
    cover = tmp_path / "cover.png"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64", "-frames:v", "1", cover)
    (tmp_path / "font.ttf").write_bytes(bytes(range(256)) * 40)
    film = tmp_path / "film.mkv"
    sources = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=2", "-f", "lavfi", "-i", "sine=d=2")
    fonts = ("-attach", tmp_path / "font.ttf", "-metadata:s:t:0", "mimetype=application/x-truetype-font")
    pictures = ("-attach", cover, "-metadata:s:t:1", "mimetype=image/png")
    ffmpeg(*sources, "-c:v", "libx264", "-c:a", "aac", *fonts, *pictures, film)
    soundfile.write(tmp_path / "dub.wav", np.zeros(96_000), 48_000)
    read = read_film(film)
    assert read.streams.count("attachment") == 1
    assert [(name, mime) for _, name, mime in read.pictures] == [("cover.png", "image/png")]

    copy = tmp_path / "copy.mkv"
    add_track(read, Track(audio=tmp_path / "dub.wav", language="de", title="Dub"), copy)

    made = read_film(copy)
    assert sorted(made.kept) == sorted([*read.kept, "audio"])
    assert [(name, mime) for _, name, mime in made.pictures] == [("cover.png", "image/png")]
    assert made.length_s == read.length_s
    assert read_picture(copy, "matroska", made.pictures[0][0]) == cover.read_bytes()
    ffmpeg("-dump_attachment:t:0", tmp_path / "back.ttf", "-i", copy, "-f", "null", "-t", "0", "-")
    assert (tmp_path / "back.ttf").read_bytes() == (tmp_path / "font.ttf").read_bytes()
