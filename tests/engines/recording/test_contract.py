"""What every engine keeps to, of recording."""

import hashlib

import numpy as np
import pytest
import soundfile
from contract import EngineContract

from tts_cli.engines.recording.adapter import Recording
from tts_cli.engines.recording.spec import RECORDING


class TestContract(EngineContract):
    spec = RECORDING
    bad = {"params": {"path": "gone.wav", "sha256": ""}}  # noqa: RUF012


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """Beside the adapter, a recording that each request plays."""
    path = tmp_path_factory.mktemp("recording") / "hum.wav"
    soundfile.write(path, 0.2 * np.sin(np.arange(8000) * 0.1), 8000)
    TestContract.changes = {
        "params": {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
    }
    engine = Recording()
    engine.load("cpu")
    yield engine
    engine.close()
