"""A sheet as data: its header, its rows of strings, and where results go in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tts_cli.errors import Problem
from tts_cli.formats.decode import Decoded
from tts_cli.formats.fields import column_of

MAX_ROWS = 250_000
MAX_COLUMNS = 1_000
FILLED_COLUMNS = ("status", "duration", "file", "key")
KEPT_WHERE_FILLED = ("duration", "file")
MOST_TITLES = 20
"""So many rows may stand above the header."""
_SPOKEN = frozenset(("text", "audio", "dialogue"))

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workbook:
    """The bytes of a workbook, and the title of the sheet that was read of it."""

    data: bytes = field(repr=False)
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet as written: `rows` are all records after the header (blank ones too), padded to its width.

    Row numbers are a spreadsheet's: the first record of the file is row 1, a record of several lines is one row.
    A CSV sheet has its text as `decoded`, and what stands above its header as `above`; another has its `workbook`.
    """

    name: str
    header: Row
    header_row: int
    rows: tuple[Row, ...]
    decoded: Decoded | None = None
    delimiter: str = ","
    above: str = ""
    workbook: Workbook | None = None
    warnings: tuple[Problem, ...] = ()

    def numbered(self) -> Iterator[tuple[int, Row]]:
        """Yield each row that is not blank with its number."""
        for number, row in enumerate(self.rows, self.header_row + 1):
            if any(map(str.strip, row)):
                yield number, row


def find_header_row(rows: Sequence[Sequence[str]]) -> int | None:
    """Return the number of the header: the first row that is not blank, or after titles the one that names the text."""
    first: int | None = None
    seen = 0
    for number, row in enumerate(rows, 1):
        cells = [cell for cell in row if cell.strip()]
        if not cells:
            continue
        first = first or number
        known = {column_of(cell) for cell in cells} - {None}
        is_header = bool(_SPOKEN & known)
        if is_header and (number == first or (len(known) > 1 and len(known) * 2 >= len(cells))):
            return number
        seen += 1
        if seen >= MOST_TITLES:
            break
    return first


def place_results(header: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Return the place of each column that results go into, and the names of those that have to be added.

    A column that is called otherwise, such as `filename`, is used as what it means.
    """
    known = {column_of(name): place for place, name in enumerate(header)}
    columns = {name: known[name] for name in FILLED_COLUMNS if name in known}
    added = [name for name in FILLED_COLUMNS if name not in columns]
    return columns | {name: len(header) + place for place, name in enumerate(added)}, added


def fill_row(cells: list[str], result: Mapping[str, str], columns: Mapping[str, int]) -> None:
    """Write a result into a row; what its author wrote into duration and file stays."""
    for name, value in result.items():
        if not (name in KEPT_WHERE_FILLED and cells[columns[name]].strip()):
            cells[columns[name]] = value


def trimmed(row: Row) -> Row:
    """Return a row without the empty cells at its end."""
    end = len(row)
    while end and not row[end - 1].strip():
        end -= 1
    return row[:end]
