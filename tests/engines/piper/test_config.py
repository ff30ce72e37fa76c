"""Voices by name and by path: what is read of them, and what is refused in which words."""

import json
from pathlib import Path
from typing import Any

import pytest

from tts_cli.engines.piper.config import read_config
from tts_cli.engines.piper.spec import PIPER
from tts_cli.engines.piper.voices import FullName, find_weights_of, parse
from tts_cli.errors import InputError, MissingError, UnknownNameError

CONFIG: dict[str, Any] = {
    "audio": {"sample_rate": 22_050},
    "espeak": {"voice": "en-us"},
    "phoneme_id_map": {"_": [0], "^": [1], "$": [2], "a": [3]},
}


def write(path: Path, **changes: Any) -> Path:
    path.write_bytes(b"a network")
    path.with_name(f"{path.name}.json").write_text(json.dumps({**CONFIG, **changes}))
    return path


def test_what_a_configuration_leaves_open_is_as_piper_has_it() -> None:
    config = read_config(json.dumps(CONFIG).encode())
    assert (config.noise_scale, config.length_scale, config.noise_w) == (0.667, 1.0, 0.8)
    assert (config.phoneme_type, config.speaker_count, config.default_speaker) == ("espeak", 1, 0)
    assert config.language == "en-us"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audio": {}}, "sample_rate is 0, not a whole number from 8000 to 192000"),
        ({"audio": {"sample_rate": "22050"}}, "sample_rate is '22050'"),
        ({"audio": 3}, "audio is no mapping"),
        ({"espeak": {}}, "espeak.voice is missing"),
        ({"phoneme_type": "pinyin"}, "phoneme_type 'pinyin' is not among espeak, text: it cannot be spoken"),
        ({"vowel_clusters": [["a", "a"]]}, "vowel_clusters are not known here"),
        ({"phoneme_id_map": {"_": [0], "^": [1]}}, r"phoneme_id_map has no '\$'"),
        ({"phoneme_id_map": {**CONFIG["phoneme_id_map"], "b": 7}}, "phoneme_id_map has no list of ids for 'b'"),
        ({"phoneme_id_map": {**CONFIG["phoneme_id_map"], "b": [True]}}, "no list of ids for 'b'"),
        ({"inference": {"noise_w": "much"}}, "noise_w is 'much', not a number from 0 to 10"),
        ({"inference": {"length_scale": 0}}, "length_scale is 0, not a number from 0.05 to 10"),
        ({"num_speakers": 0}, "num_speakers is 0, not a whole number from 1"),
        ({"num_speakers": 2, "speaker_id_map": {"ann": 2}}, "ann is 2, not a whole number from 0 to 1"),
        ({"default_speaker_id": 1}, "default_speaker_id is 1, not a whole number from 0 to 0"),
    ],
)
def test_a_configuration_that_cannot_be_spoken_is_refused_at_its_place(tmp_path: Path, changes, said: str) -> None:
    path = write(tmp_path / "v.onnx", **changes)
    with pytest.raises(InputError, match=said) as caught:
        PIPER.resolve(str(path), "en")
    assert caught.value.problems[0].source.path == f"{path}.json"


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"{"])
def test_what_is_no_mapping_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"is no JSON|holds no mapping"):
        read_config(data)


def test_a_voice_without_its_configuration_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.onnx").write_bytes(b"a network")
    with pytest.raises(InputError, match=r"v.onnx.json:1:1: cannot be read: No such file") as caught:
        PIPER.resolve(str(tmp_path / "v.onnx"), "en")
    assert "the .onnx.json beside it" in caught.value.problems[0].hint


def test_a_key_hangs_on_both_files_and_the_speaker_and_on_no_path(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    paths = (write(tmp_path / "a@b#c.onnx"), write(tmp_path / "other" / "v.ONNX"))
    names = [PIPER.resolve(str(path), "en") for path in paths]
    assert [parse(name).source for name in names] == [str(path) for path in paths]
    identities = [PIPER.voice_identity(name) for name in names]
    assert identities[0] == identities[1]
    assert str(tmp_path) not in identities[0]
    paths[1].write_bytes(b"another network")
    assert PIPER.voice_identity(PIPER.resolve(str(paths[1]), "en")) != identities[0]
    write(paths[0], num_speakers=2)
    changed = PIPER.voice_identity(PIPER.resolve(str(paths[0]), "en"))
    assert changed != identities[0]
    assert PIPER.voice_identity(PIPER.resolve(f"{paths[0]}#1", "en")) not in {changed, identities[0]}


def test_a_speaker_has_a_name_or_a_number(tmp_path: Path) -> None:
    path = write(tmp_path / "v.onnx", num_speakers=3, speaker_id_map={"ann": 2, "1": 0}, default_speaker_id=1)
    wanted = {"": 1, "#ann": 2, "#2": 2, "#1": 0, "#0": 0}
    assert {name: parse(PIPER.resolve(f"{path}{name}", "en")).speaker for name in wanted} == wanted
    for unknown in ("anne", "3", "-1", "\u0662"):
        with pytest.raises(UnknownNameError, match=r"unknown speaker of v\.onnx"):
            PIPER.resolve(f"{path}#{unknown}", "en")


def test_a_name_is_a_voice_of_the_hub_and_says_what_to_fetch() -> None:
    weights = find_weights_of("pt_PT-tugão-medium")
    assert weights.files[0] == "pt/pt_PT/tugão/medium/pt_PT-tugão-medium.onnx"
    assert weights.files[2] == weights.card == "pt/pt_PT/tugão/medium/MODEL_CARD"
    name = PIPER.resolve("en_US-lessac-medium#3", "en")
    assert parse(name) == FullName(source="en_US-lessac-medium")
    with pytest.raises(MissingError, match="the voice en_US-lessac-medium of piper is not here") as caught:
        PIPER.voice_identity(name)
    assert caught.value.hint == "tts-cli download piper:en_US-lessac-medium"


@pytest.mark.parametrize(
    "name", ["lessac", "en_US-lessac", "en_us-lessac-medium", "en_US-less/ac-medium", "en_US-a-huge"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown voice"):
        PIPER.resolve(name, "en")
    with pytest.raises(UnknownNameError, match="unknown voice of piper"):
        find_weights_of(name)


def test_without_any_voice_none_is_chosen() -> None:
    assert PIPER.resolve("", "en") == ""
    assert PIPER.voices() == ()
