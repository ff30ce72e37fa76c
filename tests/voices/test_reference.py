import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tts_cli.audio.io.ffmpeg import ffmpeg_path
from tts_cli.audio.meters.quality import Samples
from tts_cli.errors import InputError
from tts_cli.voices.reference import check_clip, compare_levels, read_clip

RATE = 16_000


def talk(seconds: float = 8.0, *, pause_s: float = 0.6, seed: int = 1) -> Samples:
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    voice = (
        rng.standard_normal(len(time))
        * (0.5 - 0.5 * np.cos(2 * np.pi * 4 * time))
        * ((time % 2.0) < 2 - pause_s)
        * 0.16
    )
    return (voice + rng.standard_normal(len(time)) * 10 ** (-70 / 20)).astype(np.float32)


def write(path: Path, samples: Samples, rate: int = RATE) -> Path:
    soundfile.write(path, samples, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return path


def kinds(path: Path) -> set[str]:
    return {finding.kind for finding in check_clip(path).diagnostics}


def test_a_sound_clip_has_no_findings(tmp_path: Path) -> None:
    clip = check_clip(write(tmp_path / "a.wav", talk()))
    assert clip.diagnostics == ()
    assert 5 <= clip.seconds <= 8


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "m4a", "opus"])
def test_every_usual_format_is_decoded(tmp_path: Path, suffix: str) -> None:
    source = write(tmp_path / "source.wav", talk())
    path = tmp_path / f"clip.{suffix}"
    subprocess.run([ffmpeg_path(), "-loglevel", "error", "-i", source, path], check=True)
    clip = check_clip(path)
    assert clip.quality.seconds == pytest.approx(8, abs=0.1)
    assert clip.quality.speech_dbfs == pytest.approx(-20, abs=2)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("short", lambda clip: clip[: 4 * RATE]),
        ("long", lambda clip: np.tile(clip, 3)),
        ("silence", lambda clip: np.concatenate([clip, np.zeros(20 * RATE, np.float32)])),
        ("clipping", lambda clip: np.clip(clip * 8, -0.7, 0.7)),
        ("noise", lambda clip: clip + np.random.default_rng(3).standard_normal(len(clip)).astype(np.float32) * 0.03),
        ("hum", lambda clip: clip + 0.01 * np.sin(2 * np.pi * 50 * np.arange(len(clip)) / RATE).astype(np.float32)),
        ("levels", lambda clip: clip * np.repeat(np.float32([1, 0.2]), len(clip) // 2)),
        ("quiet", lambda clip: clip * np.float32(0.05)),
    ],
)
def test_each_fault_is_found_with_a_number(tmp_path: Path, kind: str, change: object) -> None:
    assert callable(change)
    diagnostics = {
        finding.kind: finding for finding in check_clip(write(tmp_path / "a.wav", change(talk()))).diagnostics
    }
    assert kind in diagnostics
    assert any(char.isdigit() for char in diagnostics[kind].message)
    assert diagnostics[kind].measured != diagnostics[kind].wanted


def test_a_dc_offset_is_taken_out_and_said(tmp_path: Path) -> None:
    clip = check_clip(write(tmp_path / "a.wav", talk() + np.float32(0.3)))
    assert [finding.kind for finding in clip.diagnostics] == ["offset"]
    assert "+0.30" in clip.diagnostics[0].message
    plain = check_clip(write(tmp_path / "b.wav", talk()))
    assert clip.quality.speech_s == pytest.approx(plain.quality.speech_s, abs=0.1)
    assert abs(float(clip.samples.mean())) < 0.001


def test_a_low_sample_rate_is_found(tmp_path: Path) -> None:
    assert "rate" in kinds(write(tmp_path / "a.wav", talk()[::2].copy(), 8000))


def test_the_best_passage_leaves_out_the_clipped_the_quiet_and_the_silent(tmp_path: Path) -> None:
    bad, faint = np.clip(talk(seed=2) * 9, -0.9, 0.9), talk(seed=3) * np.float32(0.08)
    good, silence = talk(10, seed=4), np.zeros(3 * RATE, np.float32)
    clip = check_clip(write(tmp_path / "a.wav", np.concatenate([bad, silence, good, silence, faint])))
    assert clip.start_s == pytest.approx(11, abs=0.2)
    assert clip.seconds == pytest.approx(10, abs=0.8)


def test_a_passage_begins_and_ends_in_a_pause_and_at_zero(tmp_path: Path) -> None:
    clip = check_clip(write(tmp_path / "a.wav", talk(60)))
    assert 10 <= clip.seconds <= 15.2
    edge = round(0.05 * RATE)
    for part in (clip.samples[:edge], clip.samples[-edge:]):
        assert np.sqrt(np.mean(part**2)) < 0.001
    assert abs(clip.samples[0]) < 1e-5


def test_speech_without_pauses_is_cut_all_the_same(tmp_path: Path) -> None:
    assert check_clip(write(tmp_path / "a.wav", talk(40, pause_s=0))).seconds == pytest.approx(12, abs=0.3)


def test_the_same_samples_under_another_name_give_the_same_passage(tmp_path: Path) -> None:
    one, two = (check_clip(write(tmp_path / name, talk(20))) for name in ("a.wav", "b.wav"))
    assert np.array_equal(one.samples, two.samples)


def test_clips_of_different_level_are_told(tmp_path: Path) -> None:
    loud, quiet = (
        check_clip(write(tmp_path / name, talk() * np.float32(gain))) for name, gain in (("a.wav", 1), ("b.wav", 0.2))
    )
    assert compare_levels([loud, loud]) is None
    difference = compare_levels([loud, quiet])
    assert difference
    assert difference.measured == pytest.approx(14, abs=0.5)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.wav", b"", "decoded|no audio"),
        ("a.wav", b"#EXTM3U\nfile:///etc/passwd\n", "decoded"),
        ("a.wav", b"ffconcat version 1.0\nfile other.wav\n", "decoded"),
        ("a.mp3", b"not music at all" * 100, "decoded"),
        ("a.txt", b"hello", "not audio"),
    ],
)
def test_what_is_no_audio_is_an_error_at_its_place(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    write(tmp_path / "other.wav", talk())
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=reason) as raised:
        read_clip(tmp_path / name)
    assert str(raised.value).startswith(f"{tmp_path / name}:1:1: ")


def test_a_missing_file_silence_and_nan_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        check_clip(tmp_path / "none.wav")
    with pytest.raises(InputError, match=r"0\.0 s of speech in 5\.0 s"):
        check_clip(write(tmp_path / "a.wav", np.zeros(5 * RATE, np.float32)))
    noise = np.random.default_rng(5).standard_normal(5 * RATE).astype(np.float32) * 0.1
    with pytest.raises(InputError, match=r"0\.0 s of speech"):
        check_clip(write(tmp_path / "c.wav", noise))
    with pytest.raises(InputError, match="NaN"):
        check_clip(write(tmp_path / "b.wav", np.full(5 * RATE, np.nan, np.float32)))


def test_real_speech_serves_as_it_is(speech: Path) -> None:
    clips = {path.stem: check_clip(path) for path in speech.glob("*.flac")}
    assert len(clips) == 18
    assert all(1.5 < clip.seconds <= 15.2 for clip in clips.values())
    assert clips["3005-163389-0003"].diagnostics == ()


MADE = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("name", ["ann", "bob", "cy", "dora", "eve", "fred"])
def test_made_speech_serves_as_it_is(name: str) -> None:
    clip = check_clip(MADE / f"{name}.flac")
    assert clip.diagnostics == ()
    assert 5 < clip.quality.speech_s <= clip.seconds < 8


@pytest.mark.parametrize("kind", ["noise", "hum", "clipping"])
def test_what_was_done_to_made_speech_is_found_and_nothing_else(kind: str) -> None:
    """They last three seconds, so each is also too short."""
    assert kinds(MADE / f"{kind}.flac") == {kind, "short"}
