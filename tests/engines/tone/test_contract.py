"""What every engine keeps to, of tone."""

import pytest
from contract import EngineContract

from tts_cli.engines.tone.adapter import Tone
from tts_cli.engines.tone.spec import TONE


class TestContract(EngineContract):
    spec = TONE
    bad = {"params": {"fault": "refuse"}}  # noqa: RUF012


@pytest.fixture(scope="module")
def engine():
    engine = Tone()
    engine.load("cpu")
    yield engine
    engine.close()
