"""CSV sheets to rows of strings and back: nothing is converted, and a copy keeps all that the author wrote."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tts_cli.errors import InputError, Problem, Source
from tts_cli.formats.decode import Decoded, fault
from tts_cli.formats.fields import column_of

DELIMITERS = ",;\t|"
MAX_ROWS = 250_000
MAX_COLUMNS = 1_000
MAX_HEADER_CHARS = 200_000
BLANK = f"{DELIMITERS} "
# Parts the cells of a sheet that has one column only, where a comma is part of the text.
ONE_COLUMN = "\x1f"

FILLED_COLUMNS = ("status", "duration", "file", "key")
KEPT_WHERE_FILLED = ("duration", "file")

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as written: `rows` are all records after the header (blank ones too), padded to its width.

    Row numbers are a spreadsheet's: the first record of the file is row 1, a record of several lines is one row.
    """

    name: str
    decoded: Decoded
    delimiter: str
    header: Row
    header_row: int
    rows: tuple[Row, ...]
    warnings: tuple[Problem, ...] = ()

    def numbered(self) -> Iterator[tuple[int, Row]]:
        """Yield each row that is not blank with its number."""
        for number, row in enumerate(self.rows, self.header_row + 1):
            if any(map(str.strip, row)):
                yield number, row


def read_csv(decoded: Decoded, name: str) -> Sheet:
    """Read a sheet; raises `InputError` for what is empty, ragged or has an unclosed quote."""
    header_row, delimiter = _find_header(decoded.text, name)
    # pandas fills up short rows without a word; csv counts what was written.
    widths = _measure(decoded.text, name, delimiter)
    width = widths[header_row - 1]
    problems = [
        Problem(
            Source(name, row, width + 1),
            f"has {cells} cells, but the header has {width}",
            f"put quotes around a text that contains {delimiter!r}",
        )
        for row, cells in enumerate(widths, 1)
        if cells > width
    ]
    if problems:
        raise InputError(problems)
    records = _read_cells(decoded.text, name, delimiter, widths)
    return Sheet(
        name=name,
        decoded=decoded,
        delimiter=delimiter,
        header=records[header_row - 1],
        header_row=header_row,
        rows=tuple(records[header_row:]),
        warnings=_warn_of_short_rows(name, widths, width),
    )


def write_back(sheet: Sheet, results: Mapping[int, Mapping[str, str]]) -> bytes:
    """Return a copy of the sheet with the columns status, duration, file and key filled in for the given rows.

    What the author wrote into duration and file stays. A column that is called otherwise, such as `filename`, is used
    as what it means; a missing one is added at the end.
    """
    fields = {column_of(name): place for place, name in enumerate(sheet.header)}
    columns = {name: fields[name] for name in FILLED_COLUMNS if name in fields}
    added = [name for name in FILLED_COLUMNS if name not in columns]
    columns |= {name: len(sheet.header) + place for place, name in enumerate(added)}
    out = io.StringIO(newline="")
    delimiter = "," if sheet.delimiter == ONE_COLUMN else sheet.delimiter
    writer = csv.writer(out, delimiter=delimiter, lineterminator=_line_end(sheet.decoded.text))
    # Blank rows in front stay, so that every row keeps its number.
    for _ in range(sheet.header_row - 1):
        writer.writerow([])
    writer.writerow([*sheet.header, *added])
    for number, row in enumerate(sheet.rows, sheet.header_row + 1):
        cells = [*row, *[""] * len(added)] if any(row) else []
        _fill(cells, results.get(number, {}), columns)
        writer.writerow(cells)
    return sheet.decoded.encode(out.getvalue())


def _fill(cells: list[str], result: Mapping[str, str], columns: Mapping[str, int]) -> None:
    for name, value in result.items():
        if not (name in KEPT_WHERE_FILLED and cells[columns[name]].strip()):
            cells[columns[name]] = value


def _line_end(text: str) -> str:
    # The longest first, as it holds the other two.
    return next((end for end in ("\r\n", "\n", "\r") if end in text), "\n")


# --- the shape of a sheet -------------------------------------------------------------------------------


def _find_header(text: str, name: str) -> tuple[int, str]:
    """Return the row of the header, the first that is not blank, and the delimiter that shows most known columns."""
    candidates = []
    for delimiter in DELIMITERS:
        # The header is near the beginning, and each delimiter has to be tried.
        for row, cells in enumerate(_records(text[:MAX_HEADER_CHARS], name, delimiter), 1):
            if any(cell.strip(BLANK) for cell in cells):
                candidates.append((sum(column_of(cell) is not None for cell in cells), len(cells), row, delimiter))
                break
    if not candidates:
        raise fault(name, 1, 1, "is empty", "the first row names the columns; one of them is `text`")
    _, width, row, delimiter = max(candidates, key=lambda candidate: candidate[:2])
    return row, delimiter if width > 1 else ONE_COLUMN


def _measure(text: str, name: str, delimiter: str) -> list[int]:
    """Return the number of cells of each record."""
    widths = []
    for row, cells in enumerate(_records(text, name, delimiter), 1):
        if row > MAX_ROWS or len(cells) > MAX_COLUMNS:
            hint = "split it into several manifests"
            raise fault(name, row, 1, f"is larger than {MAX_ROWS:,} rows of {MAX_COLUMNS:,} cells", hint)
        widths.append(len(cells))
    return widths


def _records(text: str, name: str, delimiter: str) -> Iterator[list[str]]:
    row = 0
    try:
        for row, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 1):  # noqa: B007
            yield cells
    except csv.Error as error:
        raise fault(name, row + 1, 1, f"cannot be read: {error}", "is a quote never closed?") from error


def _read_cells(text: str, name: str, delimiter: str, widths: Sequence[int]) -> list[Row]:
    """Read every record as strings, padded to one width; pandas sees an unclosed quote, which csv forgives."""
    import pandas as pd

    width = max(widths)
    try:
        header = pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            header=None,
            # Numbers, as pandas would rename columns of equal names.
            names=list(range(width)),
            index_col=False,
            # A text may be NA, null or 007, and stays that.
            dtype=str,
            keep_default_na=False,
            na_filter=False,
            skip_blank_lines=False,
        )
    except pd.errors.ParserError as error:
        if "EOF inside string" not in str(error):
            raise fault(name, 1, 1, f"cannot be read: {error}") from error
        place = (len(widths), widths[-1])
        hint = 'a quote inside a cell is written ""'
        raise fault(name, *place, "a quote is opened here and never closed", hint) from None
    return list(zip(*(header[column].tolist() for column in header), strict=True))


def _warn_of_short_rows(name: str, widths: Sequence[int], width: int) -> tuple[Problem, ...]:
    """Warn once: Excel itself drops empty cells at the end of rows, but a line break without quotes looks the same."""
    short = [row for row, cells in enumerate(widths, 1) if 0 < cells < width]
    if not short:
        return ()
    rows = "row has" if len(short) == 1 else "rows have"
    message = f"{len(short)} {rows} fewer cells than the header; the missing ones count as empty"
    hint = "a text with line breaks needs quotes around it"
    return (Problem(Source(name, short[0], widths[short[0] - 1]), message, hint, "warning"),)
