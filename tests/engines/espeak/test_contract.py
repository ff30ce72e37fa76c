"""What every engine keeps to, of espeak."""

import pytest
from contract import EngineContract

from tts_cli.engines.espeak.adapter import Espeak
from tts_cli.engines.espeak.spec import ESPEAK


class TestContract(EngineContract):
    spec = ESPEAK


@pytest.fixture(scope="module")
def engine():
    engine = Espeak()
    engine.load("cpu")
    yield engine
    engine.close()
