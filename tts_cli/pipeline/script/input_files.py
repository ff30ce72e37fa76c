"""A manifest -> the files that it was made of, which no run may write over."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tts_cli.formats.voice_files import EMOTIONS_FOLDER, VOICE_FILE
from tts_cli.types import Emotion, Manifest, Voice


def list_input_files(manifest: Manifest, folder: str, read: Iterable[str]) -> tuple[str, ...]:
    """Return every file behind a manifest; `read` are those that were opened for it, `folder` is where it lies."""
    found = [*read, *map(str, Path(folder, EMOTIONS_FOLDER).glob("*.yaml"))]
    found += [line.audio for line in manifest.lines if line.audio]
    found += filter(None, [manifest.metadata.get("cover")])
    found += _clips(manifest.emotions.values())
    for speaker in manifest.speakers.values():
        found += _clips(speaker.emotions.values())
    for voice in manifest.voices.values():
        found += _voice_files(voice)
    return tuple(dict.fromkeys(found))


def _voice_files(voice: Voice) -> Iterator[str]:
    yield from filter(None, [voice.state])
    yield from (reference.path for reference in voice.references)
    yield from _clips(voice.emotions.values())
    if voice.folder:
        # Not all that lies there: a voice may share its folder with what is made by it.
        for pattern in (VOICE_FILE, f"{EMOTIONS_FOLDER}/*", "conditionals/*"):
            yield from map(str, Path(voice.folder).glob(pattern))


def _clips(emotions: Iterable[Emotion]) -> Iterator[str]:
    return (emotion.reference.path for emotion in emotions if emotion.reference)
