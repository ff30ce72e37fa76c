"""What the fields of a manifest are called: one name each, the aliases that other tools use, and guesses at typos."""

import difflib
from collections.abc import Iterable, Mapping

from tts_cli.line import LINE_FIELDS, Level

BARE_PARAMS = frozenset(("exaggeration", "cfg_weight", "temperature", "top_p", "top_k", "min_p", "repetition_penalty"))
# A hostile file has no end of names, and memory has.
MOST_REMEMBERED = 1000
_A_SLIP = 0.8
# Columns that `--write-back` fills in beside duration and file; reading them again has no effect.
OWN_COLUMNS = frozenset(("status", "key"))


def fold(name: str) -> str:
    """Return a name without what writers vary: `Pause After`, `pause-after` and `pauseAfter` are one."""
    return name.lower().replace("_", "").replace(" ", "").replace("-", "").strip()


# Aliases whose bare numbers have another unit than the field's.
_UNITS = {fold(alias): unit for field in LINE_FIELDS for alias, unit in field.units.items()}


class Names:
    """The names that one kind of record knows, and what each alias stands for."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self.fields = frozenset(aliases)
        self._known = {fold(name): field for field, more in aliases.items() for name in (field, *more.split())}
        self._seen: dict[str, str | None] = {name: name for name in aliases}
        self._shown = [*aliases, *(name for more in aliases.values() for name in more.split())]

    def field_of(self, name: str) -> str | None:
        """Return the field a name stands for; `params.x` and an engine parameter's bare name are "params.<name>"."""
        if name not in self._seen and len(self._seen) < MOST_REMEMBERED:
            self._seen[name] = self._find(name)
        return self._seen[name] if name in self._seen else self._find(name)

    def hint(self, name: str, more: Iterable[str] = ()) -> str:
        """Return what a name that nobody knows was probably meant to be."""
        return guess(name, [*self._shown, *more])

    def nearest(self, name: str) -> str:
        """Return the known name that another one is surely a slip of; empty if none is so near."""
        shown = {fold(known): known for known in self._shown}
        near = difflib.get_close_matches(fold(name), list(shown), n=1, cutoff=_A_SLIP)
        return shown[near[0]] if near and len(name) > len("text") else ""

    def _find(self, name: str) -> str | None:
        return self._known.get(fold(name)) or (self._param(name) if "params" in self.fields else None)

    def _param(self, name: str) -> str | None:
        prefix, dot, param = name.strip().partition(".")
        if dot and param.strip() and fold(prefix) in ("param", "params"):
            return f"params.{param.strip()}"
        # The parameters that engines share need no prefix.
        bare = name.strip().lower().replace("-", "_").replace(" ", "_")
        return f"params.{bare}" if bare in BARE_PARAMS else None


def _inherited(level: Level) -> dict[str, str]:
    """Return the fields that lines inherit from this level, and their aliases."""
    return {field.name: field.aliases for field in LINE_FIELDS if level in field.levels}


TOP = Names(
    {
        "project": "",
        "defaults": "",
        "pauses": "",
        "speakers": "cast characters",
        "emotions": "",
        "chapters": "",
        "lines": "script",
        "include": "",
        "extends": "",
    }
)
PROJECT = Names(
    {
        "language": "lang",
        "seed": "",
        "recipe": "",
        "length": "",
        "title": "",
        "subtitle": "",
        "author": "",
        "narrator": "",
        "translator": "",
        "publisher": "",
        "series": "",
        "cover": "",
        "opening": "opening_credits",
        "closing": "closing_credits",
        "genre": "",
        "date": "",
        "year": "",
        "copyright": "",
        "description": "",
        "comment": "",
        "isbn": "",
        "url": "",
        "version": "",
    }
)
PAUSES = Names(dict.fromkeys(("comma", "phrase", "sentence", "paragraph", "scene", "chapter", "speaker_change"), ""))
DEFAULTS = Names(_inherited("project"))
SPEAKER = Names({"name": "display display_name", "gain_db": "gain", "emotions": "", **_inherited("speaker")})
_SOUND = {"speed": "rate", "pitch": "", "volume": "volume_db"}
EMOTION = Names(
    {
        "description": "",
        "like": "",
        "intensity": "",
        "exaggeration": "",
        **_SOUND,
        "params": "",
        "reference": "clip sample",
        "transcript": "",
    }
)
VOICE = Names(
    {
        "name": "display display_name",
        "description": "",
        "language": "lang",
        "licence": "license",
        "consent": "",
        **_SOUND,
        "engines": "",
        "references": "clips samples",
        "emotions": "",
    }
)
DEFINITION = Names({"voice": "", **_SOUND, "params": ""})
REFERENCE = Names({"file": "path clip", "transcript": "text"})
CHAPTER = Names({"id": "", "title": "name", "lines": "script", **_inherited("chapter")})
LINE = Names({field.name: field.aliases for field in LINE_FIELDS})


def column_of(header: str) -> str | None:
    """Return what a sheet's column stands for: one of our own, or a line's field."""
    own = header.strip().lower()
    return own if own in OWN_COLUMNS else LINE.field_of(header)


def with_unit(name: str, value: str) -> str:
    """Return the value with the unit that the alias implies: 300 under `silence_after_ms` is "300ms"."""
    unit = _UNITS.get(fold(name))
    return f"{value}{unit}" if unit and value.strip()[-1:].isdecimal() else value


def guess(name: str, known: Iterable[str]) -> str:
    """Return a hint: the nearest known name, or the known names."""
    names = list(dict.fromkeys(known))
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(names[:12])}{' ...' if len(names) > 12 else ''}" if names else ""


def line_table() -> str:
    """Return the documentation of a line's fields as a Markdown table."""
    rows = [
        (
            f"`{field.name}`",
            f"`{field.aliases}`" if field.aliases else "",
            "yes" if field.levels else "",
            "yes" if field.in_key else "",
            field.doc,
        )
        for field in LINE_FIELDS
    ]
    head = ("field", "also called", "inherited", "changes the take", "is")
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))
