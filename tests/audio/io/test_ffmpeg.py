"""ffmpeg is found, fed and read without a shell, and its last words reach the user."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from tts_cli.audio.io.ffmpeg import ENVIRONMENT_VARIABLE, Encoder, FfmpegError, decoding, ffmpeg_path
from tts_cli.audio.io.outputs import Output
from tts_cli.errors import MissingError
from tts_cli.recipe import Recipe

MP3 = Recipe(name="test", format="mp3")


def encode(path: Path, samples: np.ndarray, recipe: Recipe = MP3) -> None:
    encoder = Encoder([Output(path=path, recipe=recipe)])
    encoder.write(samples)
    encoder.close()


def test_the_bundled_ffmpeg_is_found_and_another_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bundled = ffmpeg_path()
    (tmp_path / "mine").symlink_to(bundled)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "mine"))
    assert ffmpeg_path() == str(tmp_path / "mine")


def test_a_missing_ffmpeg_comes_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(MissingError, match="nowhere") as caught:
        ffmpeg_path()
    assert ENVIRONMENT_VARIABLE in caught.value.hint
    monkeypatch.delenv(ENVIRONMENT_VARIABLE)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingError, match="ffmpeg is missing"):
        ffmpeg_path()


@pytest.mark.parametrize("name", ["-y.mp3", "a b;c.mp3", "http:evil.mp3", "$(id) %03d.mp3", "täg 日本.mp3"])
def test_names_are_names_whatever_they_look_like(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    encode(Path(name), np.zeros(5_000, np.float32))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with decoding(Path(name), "mp3") as decoded:
        assert (decoded.sample_rate, decoded.channels) == (44_100, 1)
        assert sum(len(block) for block in decoded.blocks) == 5_000


def test_the_last_words_of_a_failing_encoder_are_kept(tmp_path: Path):
    encoder = Encoder([Output(path=tmp_path / "no" / "such" / "folder.mp3", recipe=MP3)])
    with pytest.raises(FfmpegError, match="No such file or directory"):
        encoder.write(np.zeros(1 << 24, np.float32))


def test_a_decoder_says_what_it_did_not_understand(tmp_path: Path):
    path = tmp_path / "x.m4a"
    path.write_bytes(b"\0" * 5_000)
    with pytest.raises(FfmpegError, match=r"Invalid data|moov|contain"), decoding(path, "mov") as decoded:
        list(decoded.blocks)


def test_leaving_early_leaves_no_process_behind(tmp_path: Path):
    encode(tmp_path / "x.mp3", np.zeros(44_100 * 60, np.float32))
    with decoding(tmp_path / "x.mp3", "mp3") as decoded:
        next(decoded.blocks)
    encoder = Encoder([Output(path=tmp_path / "y.mp3", recipe=MP3)])
    encoder.write(np.zeros(1_000, np.float32))
    encoder.kill()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, 0)


def test_only_the_forced_demuxer_looks_at_a_file(tmp_path: Path):
    encode(tmp_path / "x.mp3", np.zeros(5_000, np.float32))
    with pytest.raises(FfmpegError), decoding(tmp_path / "x.mp3", "flac") as decoded:
        list(decoded.blocks)
