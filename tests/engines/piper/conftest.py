"""Random Piper voices in the real file format, and the engine that speaks them."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MODULES = ("onnx", "onnxruntime")
if any(importlib.util.find_spec(name) is None for name in MODULES):
    collect_ignore = ["test_adapter.py", "test_cli.py", "test_graph.py", "test_real_voice.py"]

PLAIN = ("test_config.py", "test_phonemes.py", "test_noise.py")  # need neither package


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.path.name not in PLAIN:
            item.add_marker(pytest.mark.engine_piper)


@pytest.fixture(scope="session")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `one.onnx`, and `four.onnx` of four speakers; each has its configuration beside it."""
    from tts_cli.engines.piper.random_model import write_voice

    folder = tmp_path_factory.mktemp("voices")
    write_voice(folder / "one.onnx", seed=1)
    write_voice(folder / "four.onnx", seed=2, speakers=4)
    return folder


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[object, Path]]:
    """The engine, and a home for what it keeps."""
    from tts_cli.engines.piper.adapter import Piper

    home = tmp_path_factory.mktemp("home")
    engine = Piper()
    engine.load("cpu")
    yield engine, home
    engine.close()


@pytest.fixture
def engine(loaded: tuple[object, Path], monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("TTS_CLI_HOME", str(loaded[1]))
    return loaded[0]


@pytest.fixture
def load(voices: Path) -> Callable[[str], object]:
    """Load a voice of the folder as the adapter does."""
    from tts_cli.engines.piper.adapter import _load
    from tts_cli.engines.piper.voices import parse, resolve

    return lambda name: _load(parse(resolve(str(voices / name), "en")))
