"""Lists of delivered lines: an index as CSV and JSON, import lists of game engines, and labels for an editor."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePosixPath

_UNREAL = (
    *("Name", "SpeakingVoice", "TargetVoices", "SpokenDialogue", "VoiceActorDirection"),
    *("AudioFileName", "IsRecorded", "LocalizationKeys"),
)
_FORMULA = ("=", "+", "-", "@", "\t")
_WWISE_ROOT = "\\Actor-Mixer Hierarchy\\Default Work Unit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLine:
    """A line and its file, whose path is from the folder of the list; `columns` are the sheet's own."""

    id: str
    speaker: str
    emotion: str
    language: str
    chapter: str
    direction: str
    text: str
    file: str
    duration_s: float
    lufs: float
    true_peak_dbtp: float
    sha256: str
    columns: Mapping[str, str] = field(default_factory=dict)


_COLUMNS = [one.name for one in fields(ListedLine) if one.name != "columns"]


def _row(line: ListedLine) -> dict[str, object]:
    """Return all that is known of a line; the sheet's own columns come last, and never in place of another."""
    row = asdict(line)
    own = row.pop("columns")
    return {**row, **{name: value for name, value in own.items() if name not in row}}


def write_index_csv(lines: Iterable[ListedLine], *, formulas: bool = False) -> str:
    """Return a sheet of everything that is known of each line; no text of it is run, unless `formulas` may stay."""
    rows = [_row(line) for line in lines]
    columns = list(dict.fromkeys([*_COLUMNS, *(name for row in rows for name in row)]))
    as_cell: Callable[[object], object] = (lambda value: value) if formulas else spreadsheet_cell
    head = [str(as_cell(name)) for name in columns]
    return _csv(head, [[as_cell(row.get(name, "")) for name in columns] for row in rows])


def spreadsheet_cell(value: object) -> object:
    """Return a value as a spreadsheet shows it: a text that begins as a formula does gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def write_index_json(lines: Iterable[ListedLine]) -> str:
    """Return the same as JSON, one line of text for each line."""
    rows = ",\n".join(json.dumps(_row(line), ensure_ascii=False) for line in lines)
    return f'{{"lines": [\n{rows}\n]}}\n'


def write_unreal(lines: Iterable[ListedLine]) -> str:
    """Return a sheet with the columns of Unreal's dialogue script entries, its first one the row's name."""
    # Unreal reads a list as its items in brackets.
    rows = [
        [line.id, line.speaker, "", line.text, line.direction, line.file, "True", f'("{line.id}")'] for line in lines
    ]
    return _csv(_UNREAL, rows)


def write_wwise(lines: Iterable[ListedLine]) -> str:
    """Return a list that Wwise imports (tab-delimited), one language at a time: a Sound Voice for each line."""
    header = "Audio File\tObject Path\tNotes\n"
    return header + "".join(
        f"{line.file}\t{_WWISE_ROOT}\\<Actor-Mixer>{_wwise(line.speaker or 'Lines')}\\<Sound Voice>{_wwise(line.id)}"
        f"\t{_one_cell(line.text)}\n"
        for line in lines
    )


def write_audacity(labels: Iterable[tuple[float, float, str]]) -> str:
    """Return a label track for Audacity: start and end in seconds, and the text."""
    return "".join(f"{start:.6f}\t{end:.6f}\t{_one_cell(text)}\n" for start, end, text in labels)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return sheet.getvalue()


def _wwise(name: str) -> str:
    """Name an object as Wwise allows: its paths part at backslashes, and < > hold types."""
    return "".join("_" if char in '\\/:*?"<>|.%' else char for char in PurePosixPath(name).name)


def _one_cell(text: str) -> str:
    return " ".join(text.split())
