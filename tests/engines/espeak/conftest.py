"""The embedded engine, loaded once for all tests of a module, and how to ask it."""

import pytest
from contract import speak_one

from tts_cli.engines.base import Request
from tts_cli.engines.espeak.adapter import Espeak


class Speaker:
    """Speaks one text by the real engine."""

    def __init__(self, engine):
        self.engine = engine

    def __call__(self, text, *, voice="", language="en", seed=0, **params):
        request = Request(text=text, language=language, voice=voice, params=params, seed=seed)
        return speak_one(self.engine, request)


@pytest.fixture(scope="module")
def speak():
    engine = Espeak()
    engine.load("cpu")
    yield Speaker(engine)
    engine.close()
