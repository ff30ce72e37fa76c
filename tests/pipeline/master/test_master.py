"""Masters are judged by meters that are not ours: pyloudnorm, and ffmpeg's ebur128."""

import itertools
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
import soxr

from tts_cli.audio.io.ffmpeg import DEMUXERS, decoding, ffmpeg_path
from tts_cli.audio.io.files import encode_take
from tts_cli.audio.io.outputs import Output
from tts_cli.audio.mastering.gain import MOST_GAIN_DB
from tts_cli.audio.meters.measure import measure_take
from tts_cli.errors import DamagedTakeError, OutputError
from tts_cli.pipeline.master.master import ReadTake, Written, find_programme_gain, make_line, make_masters
from tts_cli.recipe import Recipe
from tts_cli.types import Clip, Gap, Take, Timeline

FORMATS = ("wav", "flac", "mp3", "m4a", "opus")
RATE = 44_100


class Shelf:
    """Takes and their bytes, as the cache would hold them."""

    def __init__(self) -> None:
        self.bytes: dict[str, bytes] = {}

    def record(self, samples: np.ndarray, rate: int) -> Take:
        samples = np.asarray(samples, np.float32)
        data = encode_take(samples, rate, "PCM_16")
        key = f"{len(self.bytes):064}"
        self.bytes[key] = data
        return Take(
            key=key,
            blob=key,
            size=len(data),
            frames=len(samples),
            sample_rate=rate,
            measures=measure_take(samples, rate),
        )

    def read(self, take: Take) -> bytes:
        return self.bytes[take.key]


def line_up(takes: Iterable[Take], *, rate: int = RATE, gap_s: float = 0.4, gains_db: tuple[float, ...] = (0,)):
    """One take after the other, cut at their ends as the timeline stage would."""
    items: list[Clip | Gap] = [Gap(start=0, length=rate // 2)]
    position = rate // 2
    for take, gain_db in zip(takes, itertools.cycle(gains_db), strict=False):
        trim = take.measures.onset
        trim_length = take.measures.offset - trim
        length = -(-trim_length * rate // take.sample_rate)
        items.append(
            Clip(
                line_id=take.key,
                part=0,
                take=take,
                start=position,
                length=length,
                trim=trim,
                trim_length=trim_length,
                gain_db=gain_db,
            )
        )
        gap = round(gap_s * rate)
        items.append(Gap(start=position + length, length=gap))
        position += length + gap
    return Timeline(id="x", title="X", sample_rate=rate, items=tuple(items), length=position)


def voice(seconds: float, rate: int = 22_050, pitch_hz: float = 110.0, seed: int = 0) -> np.ndarray:
    """A buzz through formants in syllables: as regular, and as evenly loud, as espeak."""
    chance = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    harmonics = np.arange(1, int(5_000 / pitch_hz))
    formants = sum(np.exp(-(((harmonics * pitch_hz - centre) / 180) ** 2)) for centre in (600, 1_200, 2_600))
    buzz = sum(
        level * np.cos(2 * np.pi * number * pitch_hz * time + chance.uniform(0, 6))
        for number, level in zip(harmonics, formants + 0.02, strict=True)
    )
    syllables = np.clip(np.sin(2 * np.pi * 3.7 * time + chance.uniform(0, 6)), 0, None) ** 0.5
    return 0.5 * buzz * syllables / np.abs(buzz).max()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def robotic(shelf: Shelf) -> Timeline:
    takes = [shelf.record(voice(2 + number / 3, pitch_hz=90 + 20 * number, seed=number), 22_050) for number in range(5)]
    return line_up(takes, gains_db=(0, -3, 1.5))


@pytest.fixture
def real(shelf: Shelf, speech: Path) -> Timeline:
    """Six speakers who peak up to 20 dB above their loudness: the limiter has work."""
    takes = []
    for path in sorted(speech.glob("*.flac"))[::3]:
        samples, rate = soundfile.read(path, dtype="float32")
        takes.append(shelf.record(soxr.resample(samples[: 7 * rate], rate, 24_000), 24_000))
    return line_up(takes)


def read_back(path: Path) -> tuple[np.ndarray, int]:
    """Decode a file of any format: [frames, channels]."""
    with decoding(path, DEMUXERS[path.suffix]) as decoded:
        return np.concatenate(list(decoded.blocks)), decoded.sample_rate


def judge(path: Path) -> tuple[float, float, float]:
    """Return what pyloudnorm says, and the loudness and true peak that ffmpeg's ebur128 says."""
    samples, rate = read_back(path)
    pyloudnorm_lufs = pyloudnorm.Meter(rate).integrated_loudness(samples.astype(np.float64))
    argv = [ffmpeg_path(), "-nostdin", "-hide_banner", "-nostats", "-i", str(path)]
    argv += ["-af", "ebur128=peak=true", "-f", "null", "-"]
    summary = subprocess.run(argv, capture_output=True, text=True, check=True).stderr.split("Summary:")[1]
    loudness, peak = (re.search(pattern, summary) for pattern in (r"I:\s+(-?[\d.]+) LUFS", r"Peak:\s+(-?[\d.]+) dBFS"))
    assert loudness
    assert peak
    return pyloudnorm_lufs, float(loudness[1]), float(peak[1])


def make_master(timeline: Timeline, recipe: Recipe, path: Path, read_take: ReadTake) -> Written:
    [written] = make_masters([timeline], [Output(path=path, recipe=recipe)], read_take)
    return written


def assert_as_ordered(master: Written, recipe: Recipe) -> None:
    pyloudnorm_lufs, ebur128_lufs, peak_dbtp = judge(master.path)
    assert master.levels.lufs == pytest.approx(recipe.loudness_lufs, abs=0.25)
    assert pyloudnorm_lufs == pytest.approx(recipe.loudness_lufs, abs=0.3)
    assert ebur128_lufs == pytest.approx(recipe.loudness_lufs, abs=0.3)
    assert max(master.levels.true_peak_dbtp, peak_dbtp) <= recipe.true_peak_dbtp + 0.001


# --- loudness and peaks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("suffix", FORMATS)
def test_real_speech_meets_its_target(suffix: str, channels: int, real: Timeline, shelf: Shelf, tmp_path: Path):
    recipe = Recipe(name="test", format=suffix, channels=channels)
    assert_as_ordered(make_master(real, recipe, tmp_path / f"x.{suffix}", shelf.read), recipe)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_robotic_voice_meets_its_target(suffix: str, robotic: Timeline, shelf: Shelf, tmp_path: Path):
    recipe = Recipe(name="test", format=suffix, loudness_lufs=-23.0, true_peak_dbtp=-3.0)
    assert_as_ordered(make_master(robotic, recipe, tmp_path / f"x.{suffix}", shelf.read), recipe)


@pytest.mark.parametrize(
    ("suffix", "kbps"), [("mp3", 320), ("mp3", 128), ("mp3", 64), ("m4a", 64), ("opus", 64), ("opus", 24)]
)
def test_low_bitrates_meet_it_too(suffix: str, kbps: int, real: Timeline, shelf: Shelf, tmp_path: Path):
    recipe = Recipe(name="test", format=suffix, bitrate_kbps=kbps, loudness_lufs=-18.0)
    assert_as_ordered(make_master(real, recipe, tmp_path / f"x.{suffix}", shelf.read), recipe)


def test_a_loud_target_is_met_by_limiting(real: Timeline, shelf: Shelf, tmp_path: Path):
    recipe = Recipe(name="test", loudness_lufs=-16.0)
    assert_as_ordered(make_master(real, recipe, tmp_path / "x.wav", shelf.read), recipe)


def test_a_long_programme_is_judged_by_a_part_of_its_clips(shelf: Shelf, speech: Path, tmp_path: Path):
    chance = np.random.default_rng(0)
    samples, rate = soundfile.read(min(speech.glob("*.flac")), dtype="float32")
    takes = []
    for _ in range(300):
        start = chance.integers(0, samples.size - rate)
        takes.append(shelf.record(samples[start : start + rate] * chance.uniform(0.3, 1.0), rate))
    recipe = Recipe(name="test", sample_rate=16_000, loudness_lufs=-17.0)
    asked: list[str] = []

    def read(take: Take) -> bytes:
        asked.append(take.key)
        return shelf.read(take)

    timeline = line_up(takes, rate=16_000, gap_s=0.1)
    find_programme_gain(timeline, recipe, read)
    assert 50 <= len(asked) <= 100
    assert_as_ordered(make_master(timeline, recipe, tmp_path / "x.wav", shelf.read), recipe)


def test_what_the_encoder_loses_is_made_good_in_a_second_pass(shelf: Shelf, tmp_path: Path):
    hiss = 0.1 * np.random.default_rng(0).standard_normal(24_000 * 4)
    recipe = Recipe(name="test", format="m4a", bitrate_kbps=32, loudness_lufs=-20.0)
    timeline = line_up([shelf.record(hiss, 48_000)])
    assert_as_ordered(make_master(timeline, recipe, tmp_path / "x.m4a", shelf.read), recipe)


# --- extremes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overshoots", "shipped"),
    [([0.24, 0.57, 0.32, -0.1], 3), ([0.9, 0.5, 0.2, 0.6, 0.7, 0.8, 0.2], 2)],
)
def test_an_encoder_that_overshoots_as_it_likes_is_tried_again_and_the_best_is_shipped(
    overshoots: list[float], shipped: int, shelf: Shelf, tmp_path: Path, monkeypatch
):
    """As Opus did on real speech, where two steps of one size did not do."""
    from tts_cli.pipeline.master import master as module

    recipe = Recipe(name="t", format="opus", sample_rate=48_000, bitrate_kbps=48, true_peak_dbtp=-1)
    coming, written = iter(overshoots), []

    def measure(path: Path):
        levels = measured(path)
        written.append(path.read_bytes())
        return replace(levels, true_peak_dbtp=-1 + next(coming))

    measured = module.measure_file
    monkeypatch.setattr(module, "measure_file", measure)
    peaky = 0.3 * voice(3)
    peaky[::4_000] = 0.95
    timeline = line_up([shelf.record(peaky, 22_050)], rate=48_000)
    [file] = make_masters([timeline], [Output(path=tmp_path / "x.opus", recipe=recipe)], shelf.read)
    assert len(written) == len(overshoots)
    assert file.path.read_bytes() == written[shipped]
    assert len(set(written)) == min(len(overshoots), 6)


def test_a_short_file_is_as_loud_as_a_long_one(shelf: Shelf, tmp_path: Path):
    """RMS is taken between the silences at both ends, which are most of a file of credits."""
    recipe = Recipe(name="t", format="wav", rms_db=-20, true_peak_dbtp=-3.1)
    loudness, rms = [], []
    for seconds in (60, 4):
        spoken = line_up([shelf.record(voice(seconds), 22_050)], gap_s=2.5)
        [file] = make_masters([spoken], [Output(path=tmp_path / f"{seconds}.wav", recipe=recipe)], shelf.read)
        loudness.append(file.levels.lufs)
        rms.append(file.levels.rms_db)
    assert abs(loudness[0] - loudness[1]) < 0.6
    assert rms[0] == pytest.approx(-20, abs=0.5)
    assert -22.5 < rms[1] < -20.5


@pytest.mark.parametrize("suffix", FORMATS)
def test_silence_stays_silence(suffix: str, shelf: Shelf, tmp_path: Path):
    take = shelf.record(np.zeros(22_050), 22_050)
    clip = Clip(line_id="x", part=0, take=take, start=100, length=44_100, trim=0, trim_length=22_050)
    timeline = Timeline(id="x", title="X", sample_rate=RATE, items=(clip,), length=50_000)
    master = make_master(timeline, Recipe(name="test", format=suffix), tmp_path / f"x.{suffix}", shelf.read)
    assert (master.levels.lufs, master.levels.true_peak_dbtp) == (-70.0, -120.0)
    assert not read_back(tmp_path / f"x.{suffix}")[0].any()


def test_a_programme_without_clips_is_silence_of_its_length(shelf: Shelf, tmp_path: Path):
    timeline = Timeline(id="x", title="X", sample_rate=RATE, items=(Gap(start=0, length=777),), length=777)
    master = make_master(timeline, Recipe(name="test"), tmp_path / "x.wav", shelf.read)
    assert (master.levels.frames, master.levels.lufs) == (777, -70.0)


def test_no_gain_goes_beyond_forty_decibels(shelf: Shelf, tmp_path: Path):
    faint = line_up([shelf.record(0.01 * voice(3.0), 22_050)])
    recipe = Recipe(name="test", loudness_lufs=-5.0)
    assert find_programme_gain(faint, recipe, shelf.read) == MOST_GAIN_DB
    master = make_master(faint, recipe, tmp_path / "x.wav", shelf.read)
    unchanged = make_line(faint, Output(path=tmp_path / "y.wav", recipe=recipe), shelf.read, gain_db=0.0)
    assert master.levels.lufs == pytest.approx(unchanged.levels.lufs + MOST_GAIN_DB, abs=0.3)


def test_a_target_out_of_reach_is_neared_and_the_ceiling_holds(shelf: Shelf, tmp_path: Path):
    clicks = np.zeros(22_050 * 3)
    clicks[::2_000] = 0.9
    timeline = line_up([shelf.record(clicks, 22_050)])
    master = make_master(timeline, Recipe(name="test", loudness_lufs=-5.0), tmp_path / "x.wav", shelf.read)
    assert master.levels.lufs < -10
    assert master.levels.true_peak_dbtp <= -1.5


@pytest.mark.parametrize("frames", [1, 50, 2_000])
def test_the_shortest_clips_pass(frames: int, shelf: Shelf, tmp_path: Path):
    take = shelf.record(0.3 * np.ones(frames), 22_050)
    clip = Clip(line_id="x", part=0, take=take, start=0, length=2 * frames, trim=0, trim_length=frames)
    timeline = Timeline(id="x", title="X", sample_rate=RATE, items=(clip,), length=2 * frames)
    assert make_master(timeline, Recipe(name="test"), tmp_path / "x.wav", shelf.read).levels.frames == 2 * frames


# --- exactness ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["wav", "flac", "m4a", "opus"])
def test_the_length_is_the_timelines(suffix: str, robotic: Timeline, shelf: Shelf, tmp_path: Path):
    master = make_master(robotic, Recipe(name="test", format=suffix), tmp_path / f"x.{suffix}", shelf.read)
    assert master.levels.frames == math.ceil(robotic.length * master.levels.sample_rate / RATE)
    assert len(read_back(master.path)[0]) == master.levels.frames


def test_clips_lie_where_the_timeline_says(shelf: Shelf, tmp_path: Path):
    tone = shelf.record(0.2 * np.sin(np.arange(22_050) * 0.3), 22_050)
    timeline = line_up([tone] * 20, gap_s=0.7)
    make_master(timeline, Recipe(name="test"), tmp_path / "x.wav", shelf.read)
    samples, _ = soundfile.read(tmp_path / "x.wav")
    for item in timeline.items:
        heard = np.abs(samples[item.start : item.start + item.length])
        assert (heard.max() > 0.1) == isinstance(item, Clip)
        if isinstance(item, Gap):
            assert not heard.any()


def test_overlapping_clips_are_summed_and_still_limited(shelf: Shelf, tmp_path: Path):
    clips = tuple(
        Clip(
            line_id="x",
            part=0,
            take=shelf.record(voice(3.0, pitch_hz=100 + start / 1000, seed=start), 22_050),
            start=start,
            length=132_300,
            trim=0,
            trim_length=66_150,
        )
        for start in (0, 30_000, 60_000, 60_001, 60_002)
    )
    timeline = Timeline(id="x", title="X", sample_rate=RATE, items=clips, length=250_000)
    recipe = Recipe(name="test", loudness_lufs=-16.0)
    master = make_master(timeline, recipe, tmp_path / "x.wav", shelf.read)
    assert_as_ordered(master, recipe)
    assert master.levels.frames == 250_000


@pytest.mark.parametrize("suffix", FORMATS)
def test_two_runs_give_the_same_bytes(suffix: str, real: Timeline, shelf: Shelf, tmp_path: Path):
    recipe = Recipe(name="test", format=suffix)
    one, two = (make_master(real, recipe, tmp_path / f"{name}.{suffix}", shelf.read) for name in "ab")
    assert one.sha256 == two.sha256
    assert one.path.read_bytes() == two.path.read_bytes()


# --- line files -----------------------------------------------------------------------------------------


def test_line_files_share_the_programmes_gain(shelf: Shelf, tmp_path: Path):
    loud, soft = (shelf.record(level * voice(2.0), 22_050) for level in (0.5, 0.1))
    recipe = Recipe(name="test")
    gain_db = find_programme_gain(line_up([loud, soft]), recipe, shelf.read)
    files = [
        make_line(line_up([take]), Output(path=tmp_path / f"{take.key}.wav", recipe=recipe), shelf.read, gain_db)
        for take in (loud, soft)
    ]
    assert files[0].levels.lufs - files[1].levels.lufs == pytest.approx(20 * math.log10(5), abs=0.1)
    assert max(file.levels.true_peak_dbtp for file in files) <= recipe.true_peak_dbtp


# --- failures -------------------------------------------------------------------------------------------


def damaged(take: Take) -> bytes:
    raise DamagedTakeError(take.key)


@pytest.mark.parametrize("suffix", ["wav", "mp3"])
@pytest.mark.parametrize("clip", [0, 4])
def test_a_damaged_take_is_passed_on_and_nothing_is_left(
    suffix: str, clip: int, robotic: Timeline, shelf: Shelf, tmp_path: Path
):
    bad = robotic.clips[clip].take.key
    read: Callable[[Take], bytes] = lambda take: damaged(take) if take.key == bad else shelf.read(take)  # noqa: E731
    with pytest.raises(DamagedTakeError):
        make_master(robotic, Recipe(name="test", format=suffix), tmp_path / f"x.{suffix}", read)
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_that_no_format_can_hold_is_refused(robotic: Timeline, shelf: Shelf, tmp_path: Path):
    with pytest.raises(OutputError, match="bitrate"):
        make_master(robotic, Recipe(name="test", format="mp3", bitrate_kbps=1), tmp_path / "x.mp3", shelf.read)


# --- memory ---------------------------------------------------------------------------------------------

_MEASURE_MEMORY = """
import sys
from pathlib import Path
import numpy as np
from tts_cli.audio.io.files import encode_take
from tts_cli.audio.io.outputs import Output
from tts_cli.audio.meters.measure import measure_take
from tts_cli.pipeline.master.master import make_masters
from tts_cli.types import Clip, Take, Timeline
from tts_cli.recipe import Recipe

count = int(sys.argv[1])
speech = (0.2 * np.random.default_rng(0).standard_normal(6 * 22_050)).astype(np.float32)
data = encode_take(speech, 22_050, "PCM_16")
measures = measure_take(speech, 22_050)
take = Take(key="k", blob="k", size=len(data), frames=len(speech), sample_rate=22_050, measures=measures)
clips = tuple(
    Clip(line_id=str(n), part=0, take=take, start=n * 270_000, length=264_600, trim=0, trim_length=132_300)
    for n in range(count)
)
timeline = Timeline(id="x", title="x", sample_rate=44_100, items=clips, length=count * 270_000)
output = Output(path=Path(sys.argv[2]), recipe=Recipe(name="x", format="flac", bits=16))
make_masters([timeline], [output], lambda take: data)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's own count of a process's memory")
def test_memory_does_not_grow_with_the_programme(tmp_path: Path):
    def peak_mb(clips: int) -> int:
        argv = [sys.executable, "-c", _MEASURE_MEMORY, str(clips), str(tmp_path / "x.flac")]
        return int(subprocess.run(argv, capture_output=True, text=True, check=True).stdout) // 1024

    short, long = peak_mb(20), peak_mb(200)  # two minutes and twenty
    assert long < 200
    assert long - short < 20
