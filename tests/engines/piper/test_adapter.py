"""The engine on random voices: a line is the same alone, beside others, in another process, in another home."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from contract import EngineContract, speak_all, speak_one

from tts_cli.engines.base import Request
from tts_cli.engines.piper.random_model import write_voice
from tts_cli.engines.piper.spec import PIPER
from tts_cli.errors import TakeError

TEXT = "Two lines, one voice. The second sentence is a little longer."


def request(voice: Path | str, text: str = TEXT, *, seed: int = 7, **params: float) -> Request:
    return Request(text=text, language="en", voice=PIPER.resolve(str(voice), "en"), params=params, seed=seed)


class TestContract(EngineContract):
    spec = PIPER

    @pytest.fixture(autouse=True)
    def _voice(self, voices: Path) -> None:
        type(self).changes = {"voice": PIPER.resolve(str(voices / "one.onnx"), "en")}


def test_threads_processes_and_homes_change_no_byte(engine, voices: Path, tmp_path: Path, monkeypatch) -> None:
    here = hashlib.sha256(speak_one(engine, request(voices / "four.onnx#p2")).samples.tobytes()).hexdigest()
    code = (
        "import hashlib, json, sys\n"
        "from tts_cli.engines.base import Request\n"
        "from tts_cli.engines.piper.adapter import Piper\n"
        "engine = Piper(); engine.load('cpu')\n"
        "[(_, speech)] = engine.speak([Request(**json.loads(sys.argv[1]))])\n"
        "print(hashlib.sha256(speech.samples.tobytes()).hexdigest())\n"
    )
    asked = request(voices / "four.onnx#p2")
    values = {name: getattr(asked, name) for name in ("text", "language", "voice", "seed")} | {"params": {}}
    for number, threads in enumerate(("1", "4")):
        monkeypatch.setenv("TTS_CLI_HOME", str(tmp_path / f"home{number}"))
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        command = [sys.executable, "-c", code, json.dumps(values)]
        assert subprocess.check_output(command, text=True).strip() == here


def test_telemetry_is_off_before_onnxruntime_is_imported(voices: Path, tmp_path: Path) -> None:
    code = (
        "import sys, tts_cli.engines.piper.adapter, os\n"
        "assert 'onnxruntime' not in sys.modules\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])\n"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "1"


def test_speakers_of_a_voice_sound_different_and_have_keys_of_their_own(engine, voices: Path) -> None:
    names = [PIPER.resolve(str(voices / f"four.onnx{speaker}"), "en") for speaker in ("", "#p0", "#3", "#p3")]
    identities = [PIPER.voice_identity(name) for name in names]
    assert identities[0] == identities[1] != identities[2] == identities[3]
    first, _, other, _ = (speak_one(engine, replace(request(voices / "four.onnx"), voice=name)) for name in names)
    assert first.samples.tobytes() != other.samples.tobytes()


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 1.6, 2.0])
def test_a_speed_is_kept_to_exactly(engine, voices: Path, speed: float) -> None:
    one, other = (speak_one(engine, request(voices / "one.onnx", speed=speed)) for speed in (1.0, speed))
    frame = 256  # each of two sentences is a whole number of frames
    assert abs(len(other.samples) - len(one.samples) / speed) <= frame + 1
    # Every word moves with it.
    for before, after in zip(one.words, other.words, strict=True):
        assert abs(after.start - before.start / speed) <= 2 * frame


def test_a_sentence_is_followed_by_the_silence_that_is_asked_for(engine, voices: Path) -> None:
    none, some = (speak_one(engine, request(voices / "one.onnx", sentence_silence=wanted)) for wanted in (0.0, 0.5))
    assert len(some.samples) - len(none.samples) == round(0.5 * 22_050)
    # The silence is digital, and lies between the fourth word and the fifth.
    [before, after] = some.words[3:5]
    assert before.end + round(0.5 * 22_050) < after.start
    start = round(0.5 * 22_050) - 1
    silent = np.convolve(some.samples != 0.0, np.ones(start), mode="valid") == 0
    assert before.end <= int(np.flatnonzero(silent)[0]) <= after.start - start


def test_scales_change_length_sound_and_rhythm(engine, voices: Path) -> None:
    plain = speak_one(engine, request(voices / "one.onnx"))
    longer = speak_one(engine, request(voices / "one.onnx", length_scale=2.0))
    assert 1.4 < len(longer.samples) / len(plain.samples) < 2.2
    own = speak_one(engine, request(voices / "one.onnx", length_scale=1.0, noise_scale=0.667, noise_w=0.8))
    assert own.samples.tobytes() == plain.samples.tobytes()  # as its configuration has them
    assert len(speak_one(engine, request(voices / "one.onnx", noise_w=0.0)).samples) != len(plain.samples)
    dull = speak_one(engine, request(voices / "one.onnx", noise_scale=0.0))
    assert len(dull.samples) == len(plain.samples)
    assert dull.samples.tobytes() != plain.samples.tobytes()


def test_without_variation_every_seed_is_the_same_take(engine, voices: Path) -> None:
    takes = {
        speak_one(engine, request(voices / "one.onnx", seed=seed, variation=0.0)).samples.tobytes() for seed in (1, 2)
    }
    assert len(takes) == 1


def test_symbols_that_a_voice_does_not_know_are_told(engine, tmp_path: Path) -> None:
    write_voice(tmp_path / "few.onnx", without="ˈʃ")
    speech = speak_one(engine, request(tmp_path / "few.onnx", "She sells shells."))
    assert speech.notices == ("the voice does not know ʃ (U+0283), ˈ (U+02C8)",)
    assert len(speech.words) == 3
    [result] = speak_all(engine, [request(tmp_path / "few.onnx", "[[ʃˈʃ]]")])
    assert isinstance(result, TakeError)
    assert result.message == "nothing was spoken"


def test_a_voice_of_characters_needs_no_phonemes(engine, tmp_path: Path) -> None:
    write_voice(tmp_path / "text.onnx", phoneme_type="text", espeak={})
    speech = speak_one(engine, request(tmp_path / "text.onnx", "She sells Shells."))
    assert speech.notices == ("the voice does not know S (U+0053)",)
    assert [word.text for word in speech.words] == ["She", "sells", "Shells."]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(b"no network"), "was changed while it was used"),
        (lambda path: path.unlink(), "cannot read"),
    ],
)
def test_a_file_that_changes_after_planning_is_refused(engine, tmp_path: Path, damage, said: str) -> None:
    write_voice(tmp_path / "v.onnx", seed=77)
    asked = request(tmp_path / "v.onnx")
    damage(tmp_path / "v.onnx")
    [result] = speak_all(engine, [asked])
    assert isinstance(result, TakeError)
    assert said in result.message


def test_what_is_no_network_of_piper_is_refused_in_words(engine, tmp_path: Path) -> None:
    write_voice(tmp_path / "v.onnx")
    (tmp_path / "v.onnx").write_bytes(b"no network")
    [result] = speak_all(engine, [request(tmp_path / "v.onnx")])
    assert isinstance(result, TakeError)
    assert result.kind == "input"
    assert "v.onnx is not an ONNX file" in result.message


def test_a_cut_voice_that_was_damaged_is_cut_anew(engine, voices: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TTS_CLI_HOME", str(tmp_path / "home"))
    sound = speak_one(engine, request(voices / "four.onnx")).samples.tobytes()
    engine._models.clear()
    speak_one(engine, request(voices / "four.onnx"))
    [kept] = (tmp_path / "home/engines/piper/parts").iterdir()
    whole = bytearray((kept / "flow.onnx").read_bytes())
    whole[len(whole) // 2] ^= 1  # in a weight, which onnxruntime takes as it is
    for damaged in (b"", bytes(whole)):
        (kept / "flow.onnx").write_bytes(damaged)
        engine._models.clear()
        assert speak_one(engine, request(voices / "four.onnx")).samples.tobytes() == sound
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
