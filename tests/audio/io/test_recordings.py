"""A recording is decoded as far as a recording of speech may be long: small files can hold days of silence."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tts_cli.audio.io import recordings
from tts_cli.audio.io.recordings import decode_audio
from tts_cli.errors import TakeError


def write_silence(path: Path, seconds: float, rate: int, channels: int) -> None:
    """Write digital silence, of which FLAC makes next to nothing."""
    with soundfile.SoundFile(path, "w", rate, channels, "PCM_16", format="FLAC") as file:
        block = np.zeros((rate, channels), np.int16)
        for _ in range(int(seconds)):
            file.write(block)


def write_claim(path: Path, seconds: int, rate: int, channels: int) -> None:
    """Write a second, and a header that says it is more: writing a real bomb takes ten seconds."""
    write_silence(path, 1, rate, channels)
    data = bytearray(path.read_bytes())
    (form,) = struct.unpack_from(">Q", data, 18)
    struct.pack_into(">Q", data, 18, form >> 36 << 36 | seconds * rate)
    path.write_bytes(data)


@pytest.mark.parametrize(("rate", "channels", "seconds"), [(48_000, 8, 1000), (192_000, 2, 1000), (8_000, 1, 3700)])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch, rate: int, channels: int, seconds: int):
    path = tmp_path / "bomb.flac"
    write_claim(path, seconds, rate, channels)
    monkeypatch.setattr(recordings.SequentialFile, "each_block", lambda *_: pytest.fail("it is decoded"))

    with pytest.raises(TakeError, match=r"longer than 60 minutes|more samples than") as caught:
        decode_audio(path)
    assert caught.value.kind == "input"
    assert "cut it" in caught.value.hint


def test_a_header_that_lies_is_found_out_while_decoding(tmp_path: Path, monkeypatch):
    path = tmp_path / "long.flac"
    write_silence(path, 5, 8_000, 1)
    monkeypatch.setattr(recordings, "_UNKNOWN", 1)

    with pytest.raises(TakeError, match="longer than"):
        decode_audio(path, 4.0)
    assert decode_audio(path, 5.0)[0].size == 5 * 8_000


def test_a_clip_to_imitate_may_last_a_quarter_of_an_hour(cli, tmp_path: Path):
    write_claim(tmp_path / "bomb.flac", 1000, 48_000, 8)

    result = cli("clone", "z", "bomb.flac")

    assert result.code == 3
    assert "longer than 15 minutes" in result.err


def test_raw_samples_are_refused_with_words(cli, tmp_path: Path):
    for name in ("x.raw", "X.RAW"):
        (tmp_path / name).write_bytes(bytes(range(256)) * 80)

        result = cli("clone", "z", name)

        assert result.code == 3
        assert "is raw PCM" in result.err
        assert "hint: make a WAV of it" in result.err


def test_memory_is_taken_once(tmp_path: Path):
    """An address space of a few hundred megabytes is enough for ten minutes."""
    path = tmp_path / "ten.flac"
    write_silence(path, 600, 48_000, 1)
    script = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from tts_cli.audio.io.recordings import decode_audio\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "samples, _ = decode_audio(Path(sys.argv[1]))\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * UNIT / samples.nbytes)\n"
    ).replace("UNIT", "1" if sys.platform == "darwin" else "1024")

    said = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True).stdout

    assert float(said) < 1.3
