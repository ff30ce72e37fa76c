"""Takes come back as they were; recordings of any kind are read; masters appear whole or not at all."""

import hashlib
import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_cli.audio.io.containers import format_fault
from tts_cli.audio.io.files import decode_take, encode_take, open_outputs
from tts_cli.audio.io.outputs import Output
from tts_cli.audio.io.recordings import decode_audio
from tts_cli.errors import OutputError, TakeError
from tts_cli.recipe import Recipe

RATE = 22_050


def speechlike(frames: int = 8_000, seed: int = 0) -> np.ndarray:
    return (0.2 * np.random.default_rng(seed).standard_normal(frames)).astype(np.float32)


# --- takes ----------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=500))
def test_16_bit_speech_comes_back_as_it_was(integers: list[int]):
    samples = (np.array(integers) / 32768).astype(np.float32)
    decoded, rate = decode_take(encode_take(samples, RATE, "PCM_16"))
    assert rate == RATE
    assert np.array_equal(decoded, samples)


def test_24_bits_lose_less_than_their_last_bit():
    samples = speechlike()
    decoded, _ = decode_take(encode_take(samples, 48_000, "PCM_24"))
    assert np.abs(decoded - samples).max() <= 2.0**-24


def test_equal_samples_give_equal_bytes():
    assert encode_take(speechlike(), RATE, "PCM_16") == encode_take(speechlike(), RATE, "PCM_16")


def test_what_is_too_loud_is_clipped_and_never_wraps():
    decoded, _ = decode_take(encode_take(np.array([1.0, 1.5, -1.5, 9e9, 0.0], np.float32), RATE, "PCM_16"))
    assert decoded == pytest.approx([1.0, 1.0, -1.0, 1.0, 0.0], abs=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad: float):
    with pytest.raises(TakeError, match="not numbers"):
        encode_take(np.array([0.0, bad], np.float32), RATE, "PCM_16")


@pytest.mark.parametrize("damage", [b"", b"fLaC", b"not audio at all" * 9])
def test_a_broken_take_is_refused(damage: bytes):
    with pytest.raises(TakeError):
        decode_take(damage)


# --- recordings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "m4a", "opus"])
def test_recordings_of_any_kind_are_read(suffix: str, tmp_path: Path):
    path = tmp_path / f"Zeile 1, 'ä' %d.{suffix}"
    tone = 0.3 * np.sin(np.arange(44_100) * 0.05).astype(np.float32)
    if suffix == "ogg":
        soundfile.write(path, tone, 44_100)
    else:
        with open_outputs([Output(path=path, recipe=Recipe(name="test", format=suffix))], frames=tone.size) as master:
            master.write(tone)
    samples, rate = decode_audio(path)
    assert samples.dtype == np.float32
    assert samples.size / rate == pytest.approx(1.0, abs=0.002)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.06)


def test_stereo_becomes_the_mean_of_its_channels(tmp_path: Path):
    path = tmp_path / "x.wav"
    left, right = speechlike(seed=1), speechlike(seed=2)
    soundfile.write(path, np.stack([left, right], axis=1), 48_000, subtype="FLOAT")
    samples, rate = decode_audio(path)
    assert rate == 48_000
    assert samples == pytest.approx((left + right) / 2, abs=1e-6)


def test_a_playlist_cannot_name_other_files(tmp_path: Path):
    secret = tmp_path / "secret.wav"
    soundfile.write(secret, speechlike(), RATE)
    playlists = {
        "x.m3u8": f"#EXTM3U\n#EXTINF:1,\n{secret}\n",
        "x.mp4": f"ffconcat version 1.0\nfile '{secret}'\n",
        "x.wav": f"#EXTM3U\n#EXTINF:1,\nfile:{secret}\n",
    }
    for name, text in playlists.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(TakeError) as caught:
            decode_audio(tmp_path / name)
        assert caught.value.kind == "input"


def test_what_cannot_be_read_is_said_plainly(tmp_path: Path):
    with pytest.raises(TakeError, match="No such file"):
        decode_audio(tmp_path / "missing.wav")
    with pytest.raises(TakeError, match="is a folder"):
        decode_audio(tmp_path)
    (tmp_path / "empty.mp3").touch()
    with pytest.raises(TakeError, match=r"empty\.mp3"):
        decode_audio(tmp_path / "empty.mp3")
    (tmp_path / "text.txt").write_text("hello")
    with pytest.raises(TakeError, match="not audio of a known kind") as caught:
        decode_audio(tmp_path / "text.txt")
    assert ".m4a" in caught.value.hint


@pytest.mark.parametrize("rate", [1, 999, 1_000_000])
def test_absurd_sample_rates_are_refused(rate: int, tmp_path: Path):
    soundfile.write(tmp_path / "x.wav", np.zeros(10, np.float32), rate)
    with pytest.raises(TakeError, match="sample rate") as caught:
        decode_audio(tmp_path / "x.wav")
    assert caught.value.kind == "input"


@pytest.mark.parametrize("length", [bytes(4), b"\xff" * 4])
@pytest.mark.parametrize("riff", [bytes(4), b"\xff" * 4])
def test_a_wav_that_was_written_as_a_stream_is_read_to_its_end(length: bytes, riff: bytes, tmp_path: Path):
    soundfile.write(tmp_path / "x.wav", speechlike(), RATE, "PCM_16")
    expected, _ = decode_audio(tmp_path / "x.wav")
    data = (tmp_path / "x.wav").read_bytes()
    place = data.index(b"data") + 4
    (tmp_path / "x.wav").write_bytes(data[:4] + riff + data[8:place] + length + data[place + 4 :])
    samples, rate = decode_audio(tmp_path / "x.wav")
    assert rate == RATE
    assert samples == pytest.approx(expected, abs=1e-6)


def test_a_file_of_no_kind_is_no_traceback(tmp_path: Path):
    (tmp_path / "x.raw").write_bytes(np.random.default_rng(0).bytes(20_000))
    with pytest.raises(TakeError, match="not audio of a known kind") as caught:
        decode_audio(tmp_path / "x.raw")
    assert caught.value.kind == "input"


def test_a_recording_without_a_sample_is_refused(tmp_path: Path):
    soundfile.write(tmp_path / "x.wav", np.zeros(0, np.float32), RATE)
    with pytest.raises(TakeError, match="no samples"):
        decode_audio(tmp_path / "x.wav")


# --- masters --------------------------------------------------------------------------------------------


def master(path: Path, recipe: Recipe, samples: np.ndarray) -> str:
    with open_outputs([Output(path=path, recipe=recipe)], frames=len(samples)) as writer:
        for block in np.array_split(samples, 3):
            writer.write(block)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "m4a", "opus"])
def test_equal_input_gives_equal_bytes(suffix: str, tmp_path: Path):
    recipe = Recipe(name="test", format=suffix, channels=2)
    one, two = (master(tmp_path / f"{name}.{suffix}", recipe, speechlike(40_000)) for name in "ab")
    assert one == two
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{suffix}", f"b.{suffix}"]


@pytest.mark.parametrize(("bits", "suffix"), [(16, "wav"), (24, "wav"), (32, "wav"), (16, "flac"), (24, "flac")])
def test_mono_goes_to_every_channel_in_the_bits_asked_for(bits: int, suffix: str, tmp_path: Path):
    path = tmp_path / f"x.{suffix}"
    master(path, Recipe(name="test", format=suffix, channels=2, bits=bits), speechlike())
    written = soundfile.info(path)
    assert (written.subtype, written.channels, written.frames) == (f"PCM_{bits}", 2, 8_000)
    samples, _ = soundfile.read(path, dtype="float32")
    assert np.array_equal(samples[:, 0], samples[:, 1])
    assert np.abs(samples[:, 0] - speechlike()).max() < 2.0 ** (1 - bits) * 1.01 + 1e-7


@pytest.mark.parametrize("suffix", ["wav", "mp3"])
def test_a_failure_on_the_way_leaves_the_old_file_and_nothing_else(suffix: str, tmp_path: Path):
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(b"yesterday")

    def interrupted() -> None:
        with open_outputs([Output(path=path, recipe=Recipe(name="test", format=suffix))], frames=9) as writer:
            writer.write(speechlike(200_000))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"yesterday"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", ["wav", "mp3"])
def test_what_a_killed_run_left_is_swept_up(suffix: str, tmp_path: Path):
    path = tmp_path / f"x.{suffix}"
    script = (
        "import os, sys, numpy\nfrom pathlib import Path\nfrom tts_cli.audio.io.files import open_outputs\n"
        "from tts_cli.audio.io.outputs import Output\nfrom tts_cli.recipe import Recipe\n"
        f"output = Output(path=Path({str(path)!r}), recipe=Recipe(name='t', format={suffix!r}))\n"
        "with open_outputs([output], frames=9) as writer:\n"
        "    writer.write(numpy.zeros(5_000_000, numpy.float32))\n    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert len(list(tmp_path.glob(".*.part"))) == 1
    with open_outputs([Output(path=path, recipe=Recipe(name="test", format=suffix))], frames=9) as writer:
        writer.write(speechlike())
        master(path, Recipe(name="test", format=suffix), speechlike())  # another run, beside a living one
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_output_error(tmp_path: Path):
    script = (
        "import resource, sys, numpy\nfrom pathlib import Path\nfrom tts_cli.audio.io.files import open_outputs\n"
        "from tts_cli.audio.io.outputs import Output\nfrom tts_cli.errors import OutputError\n"
        "from tts_cli.recipe import Recipe\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "for suffix in ('wav', 'flac', 'mp3'):\n"
        f"    path = Path({str(tmp_path)!r}, 'x.' + suffix)\n"
        "    try:\n"
        "        with open_outputs([Output(path=path, recipe=Recipe(name='t', format=suffix))], frames=9) as writer:\n"
        "            for _ in range(50):\n"
        "                writer.write(numpy.random.default_rng(0).random(44100, numpy.float32))\n"
        "    except OutputError as error:\n"
        "        print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert [line.split(":")[0] for line in said.splitlines() if line.startswith("cannot")] == [
        f"{tmp_path}/x.{suffix} cannot be written" for suffix in ("wav", "flac", "mp3")
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_output_error(tmp_path: Path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match="cannot be written"),
        open_outputs([Output(path=tmp_path / "file" / "x.wav", recipe=Recipe(name="test"))], frames=9),
    ):
        pass


def test_beyond_four_gigabytes_a_wav_is_rf64(tmp_path: Path):
    for hours, kind in ((1, b"RIFF"), (10, b"RF64")):
        path = tmp_path / f"{hours}.wav"
        with open_outputs([Output(path=path, recipe=Recipe(name="test"))], frames=hours * 3600 * 44_100) as writer:
            writer.write(speechlike())
        assert path.read_bytes()[:4] == kind
        assert soundfile.info(path).frames == 8_000


def test_the_file_may_be_read_by_others_as_usual(tmp_path: Path):
    mask = os.umask(0o022)
    try:
        master(tmp_path / "x.wav", Recipe(name="test"), speechlike())
    finally:
        os.umask(mask)
    assert (tmp_path / "x.wav").stat().st_mode & 0o777 == 0o644
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert file.getnframes() == 8_000


# --- what formats can hold ------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "m4a", "opus"])
def test_the_default_recipe_fits_every_format(suffix: str):
    assert format_fault(Recipe(name="test", format=suffix)) is None


IMPOSSIBLE = [
    ({"channels": 6}, "channels"),
    ({"format": "wav", "bits": 20}, "bits"),
    ({"format": "flac", "bits": 32}, "bits"),
    ({"format": "mp3", "sample_rate": 96_000}, "sample_rate 96000"),
    ({"format": "mp3", "bitrate_kbps": 100}, "bitrate_kbps 100"),
    ({"format": "mp3", "sample_rate": 24_000, "bitrate_kbps": 192}, "mp3 at 24000 Hz"),
    ({"format": "m4a", "sample_rate": 44_000}, "sample_rate 44000"),
    ({"format": "m4a", "bitrate_kbps": 400}, "bitrate_kbps 400"),
    ({"format": "opus", "bitrate_kbps": 300}, "bitrate_kbps 300"),
]


@pytest.mark.parametrize(("fields", "message"), IMPOSSIBLE)
def test_what_a_format_cannot_hold_is_refused_before_anything_is_written(fields: dict, message: str, tmp_path: Path):
    recipe = Recipe(name="test", **fields)
    fault = format_fault(recipe)
    assert fault
    assert message in fault[1]
    with (
        pytest.raises(OutputError, match=message),
        open_outputs([Output(path=tmp_path / "x", recipe=recipe)], frames=9),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
