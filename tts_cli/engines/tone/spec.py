"""What the engine `tone` is, as plain data."""

from tts_cli.engines.base import Abilities, Cost, EngineSpec, EngineVoice, Execution, Param, TextLimits
from tts_cli.engines.server import Server
from tts_cli.errors import UnknownNameError

VOICES = {"low": 160.0, "mid": 220.0, "high": 330.0}
"""The F0 of each register in Hz."""


def voices() -> tuple[EngineVoice, ...]:
    """List its three registers, which sing in any language."""
    return tuple(EngineVoice(name=name, language="", description=f"{hertz:g} Hz") for name, hertz in VOICES.items())


def resolve(voice: str, language: str) -> str:  # noqa: ARG001  it sings in any language
    """Return a register; raises `UnknownNameError`."""
    if voice and voice not in VOICES:
        raise UnknownNameError("voice", voice, VOICES)
    return voice or "mid"


def ask_model(server: Server) -> str:
    """Return the identity of the model on a server; raises `MissingError` where it does not tell."""
    from tts_cli.engines.kit.http_client import ask_model

    return ask_model(server, "/v1/model")


_SOUND = {
    "speed": Param(doc="factor on the speaking rate", default=1.0, low=0.25, high=4.0),
    "pitch": Param(doc="factor on the pitch", default=1.0, low=0.25, high=4.0),
    "char_ms": Param(doc="length of a character in ms", default=40.0, low=1.0, high=1000.0),
}

TONE = EngineSpec(
    name="tone",
    summary="a sine per character, for dry runs and benchmarks; fails in every way on request",
    adapter="tts_cli.engines.tone.adapter:Tone",
    version=1,
    package="numpy",
    voices=voices,
    resolve=resolve,
    sample_rate=16_000,
    subtype="PCM_16",
    text=TextLimits(chars_per_second=25.0),
    cost=Cost(realtime_factor=0.001),
    execution=Execution(devices=("cuda", "mps", "cpu"), batch=8),
    abilities=Abilities(word_times=True, context_turns=8),
    params={
        **_SOUND,
        "work_ms": Param(doc="time to spend on a line, in ms", default=0.0, high=600_000.0),
        "work": Param(doc="time to spend on a line, in seconds for each second of audio", default=0.0, high=1000.0),
        "leak_mb": Param(doc="memory to keep for good, in MiB for each line", default=0.0, high=10_000.0),
        "fits": Param(doc="the largest batch that fits into memory; 0 is any", default=0.0, high=1000.0),
        "fault": Param(
            doc="what goes wrong",
            default="none",
            choices=(
                *("none", "refuse", "bug", "memory", "hog", "cuda", "crash", "exit", "hang", "noise"),
                *("empty", "stereo", "nan", "silent", "clipped", "dc", "cut", "endless"),
            ),
        ),
        "fault_times": Param(doc="how often in a run it goes wrong; 0 is always", default=0.0, high=1000.0),
        "fault_rate": Param(doc="the share of seeds for which it goes wrong", default=1.0),
    },
    licence="Apache-2.0 (part of tts-cli)",
)

SERVER = Server(
    url="TTS_CLI_TONE_URL",
    model="TTS_CLI_TONE_MODEL",
    credential="TTS_CLI_TONE_KEY",
    ask_model=ask_model,
    connect_s=5.0,
    read_s=30.0,
    total_s=60.0,
)

TONE_REMOTE = EngineSpec(
    name="tone-remote",
    summary="tone on a server: shows how an engine on a server is written",
    adapter="tts_cli.engines.tone.remote:RemoteTone",
    version=1,
    package="numpy",
    voices=voices,
    resolve=resolve,
    sample_rate=16_000,
    subtype="PCM_16",
    text=TextLimits(chars_per_second=25.0),
    cost=Cost(realtime_factor=0.01, timeout_slack_s=150.0),
    execution=Execution(batch=8, server=SERVER),
    abilities=Abilities(word_times=True),
    params=_SOUND,
    licence="Apache-2.0 (part of tts-cli)",
)
