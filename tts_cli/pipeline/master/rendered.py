"""timeline.json -> Plan: a render read back from its output folder, as far as an export must know it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tts_cli.cache.store import Cache, Missing
from tts_cli.errors import InputError, Problem, Source
from tts_cli.line import Line
from tts_cli.pipeline.master.previous_run import TIMELINE_VERSION, read_turns
from tts_cli.pipeline.master.timeline_json import read_kept
from tts_cli.pipeline.model import Plan, PlannedLine
from tts_cli.types import Boundary, Chapter, Manifest, Pauses, Take, Utterance, Voice

_HINT = "render the manifest again, which costs little: its takes are cached"


def read_rendered(path: Path, cache: Cache) -> Plan:
    """Read the timeline.json of a render; its takes are those that the cache has.

    Raises `InputError` for a file that is missing, of another version or damaged.
    """
    try:
        data = json.loads(path.read_bytes())
        if data["version"] != TIMELINE_VERSION:
            raise InputError([Problem(Source(str(path), 1), "is of another version of tts-cli", _HINT)])
        lines = tuple(_line(row, str(path)) for row in data["lines"])
        manifest = _manifest(data, path, lines)
    except FileNotFoundError:
        raise InputError(
            [Problem(Source(str(path), 1), "no such file", "name a manifest or a render's folder")]
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError([Problem(Source(str(path), 1), f"is not a timeline: {error!r}", _HINT)]) from error
    return Plan(
        manifest=manifest,
        lines=lines,
        takes=_takes(lines, cache),
        selected=frozenset(planned.line.id for planned in lines),
    )


def _manifest(data: Mapping[str, Any], path: Path, lines: tuple[PlannedLine, ...]) -> Manifest:
    metadata = dict(data["metadata"])
    if cover := metadata.get("cover"):
        metadata["cover"] = str(path.parent / cover)
    return Manifest(
        name=data["manifest"],
        path=str(path),
        lines=tuple(planned.line for planned in lines),
        voices={
            (name, engine): Voice(name=voice, engine=engine, licence=licence, consent=consent)
            for name, engine, voice, licence, consent in data["voices"]
        },
        chapters={name: Chapter(id=name, title=title) for name, title in data["chapters"]},
        pauses=Pauses(**data["pauses"]),
        metadata=metadata,
    )


def _line(row: Mapping[str, Any], path: str) -> PlannedLine:
    gain_db, lead_s, before_s, after_s = row["edit"]
    line = Line(
        source=Source(path, 1),
        text=row["text"],
        say=row["spoken"],
        emotion=row["emotion"].partition(":")[0],
        engine=row["engine"],
        language=row["language"],
        pause_before_s=before_s,
        pause_after_s=after_s,
        **read_kept(row),
    )
    turn, turns = read_turns(row)
    utterances = tuple(
        Utterance(
            line_id=line.id,
            part=number,
            text=line.text,
            language=line.language,
            voice=row["voice"],
            engine=line.engine,
            params={},
            seed=0,
            key=key,
            boundary=Boundary(boundary),
            pause_s=pause_s,
            turns=turns,
            turn=turn,
        )
        for number, (key, boundary, pause_s) in enumerate(row["parts"])
    )
    return PlannedLine(line=line, utterances=utterances, reason=None, gain_db=gain_db, lead_s=lead_s)


def _takes(lines: tuple[PlannedLine, ...], cache: Cache) -> dict[str, Take]:
    keys = dict.fromkeys(utterance.key for planned in lines for utterance in planned.utterances)
    found = {key: cache.find(key) for key in keys}
    return {key: take for key, take in found.items() if not isinstance(take, Missing)}
