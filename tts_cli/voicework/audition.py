"""A voice heard: one sentence in each of its emotions, rendered from a manifest like any other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tts_cli.about import DEFAULT_LANGUAGE
from tts_cli.cache.blobs import write_atomically
from tts_cli.engines.catalog import get_spec
from tts_cli.errors import InputError, Problem, UnknownNameError
from tts_cli.formats.voice_files import EMOTIONS_FOLDER, format_yaml, read_emotions_folder
from tts_cli.pipeline.master.file_names import safe_name
from tts_cli.pipeline.master.output_guard import OutputGuard
from tts_cli.pipeline.model import Report
from tts_cli.pipeline.request import EventSink, RenderRequest
from tts_cli.pipeline.run import render
from tts_cli.settings import Settings
from tts_cli.voicework.precompute import find_voice

MANIFEST = "audition.yaml"

SENTENCES: Mapping[str, str] = {
    "en": "The lighthouse keeper counted nine ships, and one of them was coming home.",
    "de": "Der Leuchtturmwärter zählte neun Schiffe, und eines davon kam nach Hause.",
    "es": "El farero contó nueve barcos, y uno de ellos volvía a casa.",
    "fr": "Le gardien du phare compta neuf navires, et l'un d'eux rentrait au port.",
    "hi": "प्रकाशस्तंभ के रखवाले ने नौ जहाज़ गिने, और उनमें से एक घर लौट रहा था।",
    "it": "Il guardiano del faro contò nove navi, e una di loro tornava a casa.",
    "ja": "灯台守は九隻の船を数え、そのうちの一隻は家に帰るところだった。",
    "pt": "O faroleiro contou nove navios, e um deles voltava para casa.",
    "zh": "守塔人数了九艘船，其中一艘正在回家。",  # noqa: RUF001  as Chinese is written
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditionOrder:
    """What a user asks for; no emotions mean all that the voice and the engine have."""

    voice: str
    engine: str
    out: Path | None = None
    text: str = ""
    emotions: Sequence[str] = ()
    overwrite: bool = False


def audition(order: AuditionOrder, settings: Settings, on_event: EventSink) -> Report:
    """Write a manifest with a line for each emotion, and render it: one master, and a file for each line.

    Raises `UnknownNameError` for an emotion that neither the voice, the engine nor the project in this folder has.
    """
    spec = get_spec(order.engine)
    voice = find_voice(order.voice, spec, settings)
    own = _project_emotions()
    known = {**spec.emotions, **voice.emotions, **own}
    for emotion in order.emotions:
        if emotion not in known:
            raise UnknownNameError("emotion", emotion, known)
    language = voice.language or DEFAULT_LANGUAGE
    text = order.text or SENTENCES.get(language.split("-")[0], SENTENCES[DEFAULT_LANGUAGE])
    manifest = {
        "project": {"title": f"Audition of {voice.name}", "language": language},
        "defaults": {"engine": spec.name, "voice": _voice_reference(order.voice)},
        **({"emotions": own} if own else {}),
        "lines": [{"id": safe_name(emotion), "emotion": emotion, "text": text} for emotion in order.emotions or known],
    }
    out = order.out or Path("out") / f"audition-{safe_name(voice.name)}"
    guard = OutputGuard(out, overwrite=order.overwrite)
    guard.claim([MANIFEST])
    path = guard.path(MANIFEST)
    write_atomically(path, format_yaml(manifest).encode())
    request = RenderRequest(manifest=str(path), out=out, lines=True, overwrite=order.overwrite)
    return render(request, settings, on_event)


def _project_emotions() -> dict[str, Any]:
    """Return the emotions of the project in this folder, as a manifest in any folder can say them."""
    problems: list[Problem] = []
    names = read_emotions_folder(Path(), problems)
    if problems:
        raise InputError(problems)
    folder = Path(EMOTIONS_FOLDER)
    own = {name: dict(yaml.safe_load((folder / f"{name}.yaml").read_text("utf-8-sig"))) for name in names}
    for emotion in own.values():
        if "reference" in emotion:
            emotion["reference"] = str((folder / emotion["reference"]).resolve())
    return own


def _voice_reference(voice: str) -> str:
    """Return the voice as the manifest can name it: paths there start from another folder."""
    path = Path(voice)
    return str(path.resolve()) if "/" in voice or path.is_file() else voice
