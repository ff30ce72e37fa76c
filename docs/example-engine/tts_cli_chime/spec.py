"""What the engine is, as plain data: read by the command line, so numpy is imported only where it is needed."""

from typing import Any

from tts_cli.engines.base import Abilities, Conditioner, EngineSpec, EngineVoice, Param
from tts_cli.errors import UnknownNameError

VOICES = {"low": 220.0, "high": 440.0}
"""The lowest bell of each voice in Hz."""


def voices() -> tuple[EngineVoice, ...]:
    """List the voices."""
    return tuple(EngineVoice(name=name, language="") for name in VOICES)


def resolve(voice: str, language: str) -> str:
    """Return the full name of a voice in any language, "low" where none is named; raises `UnknownNameError`."""
    if voice and voice not in VOICES:
        raise UnknownNameError("voice", voice, VOICES)
    return voice or "low"


def layout(state: Any) -> Any:
    """Return a state in its one form, the pitch of a voice as {"hz": [1] float32}; raises ValueError for another's."""
    from tts_cli.engines.kit.layout import read_floats, read_mapping

    return {"hz": read_floats(read_mapping(state, "hz")["hz"], "hz", (1,))}


CHIME = EngineSpec(
    name="chime",
    summary="a bell for each word, tuned to a clip if there is one",
    adapter="tts_cli_chime.adapter:Chime",
    version=1,
    package="tts-cli-chime",
    voices=voices,
    resolve=resolve,
    sample_rate=16_000,
    subtype="PCM_16",
    abilities=Abilities(
        clones=Conditioner(version=1, layout=layout, sample_rate=16_000, expected_s=0.1),
        expressive=False,
        word_times=True,
    ),
    params={
        "speed": Param(doc="factor on the speaking rate", default=1.0, low=0.5, high=2.0),
        "decay": Param(doc="how fast a bell fades", default=8.0, low=1.0, high=40.0),
    },
    licence="Apache-2.0",
)
