"""What the tool reads back of its own files is what ffmpeg decodes when it is asked in the usual way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tts_cli.audio.io.ffmpeg import DEMUXERS, Encoder, decoding
from tts_cli.audio.io.outputs import Output
from tts_cli.audio.io.readback import reading_back
from tts_cli.errors import OutputError
from tts_cli.recipe import Recipe

SECONDS = 3.21  # no whole number of any codec's frames


def encode(path: Path, recipe: Recipe, container: str = "") -> Path:
    noise = np.random.default_rng(1).normal(0, 0.1, (round(SECONDS * recipe.sample_rate), recipe.channels))
    encoder = Encoder([Output(path=path, recipe=recipe, container=container)])
    encoder.write(noise.astype(np.float32))
    encoder.close()
    return path


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("name", "container"),
    [("x.m4a", ""), ("x.m4b", ""), ("x.opus", ""), ("x.mka", "matroska"), ("x.aac", "adts")],
)
def test_every_sample_is_as_ffmpeg_decodes_it(name: str, container: str, channels: int, tmp_path: Path):
    opus = name in ("x.opus", "x.mka")
    recipe = Recipe(name="test", format="opus" if opus else "m4a", sample_rate=48_000 if opus else 44_100)
    path = encode(tmp_path / name, replace(recipe, channels=channels), container)
    with decoding(path, DEMUXERS[path.suffix]) as usual:
        expected = np.concatenate(list(usual.blocks))
    with reading_back(path) as decoded:
        samples = np.concatenate(list(decoded.blocks))
    assert (decoded.sample_rate, decoded.channels) == (recipe.sample_rate, channels)
    assert len(samples) >= SECONDS * recipe.sample_rate
    np.testing.assert_array_equal(samples, expected)


@pytest.mark.parametrize("name", ["a'b:c,d;[e]\\.m4a", "-y.m4a", "täg 日本.m4a"])
def test_names_are_names_whatever_they_look_like(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    encode(Path(name), Recipe(name="test", format="m4a"))
    with reading_back(Path(name)) as decoded:
        assert sum(len(block) for block in decoded.blocks) == round(SECONDS * decoded.sample_rate)


@pytest.mark.parametrize("name", ["x.wav", "x.m4a", "x.opus", "x.txt"])
def test_what_is_no_audio_is_refused(name: str, tmp_path: Path):
    path = tmp_path / name
    path.write_bytes(b"nothing to hear" * 100)
    with pytest.raises(OutputError, match="cannot read"), reading_back(path):
        pass


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(OutputError, match="cannot read"), reading_back(tmp_path / "x.m4a"):
        pass
