"""Tiny pocket-tts models of random weights, in the real file formats, loaded by the real package."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

if importlib.util.find_spec("pocket_tts") is None or importlib.util.find_spec("torch") is None:
    collect_ignore = ["test_adapter.py", "test_batch.py", "test_cli.py"]

PLAIN = "test_plain.py"  # needs neither the package nor torch


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.path.name != PLAIN:
            item.add_marker(pytest.mark.engine_pocket)
            # torch.ao, which makes int8 layers, is to move elsewhere
            item.add_marker(pytest.mark.filterwarnings("ignore:.*deprecated:UserWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore:.*:DeprecationWarning"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A folder with a tiny model whose rows end after some twenty-five frames: config.yaml and what it names."""
    from tts_cli.engines.pocket_tts.random_model import SOMETIMES, write_model

    folder = tmp_path_factory.mktemp("tiny")
    write_model(folder, like="english_2026-10", tiny=True, end_bias=SOMETIMES)
    return folder


@pytest.fixture(scope="session")
def endless(tmp_path_factory) -> Path:
    """The same, but no row ever ends."""
    from tts_cli.engines.pocket_tts.random_model import NEVER, write_model

    folder = tmp_path_factory.mktemp("endless")
    write_model(folder, like="english_2026-10", tiny=True, end_bias=NEVER)
    return folder


@pytest.fixture
def load():
    """Load a folder's model, to decode that many rows at once; 0 is the package's own way."""
    from tts_cli.engines.pocket_tts.model import Model
    from tts_cli.engines.pocket_tts.random_model import find_files_of

    def make(folder: Path, width: int = 16, *, int8: bool = False) -> Model:
        return Model("en", find_files_of(folder / "config.yaml"), int8=int8, width=width)

    return make


@pytest.fixture
def settle(tiny):
    """Put a folder's model into the home as the user's own English one, with one voice `alba`."""

    def put(folder: Path = tiny, language: str = "en") -> None:
        import yaml
        from pocket_tts import TTSModel, export_model_state

        from tts_cli.engines.pocket_tts.random_model import random_voice
        from tts_cli.engines.weights import hub_folder

        own = hub_folder() / "pocket-tts"
        (own / language).mkdir(parents=True)
        config = yaml.safe_load((folder / "config.yaml").read_text())
        (own / f"{language}.yaml").write_text(yaml.safe_dump(config))
        tts = TTSModel.load_model(config=folder / "config.yaml")
        for number, name in enumerate(("alba", "jean")):
            export_model_state(random_voice(tts, 0.5 + number, number), own / language / f"{name}.safetensors")

    return put


@pytest.fixture
def clip() -> np.ndarray:
    """Two seconds of a buzzing sound with a pause in it, 24 kHz."""
    time = np.arange(48_000) / 24_000
    return (0.2 * np.sign(np.sin(2 * np.pi * 120 * time)) * (np.abs(time - 1) > 0.2)).astype(np.float32)
