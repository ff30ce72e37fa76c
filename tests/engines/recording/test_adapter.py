"""Recorded lines: exactly the bytes that were planned, as mono."""

import hashlib

import numpy as np
import pytest
import soundfile
from contract import speak_one

from tts_cli.engines.base import Request
from tts_cli.engines.recording.adapter import Recording
from tts_cli.errors import TakeError


def play(path, sha256=None):
    engine = Recording()
    engine.load("cpu")
    sha256 = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    request = Request(text="", language="en", voice="", params={"path": str(path), "sha256": sha256}, seed=0)
    speech = speak_one(engine, request)
    engine.close()
    return speech


@pytest.fixture
def tone():
    return (0.5 * np.sin(np.arange(4800) * 0.05)).astype(np.float32)


def test_a_mono_file_comes_back_as_it_is(tmp_path, tone):
    path = tmp_path / "línea uno.wav"
    soundfile.write(path, tone, 48_000, subtype="FLOAT")
    speech = play(path)
    assert speech.sample_rate == 48_000
    assert speech.samples.dtype == np.float32
    np.testing.assert_array_equal(speech.samples, tone)
    assert speech.words == ()


def test_stereo_becomes_the_mean_of_its_channels(tmp_path, tone):
    path = tmp_path / "stereo.flac"
    soundfile.write(path, np.stack([tone, -0.5 * tone], axis=1), 44_100, subtype="PCM_24")
    speech = play(path)
    np.testing.assert_allclose(speech.samples, 0.25 * tone, atol=1e-6)


def test_speech_is_played(any_speech):
    path = min(any_speech.glob("*.flac"))
    played = play(path)
    expected, rate = soundfile.read(path, dtype="float32")
    assert played.sample_rate == rate
    np.testing.assert_array_equal(played.samples, expected)


def test_a_file_that_was_edited_meanwhile_is_refused(tmp_path, tone):
    path = tmp_path / "line.wav"
    soundfile.write(path, tone, 48_000)
    planned = hashlib.sha256(path.read_bytes()).hexdigest()
    soundfile.write(path, tone[::-1], 48_000)
    with pytest.raises(TakeError, match=r"line\.wav was changed") as caught:
        play(path, planned)
    assert caught.value.kind == "input"


def test_what_is_decoded_is_what_was_hashed(tmp_path, tone, monkeypatch):
    """Even a file that changes between the reading and the decoding cannot get in under the old hash."""
    from tts_cli.audio.io import recordings

    path = tmp_path / "line.wav"
    soundfile.write(path, tone, 48_000, subtype="FLOAT")
    decode = recordings.decode_audio

    def decode_late(source):
        soundfile.write(path, np.zeros(10, np.float32), 48_000)
        return decode(source)

    monkeypatch.setattr(recordings, "decode_audio", decode_late)
    np.testing.assert_array_equal(play(path).samples, tone)


@pytest.mark.parametrize("content", [b"", b"no audio at all" * 100, b"RIFF\0\0\0\0WAVEfmt "])
def test_what_is_no_audio_is_refused_by_the_users_name_for_it(tmp_path, content):
    path = tmp_path / "line.wav"
    path.write_bytes(content)
    with pytest.raises(TakeError) as caught:
        play(path)
    assert caught.value.kind == "input"
    assert str(path) in caught.value.message


@pytest.mark.parametrize("name", ["gone.wav", "folder.wav"])
def test_what_is_no_file_is_refused(tmp_path, name):
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(TakeError, match="is not a file") as caught:
        play(tmp_path / name, "0" * 64)
    assert caught.value.kind == "input"
