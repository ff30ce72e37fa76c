"""What the engine `recording` is, as plain data."""

from tts_cli.engines.base import Cost, EngineSpec, EngineVoice, Execution


def voices() -> tuple[EngineVoice, ...]:
    """A recording has the voice it has."""
    return ()


def resolve(voice: str, language: str) -> str:  # noqa: ARG001  every engine resolves like this
    """Return the empty name: whatever the line says, a recording has the voice it has."""
    return ""


RECORDING = EngineSpec(
    name="recording",
    summary="plays a recorded file instead of speaking: what `audio:` on a line uses",
    adapter="tts_cli.engines.recording.adapter:Recording",
    version=2,
    package="soundfile",
    voices=voices,
    resolve=resolve,
    sample_rate=0,
    subtype="PCM_24",
    cost=Cost(timeout_slack_s=900.0),  # a recording may be two hours long, whatever its line says
    execution=Execution(needs_local_files=True, stochastic=False),
)
