"""A voice is matched to speakers, measured against them; and what is kept of it is small, plain and checked."""

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.audio.voice.envelope import analyse, unlikeness
from tts_cli.audio.voice.pitch import track
from tts_cli.engines.emotions import emotion_at
from tts_cli.engines.espeak import match as espeak_match
from tts_cli.engines.espeak.adapter import pitch_number, settings, voice_lines
from tts_cli.engines.espeak.library import SAMPLE_RATE, Library
from tts_cli.engines.espeak.match import CALIBRATION, fit, from_plain, native_lines, samples_of, speak, to_plain
from tts_cli.engines.espeak.spec import ESPEAK
from tts_cli.engines.espeak.voices import find
from tts_cli.errors import TakeError

ROOT = Path(__file__).parents[3]
SPEAKERS = ("cy", "bob", "eve", "ann", "fred", "dora")
REAL = {
    "cy": "1688-142285-0000",
    "bob": "1998-15444-0000",
    "eve": "2033-164914-0000",
    "ann": "2414-128291-0005",
    "fred": "2609-156975-0002",
    "dora": "3005-163389-0003",
}
LINE = "The quick brown fox jumps over the lazy dog, said the old mole. Where were you all the while?"
ENGLISH = find("", "en")
AS_IT_IS = {name: float(param.default) for name, param in ESPEAK.params.items()}


@pytest.fixture(scope="module")
def library():
    library = Library()
    yield library
    library.close()


@pytest.fixture(scope="module", params=["made", "real"])
def clips(request):
    """Clips that we made, which every clone has; and real ones, where they lie beside the checkout."""
    folder, names = ROOT / "tests" / "data", {name: name for name in SPEAKERS}
    if request.param == "real":
        folder, names = ROOT.parent / "shared" / "speech", REAL
        if not folder.is_dir():
            pytest.skip("no real speech beside the checkout")
    return {name: sf.read(folder / f"{clip}.flac", dtype="float32") for name, clip in names.items()}


@pytest.fixture(scope="module")
def matches(library, clips):
    return {name: fit(library, *clip, ENGLISH) for name, clip in clips.items()}


@pytest.fixture(scope="module")
def say(library):
    """Speak as a match does, with the engine's parameters."""

    def speak_with(match, text=LINE, *, language="en", **changed):
        voice = replace(find("", language), own_pitch=match.pitch_hz)
        values = AS_IT_IS | changed
        options = settings(values, voice, 0)
        return speak(library, text, voice, match, colour=voice_lines(values), settings=options)[1]

    return speak_with


def median_and_spread(samples, rate):
    pitch = track(samples, rate)
    low, middle, high = np.percentile(np.log2(pitch.f0_hz[pitch.voiced]), (16, 50, 84))
    return middle, (high - low) / 2


def brightness_db(samples):
    power = np.abs(np.fft.rfft(samples)) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    return 10 * np.log10(power[(hz > 2000) & (hz < 8000)].sum() / power[(hz > 60) & (hz < 700)].sum())


def test_f0_is_the_speakers(clips, matches, say):
    for name, match in matches.items():
        wanted, wide = median_and_spread(*clips[name])
        found, width = median_and_spread(say(match), SAMPLE_RATE)
        assert found == pytest.approx(wanted, abs=np.log2(1.06)), name
        assert width > 0.5 * wide, name


def test_envelopes_come_closer_to_the_speaker_natively_and_again_by_the_filter(clips, matches, say, library):
    default = analyse(samples_of(library.speak(LINE, ENGLISH, "", {})), SAMPLE_RATE)
    for name, match in matches.items():
        speaker = analyse(*clips[name], denoise=True)
        native = analyse(samples_of(library.speak(LINE, ENGLISH, native_lines(match), {})), SAMPLE_RATE)
        matched = analyse(say(match), SAMPLE_RATE)
        distances = [unlikeness(heard, speaker) for heard in (default, native, matched)]
        assert distances == sorted(distances, reverse=True), name
        assert distances[2] < 0.75 * distances[0], name


def test_each_match_is_most_like_its_own_speaker(clips, matches, say):
    speakers = {name: analyse(*clip, denoise=True) for name, clip in clips.items()}
    for name, match in matches.items():
        matched = analyse(say(match), SAMPLE_RATE)
        assert min(speakers, key=lambda other: unlikeness(matched, speakers[other])) == name


def test_another_sentence_of_the_speaker_gives_nearly_the_same_voice(library, clips, matches):
    samples, rate = clips["dora"]
    first, second = (fit(library, part, rate, ENGLISH) for part in np.array_split(samples, 2))
    for match in (first, second):
        assert match.formants == pytest.approx(matches["dora"].formants, abs=0.1)
        assert sum(match.pitch_hz) == pytest.approx(sum(matches["dora"].pitch_hz), rel=0.12)


def test_the_same_clip_gives_the_same_bytes_in_every_library(clips, matches, say):
    other = Library()
    again = fit(other, *clips["ann"], ENGLISH)
    voice = replace(ENGLISH, own_pitch=again.pitch_hz)
    samples = speak(other, LINE, voice, again, settings=settings(AS_IT_IS, voice, 0))[1]
    other.close()
    assert digest(to_plain(again)) == digest(to_plain(matches["ann"]))
    assert samples.tobytes() == say(matches["ann"]).tobytes()


def digest(plain):
    parts = [f"{name}={value.tobytes() if isinstance(value, np.ndarray) else value!r}" for name, value in plain.items()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def test_the_plain_form_is_small_and_complete(matches, say):
    for match in matches.values():
        plain = to_plain(match)
        assert {type(value) for value in plain.values()} <= {str, int, float, np.ndarray}
        arrays = [value for value in plain.values() if isinstance(value, np.ndarray)]
        assert all(array.dtype == np.float32 for array in arrays)
        assert sum(array.nbytes for array in arrays) < 8_000
        assert digest(to_plain(from_plain(plain))) == digest(plain)
    assert say(from_plain(to_plain(matches["cy"]))).tobytes() == say(matches["cy"]).tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": 2},
        {"voice": None},
        {"pitch_low_hz": 0},
        {"pitch_high_hz": 20},
        {"pitch_low_hz": True},
        {"formants": float("nan")},
        {"breath": "1"},
        {"top_hz": 1e9},
        {"voiced_envelopes": np.zeros((4, 7), np.float32)},
        {"voiced_envelopes": np.zeros((4, 24), np.float64)},
        {"voiced_envelopes": np.full((4, 24), np.nan, np.float32)},
        {"voiced_envelopes": np.zeros((5000, 24), np.float32)},
        {"unvoiced_source_mean": np.zeros((1, 24), np.float32)},
        {"unvoiced_target_mean": None},
    ],
    ids="-".join,
)
def test_what_is_no_match_is_refused(matches, change):
    with pytest.raises(TakeError, match=r"not conditionals of a matched voice.*"):
        from_plain(to_plain(matches["ann"]) | change)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(48_000, np.float32),
        np.zeros(0, np.float32),
        (0.1 * np.random.default_rng(1).standard_normal(48_000)).astype(np.float32),
    ],
    ids=["silence", "nothing", "noise"],
)
def test_a_clip_without_a_voice_is_refused(library, samples):
    with pytest.raises(TakeError, match="voiced speech") as caught:
        fit(library, samples, 16_000, ENGLISH)
    assert caught.value.kind == "input"
    assert "5 to 15 s" in caught.value.hint


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_the_rate_of_the_clip_does_not_matter(library, clips, matches, rate):
    import soxr

    samples, own = clips["ann"]
    match = fit(library, soxr.resample(samples, own, rate), rate, ENGLISH)
    assert match.pitch_hz == pytest.approx(matches["ann"].pitch_hz, abs=4)
    assert match.formants == pytest.approx(matches["ann"].formants, abs=0.1)
    assert match.profile.top_hz <= rate / 2


def test_a_quiet_clip_gives_the_same_voice(library, clips, matches):
    samples, rate = clips["ann"]
    quiet = fit(library, 0.05 * samples, rate, ENGLISH)
    assert replace(quiet, profile=matches["ann"].profile) == replace(matches["ann"], breath=quiet.breath)
    assert quiet.breath == pytest.approx(matches["ann"].breath, abs=0.05)


@pytest.mark.parametrize("language", ["de", "cmn", "hi"])
def test_a_match_speaks_other_languages(matches, say, language):
    text = {"de": "Guten Morgen, wie geht es dir?", "cmn": "你好, 今天天气很好。", "hi": "नमस्ते, आप कैसे हैं?"}[language]
    samples = say(matches["eve"], text, language=language)
    assert np.abs(samples).max() > 0.05
    median = median_and_spread(samples, SAMPLE_RATE)[0]
    assert 2**median == pytest.approx(np.mean(matches["eve"].pitch_hz), rel=0.25)


# --- what a performance asks of it ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bob", "dora"])
def test_tone_brightens_in_steps(matches, say, name):
    found = [brightness_db(say(matches[name], tone=tone)) for tone in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    assert found == sorted(found)
    assert found[-1] - found[0] > 6


def test_breath_takes_the_voice_away_in_steps(matches, say):
    found = [track(say(matches["ann"], breath=breath), SAMPLE_RATE).strength.mean() for breath in (0, 0.3, 0.6, 1)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.7 * found[0]


def test_pitch_moves_f0_by_its_factor(matches, say):
    base = median_and_spread(say(matches["cy"]), SAMPLE_RATE)[0]
    for factor in (0.7, 0.9, 1.2, 1.6):
        moved = median_and_spread(say(matches["cy"], pitch=factor), SAMPLE_RATE)[0]
        assert 2 ** (moved - base) == pytest.approx(factor, rel=0.08)


@pytest.mark.parametrize("emotion", ["happy", "sad", "angry", "excited", "whisper", "surprised"])
def test_emotions_keep_their_direction(matches, say, emotion):
    wanted = emotion_at(ESPEAK.emotions[emotion], 1.0, ESPEAK.params)
    changed = {"speed": wanted.speed, "pitch": wanted.pitch, **wanted.params}
    plain, spoken = say(matches["eve"]), say(matches["eve"], **changed)
    assert (len(spoken) < len(plain)) == (wanted.speed > 1)
    if tone := wanted.params.get("tone"):
        assert np.sign(brightness_db(spoken) - brightness_db(plain)) == np.sign(tone)
    if wanted.pitch != 1:
        higher = median_and_spread(spoken, SAMPLE_RATE)[0] > median_and_spread(plain, SAMPLE_RATE)[0]
        assert higher == (wanted.pitch > 1)


def test_colour_changes_no_timing(matches, library):
    match = matches["eve"]
    plain = library.speak(LINE, ENGLISH, native_lines(match), {})
    coloured, samples = speak(
        library, LINE, ENGLISH, match, colour=voice_lines(AS_IT_IS | {"breath": 1.0}), settings={}
    )
    assert coloured.words == plain.words
    assert len(samples) == len(plain.pcm) // 2


@given(centre_hz=st.floats(60, 440), width_hz=st.floats(0, 600))
def test_every_fitted_voice_can_be_pitched_as_far_as_the_engine_offers(centre_hz, width_hz):
    voice = replace(ENGLISH, own_pitch=espeak_match._low_high(centre_hz, width_hz))
    param = ESPEAK.params["pitch"]
    for factor in (param.low, 1.0, param.high):
        assert 0 <= pitch_number(factor, voice) <= 99


# --- what it costs --------------------------------------------------------------------------------------


def test_it_costs_little(library, clips, matches, say):
    """CPU time: a fit, a line, and the line's share when conditionals come from the cache."""
    samples, rate = clips["cy"]
    started = time.process_time()
    fit(library, samples, rate, ENGLISH)
    fit_s = time.process_time() - started
    plain = to_plain(matches["cy"])
    started = time.process_time()
    for _ in range(20):
        from_plain(plain)
    read_s = (time.process_time() - started) / 20
    started = time.process_time()
    spoken = [say(matches["cy"]) for _ in range(3)]
    speak_s = time.process_time() - started
    assert fit_s < 3.0
    assert fit_s > 50 * read_s
    assert speak_s < 0.02 * sum(map(len, spoken)) / SAMPLE_RATE


def test_the_calibration_has_no_words(library):
    """Every language reads digits; a word would be read by the rules of each."""
    assert not any(character.isalpha() for character in CALIBRATION)
    for language in ("en", "de", "ja", "ar"):
        spoken = samples_of(library.speak(CALIBRATION, find("", language), "", {}))
        assert len(spoken) > 5 * SAMPLE_RATE


def test_the_number_of_threads_does_not_matter(clips, tmp_path):
    """Processes with one and with three BLAS threads make the same bytes."""
    np.save(tmp_path / "clip.npy", clips["eve"][0])
    script = (
        "import hashlib, sys, numpy as np\n"
        "from tts_cli.engines.espeak.library import Library\n"
        "from tts_cli.engines.espeak.match import fit, speak\n"
        "from tts_cli.engines.espeak.voices import find\n"
        "library, voice = Library(), find('', 'en')\n"
        "match = fit(library, np.load(sys.argv[1]), 16000, voice)\n"
        "samples = speak(library, 'Where were you all the while?', voice, match, settings={})[1]\n"
        "library.close()\n"
        "print(hashlib.sha256(samples.tobytes()).hexdigest())\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "clip.npy")]
    digests = set()
    for count in ("1", "3"):
        environment = os.environ | {"OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count, "PYTHONPATH": str(ROOT)}
        digests.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert len(digests) == 1
