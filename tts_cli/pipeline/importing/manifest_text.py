"""A script to the text of a manifest that people edit: YAML, or a sheet with its frame in YAML."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

LINE_KEYS = ("text", "say", "language", "scene", "pause_after")
"""What an import writes of a line beside its id; all else in a manifest was written by hand."""
SHEET_COLUMNS = ("id", "chapter", "speaker", "emotion", *LINE_KEYS)
_PLAIN = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
# Words that YAML, or one of its readers, takes for something else than a word.
_TAKEN = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """A line with its id, the chapter that it stands in, and its fields as they are written."""

    id: str
    chapter: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedScript:
    """A script as it is written down: where it came from, its project, the titles of its chapters, its lines."""

    origin: str
    project: Mapping[str, str]
    chapters: Mapping[str, str]
    lines: Sequence[ImportedLine]
    by_chapter: Mapping[str, list[ImportedLine]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Sort the lines by their chapters."""
        found: dict[str, list[ImportedLine]] = {name: [] for name in self.chapters}
        for line in self.lines:
            found.setdefault(line.chapter, []).append(line)
        object.__setattr__(self, "by_chapter", found)


def write_yaml(script: ImportedScript, *, sheet: str = "") -> str:
    """Return the manifest; its lines are in it, or in a `sheet` that it names."""
    parts = [
        f"# Made of {script.origin} by tts-cli import. Edit it as you like; `import --update` will keep your work.\n"
    ]
    if script.project:
        parts += ["project:\n", *(f"  {key}: {scalar(value)}\n" for key, value in script.project.items())]
    if sheet:
        parts.append(f"\nlines: {scalar(sheet)}\n")
    loose = script.by_chapter.get("", [])
    if loose and not sheet:
        parts += ["\nlines:\n", *(f"  - {line_text(line)}\n" for line in loose)]
    if script.chapters:
        parts.append("\nchapters:\n")
        for name in script.chapters:
            parts.append(chapter_text(script, name, with_lines=not sheet))
    return "".join(parts)


def chapter_text(script: ImportedScript, name: str, *, with_lines: bool, indent: str = "  ") -> str:
    """Return a chapter as an entry of `chapters:`."""
    parts = [f"{indent}- id: {scalar(name)}\n", f"{indent}  title: {scalar(script.chapters[name])}\n"]
    lines = script.by_chapter[name] if with_lines else []
    if lines:
        parts += [f"{indent}  lines:\n", *(f"{indent}    - {line_text(line)}\n" for line in lines)]
    return "".join(parts)


def line_text(line: ImportedLine, more: Mapping[str, str] | None = None) -> str:
    """Return a line as one line of YAML; `more` are fields of somebody's own, in YAML."""
    own = [f"{key}: {scalar(value)}" for key, value in line.fields.items()]
    rest = [f"{key}: {value}" for key, value in (more or {}).items()]
    return f"{{id: {scalar(line.id)}, {', '.join([*own, *rest])}}}"


def scalar(value: str) -> str:
    """Return a text as YAML, in quotes unless it is a plain word; JSON's quotes are YAML's."""
    if _PLAIN.fullmatch(value) and value.lower() not in _TAKEN:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    # YAML takes these for line breaks or refuses them; JSON does not.
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", quoted)


def write_sheet(lines: Iterable[ImportedLine]) -> str:
    """Return the lines as a CSV sheet, with empty columns for a speaker and an emotion."""
    lines = list(lines)
    out = io.StringIO(newline="")
    columns = dict.fromkeys((*SHEET_COLUMNS, *(key for line in lines for key in line.fields)))
    writer = csv.DictWriter(out, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({"id": line.id, "chapter": line.chapter, **line.fields})
    return out.getvalue()
