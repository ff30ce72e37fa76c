"""The recipe dub on a film made here: tracks, mixes, subtitles, and the film itself, looked at by ffmpeg."""

import csv
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tts_cli.audio.io.ffmpeg import ffmpeg_path
from tts_cli.audio.io.video import Track

FILM = """\
1
00:00:00,500 --> 00:00:03,000
RAT: Would you like to come over?

2
00:00:04,000 --> 00:00:07,000
MOLE: How am I to get across?
"""
LENGTH = round(8.04 * 48_000)


def ffmpeg(*arguments: object) -> str:
    command = [ffmpeg_path(), "-nostdin", "-hide_banner", "-y", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def hashes(path: Path, *streams: str) -> str:
    maps = [word for stream in streams for word in ("-map", f"0:{stream}")]
    command = [ffmpeg_path(), "-nostdin", "-v", "error", "-i", str(path), *maps, "-c", "copy", "-f", "streamhash", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """201 pictures at 25 a second and a hum, and the subtitles beside it."""
    (tmp_path / "film.srt").write_text(FILM)
    path = tmp_path / "film.mp4"
    inputs = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=8.04", "-f", "lavfi", "-i", "sine=f=300:d=8.04:r=44100")
    said = ffmpeg(*inputs, "-c:v", "libx264", "-c:a", "aac", "-metadata:s:a:0", "language=fra", path)
    assert path.exists(), said
    return path


def level_db(samples: np.ndarray, start_s: float, end_s: float, hz: float) -> float:
    tone = samples[round(start_s * 48_000) : round(end_s * 48_000), 0]
    spectrum = np.abs(np.fft.rfft(tone * np.hanning(tone.size))) * 4 / tone.size
    place = round(hz * tone.size / 48_000)
    return float(20 * np.log10(spectrum[place - 3 : place + 4].max()))


def test_a_film_is_dubbed(cli, film: Path, tmp_path: Path) -> None:
    before = film.read_bytes()

    result = cli("export", "film.srt", "--recipe", "dub", "--video", film, "-o", "out", "--json")

    assert result.code == 0, result.err
    [export] = result.json["exports"]
    assert [output["path"] for output in export["outputs"]] == [
        "film.dub.wav",
        "film.dub.srt",
        "timing.csv",
        "film.dub.mp4",
    ]
    assert all(check["passed"] for output in export["outputs"] for check in output["checks"])
    out = tmp_path / "out" / "dub"
    info = soundfile.info(out / "film.dub.wav")
    assert (info.frames, info.samplerate, info.channels, info.subtype) == (LENGTH, 48_000, 1, "PCM_24")
    assert hashes(out / "film.dub.mp4", "v", "a:0") == hashes(film, "v", "a:0")
    assert film.read_bytes() == before
    told = ffmpeg("-i", out / "film.dub.mp4")
    assert re.search(r"\(fra\): Audio: aac.*(?<!\(default\))\n", told)
    assert re.search(r"\(eng\): Audio: aac \(LC\).*48000 Hz.*\(default\)\n", told)
    assert re.search(r"\(eng\): Subtitle: mov_text", told)
    assert "AI voice" in told
    cues = (out / "film.dub.srt").read_text()
    assert "Would you like to come over?" in cues
    assert cues.startswith("1\n00:00:00,5")
    with (out / "timing.csv").open(newline="") as file:
        assert [row["cue_s"] for row in csv.DictReader(file)] == ["0.500", "4.000"]
    sidecar = json.loads((out / "film.dub.mp4.json").read_text())
    assert sidecar["voices"]


def test_the_original_is_ducked_and_the_film_gets_the_mix(cli, film: Path, tmp_path: Path) -> None:
    result = cli("export", "film.srt", "--recipe", "dub", "--video", film, "--duck", "strong", "-o", "out", "--json")

    assert result.code == 0, result.err
    out = tmp_path / "out" / "dub"
    samples, rate = soundfile.read(out / "film.dub-mix.wav")
    assert (rate, samples.shape) == (48_000, (LENGTH, 2))
    spoken, alone = level_db(samples, 0.7, 1.8, 300), level_db(samples, 7.2, 7.9, 300)
    assert alone - spoken > 6
    ffmpeg("-i", out / "film.dub.mp4", "-map", "0:a:1", tmp_path / "heard.wav")
    heard, _ = soundfile.read(tmp_path / "heard.wav")
    shared = min(len(heard), len(samples)) - 2048
    assert np.corrcoef(heard[:shared, 0], samples[:shared, 0])[0, 1] > 0.98


def test_over_music_and_effects_without_a_film(cli, film: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "me.wav", 0.02 * np.sin(np.arange(44_100 * 5) / 10), 44_100)

    result = cli("export", "film.srt", "--recipe", "dub", "--bed", "me.wav", "-o", "out", "--json")

    assert result.code == 0, result.err
    names = [output["name"] for output in result.json["exports"][0]["outputs"]]
    assert names == ["film.dub.wav", "film.dub.srt", "timing.csv", "film.dub-mix.wav"]
    assert soundfile.info(tmp_path / "out" / "dub" / "film.dub-mix.wav").frames == 7 * 48_000


def test_the_second_export_writes_nothing(cli, film: Path, tmp_path: Path) -> None:
    command = ("export", "film.srt", "--recipe", "dub", "--video", film, "--duck", "gentle", "-o", "out")
    cli(*command)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "dub").glob("film.*")}
    assert len(before) >= 4

    cli(*command)

    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "dub").glob("film.*")} == before


def test_a_line_over_budget_fails_the_export(cli, film: Path, tmp_path: Path) -> None:
    (tmp_path / "film.srt").write_text(FILM.replace("come over?", f"come over? {'Really and truly, ' * 8}dear."))

    result = cli("export", "film.srt", "--recipe", "dub", "-o", "out")

    assert result.code == 6
    assert "timing.csv: over_budget is 2, not at most 0" in result.err
    assert "film.srt:2:1: over budget: cue 1 'Would you like to come over? Really...' runs " in result.err
    report = json.loads((tmp_path / "out" / "dub" / "export.json").read_text())
    assert [row["error"].split(" ")[1] for row in report["over_budget"]] == ["1", "2"]
    assert (tmp_path / "out" / "dub" / "film.dub.wav").exists()


def test_what_cannot_be_is_told(cli, film: Path, tmp_path: Path) -> None:
    missing = cli("export", "film.srt", "--recipe", "dub", "--video", "nothing.mp4")
    assert missing.code == 2
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    broken = cli("export", "film.srt", "--recipe", "dub", "--video", "broken.mp4")
    assert broken.code == 5
    assert "cannot read broken.mp4" in broken.err
    cli("render", "film.srt", "-o", "rendered")
    rendered = cli("export", "rendered", "--recipe", "dub")
    assert rendered.code == 2
    assert "a dub is exported from its manifest" in rendered.err


def test_what_makes_no_sound_is_refused_before_any_work(cli, film: Path, tmp_path: Path) -> None:
    ffmpeg("-i", film, "-map", "0:v", "-c", "copy", tmp_path / "silent.mp4")

    ducked = cli("export", "film.srt", "--recipe", "dub", "--video", "silent.mp4", "--duck", "gentle", "-o", "out")
    assert ducked.code == 2
    assert "silent.mp4 has no sound to be turned down" in ducked.err
    assert "--bed" in ducked.err
    laid = cli("export", "film.srt", "--recipe", "dub", "--bed", "silent.mp4", "-o", "out")
    assert laid.code == 2
    assert "--bed silent.mp4 has no sound" in laid.err
    assert not (tmp_path / "out").exists()
    # without a bed it is a film like all others
    assert cli("export", "film.srt", "--recipe", "dub", "--video", "silent.mp4", "-o", "out").code == 0


def test_a_mix_is_the_same_bytes_each_time(cli, film: Path, tmp_path: Path) -> None:
    mixes = set()
    for number in range(3):
        command = ("export", "film.srt", "--recipe", "dub", "--video", film, "--duck", "balanced", "-o", f"out{number}")
        assert cli(*command).code == 0
        mixes.add((tmp_path / f"out{number}" / "dub" / "film.dub-mix.wav").read_bytes())
    assert len(mixes) == 1
    samples, _ = soundfile.read(tmp_path / "out0" / "dub" / "film.dub-mix.wav")
    # the hum of the film lasts to its last picture
    assert np.abs(samples[-480:]).max() > 0.01


def test_a_stream_that_got_lost_fails_the_export(cli, film: Path, monkeypatch) -> None:
    from tts_cli.pipeline.delivery import dub_files

    real = dub_files.add_track

    def forgetful(film_read, track, path) -> None:
        real(film_read, Track(audio=track.audio, language=track.language, title=track.title), path)

    monkeypatch.setattr(dub_files, "add_track", forgetful)
    result = cli("export", "film.srt", "--recipe", "dub", "--video", film, "-o", "out")
    assert result.code == 6
    assert "film.dub.mp4: read_back_streams is 3 (without subtitle), not 4" in result.err
