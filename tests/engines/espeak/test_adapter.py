"""The embedded engine: the same bytes every time, every language, no text that fools it, no trap of the library."""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest
from contract import speak_one

from tts_cli.engines.base import Request
from tts_cli.engines.espeak import library as espeak_library
from tts_cli.engines.espeak.adapter import Espeak
from tts_cli.engines.espeak.spec import ESPEAK
from tts_cli.engines.espeak.voices import find
from tts_cli.errors import MissingError, TakeError

LINE = "The quick brown fox jumps over the lazy dog, said the old mole."
ROOT = Path(__file__).parents[3]

LANGUAGES = {
    "en": "Good morning, how are you today?",
    "de": "Guten Morgen, wie geht es dir heute?",
    "fr": "Bonjour, comment allez-vous aujourd'hui ?",
    "es": "Buenos días, ¿cómo estás hoy?",
    "it": "Buongiorno, come stai oggi?",
    "pt": "Bom dia, como você está hoje?",
    "hi": "नमस्ते, आज आप कैसे हैं?",
    "zh": "早上好，你今天好吗？",
    "ja": "おはようございます、お元気ですか。",
}

NASTY = (
    "The café's bill was $3.50, not €4 — of the 2024 menu, in the end.",
    "“Wait…” she said: 😀 is the emoji of the day!  And e.g. Dr. Who?",
    "of the in the for the to the",
    "— — yes",
    "3,141,592 people (that's 7%) can't be wrong… 🎉🎉",
    "multi\nline\ttext with   gaps",
    "naïve \U0001d518nicode re\u0301sume\u0301 and a word-with-dashes/and/slashes",
)


def digest(speech):
    return hashlib.sha256(speech.samples.tobytes()).hexdigest()


# --- determinism ----------------------------------------------------------------------------------------


def test_the_same_text_gives_the_same_bytes_whatever_was_spoken_before(speak):
    first = digest(speak(LINE))
    for before in (LINE, "A", "Guten Tag!", "Another, rather longer sentence; with pauses."):
        speak(before, language="de", voice="f3")
        assert digest(speak(LINE)) == first


@pytest.mark.parametrize(
    "noisy", [{"breath": 1.0}, {"breath": 0.25, "voice": "m7"}, {"voice": "Reed"}, {"voice": "caleb"}]
)
def test_noise_in_a_voice_is_the_same_noise_at_any_time(speak, noisy):
    first = digest(speak(LINE, **noisy))
    speak("Something else, with breath.", **noisy)
    time.sleep(1.1)  # the library seeds its noise with the seconds of the clock

    assert digest(speak(LINE, **noisy)) == first


def test_after_a_refused_line_the_bytes_are_still_the_same(speak):
    first = digest(speak(LINE))
    for bad in ({"pitch": 99.0}, {"voice": "nosuch"}):
        with pytest.raises(TakeError):
            speak(LINE, **bad)
    with pytest.raises(TakeError):
        speak("...")
    assert digest(speak(LINE)) == first


def test_somebody_else_holding_the_library_open_changes_nothing(speak):
    first = digest(speak(LINE))
    other = ctypes.CDLL(espeakng_loader.get_library_path())
    other.espeak_Initialize(2, 0, str(Path(espeakng_loader.get_data_path()).parent).encode(), 0x8000)
    assert digest(speak(LINE)) == first


def in_another_process(texts, path=(), **environment):
    """Speak each "text" or "text|voice" in a fresh python, return the digests; `path` goes before everything else."""
    code = (
        "import hashlib, sys; from tts_cli.engines.base import Request\n"
        "from tts_cli.engines.espeak.adapter import Espeak\n"
        "engine = Espeak(); engine.load('cpu')\n"
        "for line in sys.argv[1:]:\n"
        "    text, _, voice = line.partition('|')\n"
        "    request = Request(text=text, language='en', voice=voice, params={}, seed=0)\n"
        "    print(hashlib.sha256(list(engine.speak([request]))[0][1].samples.tobytes()).hexdigest())\n"
        "engine.close()\n"
    )
    search = os.pathsep.join([*map(str, path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *texts],
        env={**os.environ, "PYTHONPATH": search, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_another_process_in_another_order_gives_the_same_bytes(speak):
    texts = [LINE, "Second.", "Of the third."]
    here = [digest(speak(text)) for text in texts]
    assert in_another_process(reversed(texts)) == here[::-1]


def test_every_variant_gives_the_same_bytes_in_another_process_in_another_order(speak):
    variants = [voice.name for voice in ESPEAK.voices() if not voice.language]
    here = [digest(speak("Hello there.", voice=variant)) for variant in variants]
    there = in_another_process([f"Hello there.|{variant}" for variant in reversed(variants)])
    assert there[::-1] == here
    assert len(set(here)) > 95


def plain_library(text, voice, folder):
    """Speak by a copy of the library as it comes, on its own data and by its own search for the voice."""
    shutil.copy(espeakng_loader.get_library_path(), folder / "plain.so")
    library = espeak_library._declare(ctypes.CDLL(str(folder / "plain.so")))
    pcm = []

    @espeak_library._CALLBACK
    def receive(samples, count, events):
        if samples:
            pcm.append(ctypes.string_at(samples, 2 * count))
        return 0

    home = Path(espeakng_loader.get_data_path()).parent
    assert library.espeak_Initialize(2, 1000, os.fsencode(home), 0x8000) == 22_050
    library.espeak_ng_SetRandSeed(espeak_library.RANDOM_SEED)
    library.espeak_SetSynthCallback(receive)
    assert library.espeak_SetVoiceByName(voice.encode()) == 0
    data = text.encode() + b"\0"
    assert library.espeak_Synth(data, len(data), 0, 1, 0, 1, None, None) == 0
    library.espeak_Terminate()
    espeak_library._ctypes.dlclose(library._handle)
    return b"".join(pcm)


@pytest.mark.parametrize(
    "voice", ["en-us", "de", "cmn", "ja", "vi", "nb", "pt-br", "en-us+f3", "de+whisper", "en-us+Mr serious"]
)
def test_the_private_view_of_the_data_sounds_like_the_library_itself(speak, tmp_path, voice):
    text = "Hello world, 你好世界 12 привет — Ünïcode café."
    spoken = speak.engine._library.speak(text, find(voice, "en"), "", {})
    assert spoken.pcm == plain_library(text, voice, tmp_path)


def test_the_library_holds_no_memory_from_line_to_line(speak):
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    if not Path("/proc/self/statm").exists():
        pytest.skip("no /proc")
    for _ in range(20):
        speak(LINE)
    before = resident()
    for _ in range(150):
        speak(LINE)
    assert resident() - before < 8_000_000  # 600 kB of phoneme data for each line would be 90 MB


# --- where it is installed ------------------------------------------------------------------------------


def test_data_at_a_long_path_with_spaces_and_umlauts_speaks_the_same(speak, tmp_path):
    deep = tmp_path / ("Bücher und Stimmen " * 8) / ("日本 " * 20)
    package = deep / "espeakng_loader"
    package.mkdir(parents=True)
    source = Path(espeakng_loader.__file__).parent
    shutil.copy(source / "__init__.py", package)
    for name in (Path(espeakng_loader.get_library_path()).name, "espeak-ng-data"):
        (package / name).symlink_to(source / name)
    assert len(os.fsencode(package)) > 260
    assert in_another_process([LINE], path=[deep]) == [digest(speak(LINE))]


def test_a_long_temporary_directory_speaks_the_same(speak, tmp_path):
    long = tmp_path / ("x" * 200)
    long.mkdir()
    assert in_another_process([LINE], TMPDIR=str(long)) == [digest(speak(LINE))]
    assert not list(long.iterdir())


def test_a_temporary_directory_that_cannot_hold_the_library_is_passed_over(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    engine = Espeak()
    engine.load("cpu")
    engine.close()


def test_nowhere_to_put_the_library_is_said(monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(espeak_library.tempfile, "mkdtemp", refuse)
    with pytest.raises(MissingError, match="Permission denied"):
        Espeak().load("cpu")


def test_a_system_that_keeps_libraries_loaded_is_refused(monkeypatch):
    monkeypatch.setattr(espeak_library._ctypes, "dlclose", lambda handle: None)
    with pytest.raises(MissingError, match="does not unload"):
        Espeak().load("cpu")


def test_the_private_copy_is_removed():
    engine = Espeak()
    engine.load("cpu")
    home = engine._library._home
    assert home.is_dir()
    engine.close()
    assert not home.exists()


# --- what is spoken -------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_speaks(speak, language):
    speech = speak(LANGUAGES[language], language=language)
    seconds = len(speech.samples) / speech.sample_rate
    assert 0.8 < seconds < 6
    assert speech.sample_rate == 22_050
    assert speech.samples.dtype == np.float32
    assert 0.05 < np.abs(speech.samples).max() < 1
    assert np.sqrt(np.mean(speech.samples**2)) > 0.01


def test_languages_and_variants_sound_different(speak):
    voices = ("en-us", "en-gb", "fr", "en-us+f3", "en-us+Alex", "en-us+Mr serious")
    assert len({digest(speak("Bonjour, Maria.", voice=voice)) for voice in voices}) == len(voices)


@pytest.mark.parametrize("nul", ["\0", "\x01", "\x01 0P", "\x7f", "\x1b[31m", "\ud800"])
def test_no_control_character_cuts_the_text_or_commands_the_engine(speak, nul):
    whole = speak("The first half and the second half")
    cut = speak(f"The first half {nul}and the second half")
    assert len(cut.samples) >= len(whole.samples)
    if len(nul) == 1:
        assert digest(cut) == digest(whole)


def test_markup_and_phoneme_notation_are_text(speak):
    plain = speak("one two")
    assert len(speak("one <break time='3s'/> two").words) == 4
    assert len(speak("one &amp; two").samples) > len(plain.samples)
    assert len(speak("one [[h@l'oU]] two").samples) > len(plain.samples)


@pytest.mark.parametrize("text", ["", "  \n ", "...", "—", "\0", "\u200d", "?!"])
def test_nothing_to_speak_is_an_error_not_a_silence(speak, text):
    with pytest.raises(TakeError, match="nothing was spoken") as caught:
        speak(text)
    assert caught.value.kind == "input"


@pytest.mark.parametrize(
    "text",
    ["x" * 3000, "7" * 400, "مرحبا بالعالم", "\u202eabc\u202c", "\ue000 a", "a\u0300\u0301" * 50, "👩‍👩‍👧‍👦 family"],
)
def test_odd_text_is_spoken_without_a_crash(speak, text):
    assert len(speak(text).samples) > 1000


@pytest.mark.parametrize(
    ("request_of", "message"),
    [
        ({"voice": "en-us+nosuch"}, "unknown voice 'en-us\\+nosuch'"),
        ({"language": "xx"}, "unknown language 'xx'"),
        ({"params": {"speed": 9.0}}, "speed must be between 0.46 and 2.56, not 9"),
        ({"params": {"pitch": 0.1}}, "pitch must be between"),
        ({"params": {"volume": 400.0}}, "volume must be between"),
        ({"params": {"speed": "fast"}}, "speed must be a number, not 'fast'"),
        ({"params": {"speed": float("nan")}}, "speed must be between"),
        ({"params": {"sped": 1.0}}, "espeak has no parameter 'sped'"),
        ({"voice": "Demonic", "params": {"pitch": 1.6}}, r"Demonic can be pitched between 0\.76 and 1\.47, not 1\.60"),
    ],
)
def test_what_the_library_would_silently_bend_is_refused(speak, request_of, message):
    values = {"text": LINE, "language": "en", "voice": "", "params": {}, "seed": 0, **request_of}
    with pytest.raises(TakeError, match=message) as caught:
        speak_one(speak.engine, Request(**values))
    assert caught.value.kind == "input"


@pytest.mark.parametrize("edge", ["low", "high"])
@pytest.mark.parametrize("name", ESPEAK.params)
def test_every_parameter_works_at_both_ends_of_its_range(speak, name, edge):
    assert len(speak("Both ends work.", **{name: getattr(ESPEAK.params[name], edge)}).samples) > 1000


# --- seeds ----------------------------------------------------------------------------------------------


def test_a_seed_is_another_take_and_always_the_same_one(speak):
    takes = [digest(speak(LINE, seed=seed)) for seed in range(12)]
    assert len(set(takes)) == 12
    assert digest(speak(LINE, seed=7)) == takes[7]


def test_a_seed_varies_only_a_little(speak):
    exact = len(speak(LINE).samples)
    assert all(abs(len(speak(LINE, seed=seed).samples) / exact - 1) < 0.06 for seed in range(1, 12))


def test_a_seed_stays_inside_the_range_at_its_ends(speak):
    for seed in range(1, 8):
        speak("Edge.", seed=seed, speed=0.46, pitch=0.67, range=0.0)
        speak("Edge.", seed=seed, speed=2.56, pitch=1.65, range=99.0)


# --- word times -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", NASTY)
def test_every_word_has_its_time(speak, text):
    speech = speak(text)
    assert [word.text for word in speech.words] == text.split()
    assert all(0 <= word.start <= word.end <= len(speech.samples) for word in speech.words)
    assert all(before.end <= after.start for before, after in pairwise(speech.words))


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_a_text_without_spaces_has_several_times(speak, language):
    speech = speak(LANGUAGES[language], language=language)
    assert "".join(word.text for word in speech.words) == LANGUAGES[language]
    assert len(speech.words) >= 2
    assert all(before.end <= after.start for before, after in pairwise(speech.words))


def test_a_word_is_where_its_sound_is(speak):
    speech = speak("Papa, now.")
    papa, now = speech.words
    between = speech.samples[papa.end : now.start]
    assert len(between) > 0.05 * speech.sample_rate
    assert np.abs(between).max() < 0.01
    assert np.abs(speech.samples[now.start : now.end]).max() > 0.05
