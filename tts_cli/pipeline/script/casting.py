"""Voices for a cast: speakers of whom nobody says how they sound get voices of their engine, each another one."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from tts_cli.about import DEFAULT_LANGUAGE
from tts_cli.engines.base import EngineSpec
from tts_cli.errors import Problem, Source
from tts_cli.formats.fields import fold
from tts_cli.formats.script import Script
from tts_cli.line import Line
from tts_cli.pipeline.script.engine_checks import spec_of

_NARRATORS = frozenset(
    ("narrator", "narration", "erzähler", "erzählerin", "narrateur", "narrador", "narratore", "verteller")
)
"""They speak with the engine's own default voice, as lines of nobody do."""


class Casting:
    """Deals out voices. A name and an engine's voices decide who gets which: nobody changes as others are added.

    Only where two speakers want one voice, the second one has to take its next choice. `given` are voices that the
    script itself gives to somebody.
    """

    def __init__(self, given: Iterable[str]) -> None:
        self._given = {name.lstrip("+") for name in given}
        self._dealt: dict[tuple[str, str, str], str] = {}
        self._taken: dict[tuple[str, str], set[str]] = {}
        self._shared: dict[str, tuple[int, int]] = {}

    @property
    def voices(self) -> dict[str, str]:
        """The voices that were dealt out, by speaker; of one with several languages the first one's."""
        return {speaker: voice for (speaker, _, _), voice in reversed(self._dealt.items()) if voice}

    def deal(self, values: Mapping[str, Any], speaker: str) -> Mapping[str, Any]:
        """Return a line's fields, with a voice where its speaker has none."""
        if not speaker or values.get("voice") or values.get("audio") or speaker.casefold() in _NARRATORS:
            return values
        first, *fallback = values["engine"]
        spec = spec_of(first)
        # Another engine would not know the voice.
        if spec is None or fallback:
            return values
        voice = self._voice(speaker, spec, values.get("language", DEFAULT_LANGUAGE))
        return {**values, "voice": voice} if voice else values

    def warnings(self, source: Source) -> list[Problem]:
        """Say where an engine has too few voices for its speakers."""
        return [
            Problem(
                source,
                f"{speakers} speakers share {voices} voice{'s' if voices > 1 else ''}: the engine {engine} has no more",
                "give them a `voice:` each, or take another engine",
                "warning",
            )
            for engine, (speakers, voices) in self._shared.items()
        ]

    def _voice(self, speaker: str, spec: EngineSpec, language: str) -> str:
        tongue = language.replace("_", "-").partition("-")[0].casefold()
        key = (speaker, spec.name, tongue)
        if key not in self._dealt:
            self._dealt[key] = self._choose(speaker, spec, tongue)
        return self._dealt[key]

    def _choose(self, speaker: str, spec: EngineSpec, tongue: str) -> str:
        tiers = _pool(spec, tongue)
        taken = self._taken.setdefault((spec.name, tongue), set())
        for tier in tiers:
            free = [voice for voice in tier if voice not in taken and voice not in self._given]
            if free:
                voice = max(free, key=lambda name: _score(speaker, name))
                taken.add(voice)
                return voice
        everyone = len({name for name, engine, own in self._dealt if (engine, own) == (spec.name, tongue)}) + 1
        voices = [voice for tier in tiers for voice in tier]
        if everyone > max(1, len(voices)):
            self._shared[spec.name] = (everyone, max(1, len(voices)))
        return max(voices, key=lambda name: _score(speaker, name)) if voices else ""


def _pool(spec: EngineSpec, tongue: str) -> list[list[str]]:
    """Return the voices for a language: first those that suit a cast, then all others that speak it."""
    fitting = [
        voice.name.lstrip("+")
        for voice in spec.voices()
        if voice.language.partition("-")[0].casefold() == tongue or not voice.language
    ]
    first = list(spec.cast)
    anywhere = {voice.name.lstrip("+") for voice in spec.voices() if not voice.language}
    # A list for a cast names those that join any language; the languages themselves are accents, and no people.
    rest = [voice for voice in fitting if voice not in first and (not first or voice in anywhere)]
    return [first, rest] if first else [rest]


def _score(speaker: str, voice: str) -> bytes:
    return hashlib.sha256(f"{speaker}\0{voice}".encode()).digest()


def given_voices(script: Script) -> set[str]:
    """Return the voices that the script itself gives to somebody."""
    header = script.header
    members = (member.entry for member in (header.speakers or {}).values())
    lines = (entry for entry, _ in script.lines)
    entries = (header.defaults, *members, *script.chapters.values(), *lines)
    return {entry.values["voice"] for entry in entries if entry.values.get("voice")}


def find_look_alikes(lines: Iterable[Line]) -> list[Problem]:
    """Warn of speakers whose names differ in case or spaces only: most likely they are one."""
    spellings: dict[str, Line] = {}
    found = []
    for line in {line.speaker: line for line in reversed(list(lines))}.values():
        other = spellings.setdefault(fold(line.speaker), line)
        if other is not line:
            message = f"speaker {other.speaker!r} is also spelled {line.speaker!r}"
            found.append(Problem(other.source, message, f"see {line.source}", "warning"))
    return found
