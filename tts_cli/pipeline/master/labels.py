"""What is written into a file's head: what the work is called, and that its voice is a machine's."""

import re
from collections.abc import Iterable, Mapping

from tts_cli.about import __version__
from tts_cli.engines.catalog import get_spec, package_version
from tts_cli.engines.recording.spec import RECORDING
from tts_cli.errors import TtsError
from tts_cli.pipeline.model import Plan
from tts_cli.types import Manifest, Timeline, Voice

LONGEST_TAG = 2000
AI_VOICE = "AI voice"
"""The label that publishers ask for; it also marks synthetic audio for machines (EU AI Act, Article 50(2))."""


def file_tags(plan: Plan, timelines: Iterable[Timeline], title: str = "", track: str = "") -> dict[str, str]:
    """Return a file's tags: those of a book's part where `title` and `track` are given, else those of the whole."""
    manifest = plan.manifest
    data = manifest.metadata
    name = data.get("title", "") or manifest.name
    synthetic = describe_voices(plan, timelines)
    tags = {
        "title": title or name,
        "album": name,
        "artist": data.get("author", ""),
        "album_artist": data.get("author", ""),
        "composer": data.get("narrator", ""),
        "track": track,
        "grouping": data.get("series", ""),
        "genre": data.get("genre", ""),
        "date": data.get("date", "") or data.get("year", ""),
        "publisher": data.get("publisher", ""),
        "copyright": data.get("copyright", "") or _licences(synthetic),
        "description": data.get("description", ""),
        "language": data.get("language", ""),
        "comment": describe_provenance(synthetic) or data.get("comment", ""),
    }
    return {name: text for name, value in tags.items() if (text := tag_text(value))}


def line_voices(manifest: Manifest) -> dict[str, Voice]:
    """Return the voices that are not an engine's own, by the ids of the lines that they speak."""
    spoken = ((line.id, manifest.voices.get((line.voice, line.engine))) for line in manifest.lines)
    return {line_id: voice for line_id, voice in spoken if voice}


def provenance_tags(voices: Mapping[str, Voice], timeline: Timeline) -> dict[str, str]:
    """Return the tags that carry the licences and consents of the voices heard; none where no voice has any.

    `voices` are those of all lines, by id.
    """
    heard = [voices[clip.line_id] for clip in timeline.line_clips if clip.line_id in voices]
    named = {voice.name: voice for voice in heard if voice.licence or voice.consent}
    licences = [f"{name}: {one_line(voice.licence)}" for name, voice in sorted(named.items()) if voice.licence]
    consents = [f"{name}: {one_line(voice.consent)}" for name, voice in sorted(named.items()) if voice.consent]
    tags = {
        "copyright": f"voices: {'; '.join(licences)}" if licences else "",
        "comment": f"synthetic speech; consent: {'; '.join(consents)}" if consents else "synthetic speech",
    }
    return {name: value[:LONGEST_TAG] for name, value in tags.items() if value} if named else {}


def describe_voices(plan: Plan, timelines: Iterable[Timeline]) -> list[dict[str, str]]:
    """List who speaks in these timelines and is a machine: engine, its version, voice, licence, consent."""
    heard = {clip.line_id for timeline in timelines for clip in timeline.line_clips}
    found = {}
    for planned in plan.lines:
        first = planned.utterances[0]
        if planned.line.id in heard and first.engine != RECORDING.name:
            voice = plan.manifest.voices.get((planned.line.voice, planned.line.engine))
            found[first.engine, voice.name if voice else first.voice] = voice
    return [_voice(engine, name, voice) for (engine, name), voice in sorted(found.items())]


def _voice(engine: str, name: str, voice: Voice | None) -> dict[str, str]:
    return {
        "engine": engine,
        "model": _model(engine),
        "voice": name,
        "licence": voice.licence if voice else "",
        "consent": voice.consent if voice else "",
        "label": AI_VOICE,
    }


def _model(engine: str) -> str:
    """Name what spoke; an engine that is not installed here has still spoken."""
    try:
        spec = get_spec(engine)
        return f"{spec.package} {package_version(spec)}"
    except TtsError:
        return ""


def describe_provenance(voices: Iterable[Mapping[str, str]]) -> str:
    """Say in one line that a recording is synthetic and what made it; empty where no machine speaks."""
    said = [
        " ".join(filter(None, (voice["engine"], voice["voice"], voice["consent"] and f"(consent: {voice['consent']})")))
        for voice in voices
    ]
    return f"{AI_VOICE}: synthetic speech by tts-cli {__version__}; {'; '.join(said)}" if said else ""


def _licences(voices: Iterable[Mapping[str, str]]) -> str:
    named = dict.fromkeys(f"{voice['voice']}: {voice['licence']}" for voice in voices if voice["licence"])
    return f"voices: {'; '.join(named)}" if named else ""


# Controls and ends of lines, and halves of characters. What joins characters stays: emoji and some scripts need it.
_BREAKS = re.compile("[\\x00-\\x20\\x7f-\\xa0\\u2028\\u2029\\ud800-\\udfff]+")


def one_line(text: str) -> str:
    """Return a text on one line, each run of blanks and controls as one space."""
    return _BREAKS.sub(" ", text).strip()


def tag_text(text: str) -> str:
    """Return a text as a tag or a chapter mark can hold it."""
    return one_line(text)[:LONGEST_TAG].rstrip()
