"""Every test has a home, a cache and a working directory of its own."""

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from loopback_hub import Hub, running_hub

from tts_cli.cli import app, output

ROOT = Path(__file__).parents[1]
SPEECH = ROOT.parent / "shared" / "speech"
MADE_SPEECH = ROOT / "tests" / "data"


# In CI the same examples each time, so that a failure is the change's; at a desk the search goes on.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("dev", derandomize=False, deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


@dataclass(frozen=True)
class Result:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as exactly one JSON object."""
        return json.loads(self.out)


RunCli = Callable[..., Result]

# Modules of packages that the README's test command does not install, and the distributions that bring them.
OPTIONAL = {
    "faster_whisper": "faster-whisper",
    "kokoro": "kokoro",
    "misaki": "misaki",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "pocket_tts": "pocket-tts",
    "ray": "ray",
    "safetensors": "safetensors",
    "spacy": "spacy",
    "tokenizers": "tokenizers",
    "torch": "torch",
    "whisper_normalizer": "whisper-normalizer",
}
ENGINES = {
    "engine_kokoro": ("kokoro", "misaki", "torch"),
    "engine_piper": ("onnx", "onnxruntime"),
    "engine_pocket": ("pocket_tts", "torch"),
}


def needed_by(item: pytest.Item) -> set[str]:
    """Return the optional modules that a test says it needs, by `needs` or by its engine's marker."""
    engines = [modules for marker, modules in ENGINES.items() if item.get_closest_marker(marker)]
    return {name for names in (*(mark.args for mark in item.iter_markers("needs")), *engines) for name in names}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests and real weights to those who ask with -m, and skip those whose packages are not here."""
    for item in items:
        if absent := sorted(name for name in needed_by(item) if find_spec(name) is None):
            item.add_marker(pytest.mark.skip(reason=f"not installed: {', '.join(absent)}"))
        for marker in ("slow", "real_weights"):
            if item.get_closest_marker(marker) and not config.option.markexpr:
                item.add_marker(pytest.mark.skip(reason=f"{marker}; run with -m {marker}"))


@pytest.fixture(autouse=True)
def _no_more_packages_than_it_says(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide optional packages from a test that does not say it needs one: so it fails here as where there are none."""
    if not needed_by(request.node):
        for name in OPTIONAL:
            monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture(scope="session")
def optional_packages() -> dict[str, str]:
    """Modules of packages that may be absent -> the distributions that bring them."""
    return OPTIONAL


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TTS_CLI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TTS_CLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("TTS_CLI_WORKERS", "TTS_CLI_RECIPE", "TTS_CLI_FFMPEG", "HF_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> RunCli:
    """Run the real command line in this process: its error boundary and exit codes included."""

    def run(*arguments: object, stdin: bytes = b"", terminal: bool = False) -> Result:
        monkeypatch.setattr(sys, "argv", ["tts-cli", *map(str, arguments)])
        typed = io.TextIOWrapper(io.BytesIO(stdin))
        monkeypatch.setattr(typed, "isatty", lambda: terminal)
        monkeypatch.setattr(sys, "stdin", typed)
        for mode in ("json", "quiet", "verbose"):
            monkeypatch.setattr(output.mode, mode, False)
        capsys.readouterr()
        code = 0
        try:
            app.main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Result(code=code, out=said.out, err=said.err)

    return run


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub on the loopback interface, with nothing in it."""
    with running_hub() as server:
        yield server


@pytest.fixture
def speech() -> Path:
    """Real speech beside the checkout; tests that need it are skipped where it is not."""
    if not SPEECH.is_dir():
        pytest.skip("no real speech beside the checkout")
    return SPEECH


@pytest.fixture(params=["made", "real"])
def any_speech(request: pytest.FixtureRequest) -> Path:
    """A folder of FLAC files: those that we made, which every clone has; and real ones, where they are at hand."""
    return MADE_SPEECH if request.param == "made" else request.getfixturevalue("speech")


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people who read for ten seconds each, `ann.wav` and `bob.wav`: the embedded engine, which is everywhere."""
    import soundfile

    from tts_cli.engines.base import Request
    from tts_cli.engines.espeak.adapter import Espeak

    text = "The tide was out, and the boats lay on their sides. Nobody spoke. Then a bell rang, far away, twice. " * 2
    folder = tmp_path_factory.mktemp("clips")
    engine = Espeak()
    engine.load("cpu")
    for name, voice in (("ann", "en-gb+f3"), ("bob", "en-us+m8")):
        [(_, speech)] = engine.speak([Request(text=text, language="en", voice=voice, params={}, seed=0)])
        soundfile.write(folder / f"{name}.wav", speech.samples, speech.sample_rate)
    engine.close()
    return folder
