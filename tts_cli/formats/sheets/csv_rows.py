"""CSV sheets to rows of strings and back: nothing is converted, and a copy keeps all that the author wrote."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence

from tts_cli.errors import InputError, Problem, Source
from tts_cli.formats.decode import Decoded, fault
from tts_cli.formats.fields import column_of
from tts_cli.formats.sheets.sheet import (
    MAX_COLUMNS,
    MAX_ROWS,
    MOST_TITLES,
    Row,
    Sheet,
    fill_row,
    find_header_row,
    place_results,
    trimmed,
)

DELIMITERS = ",;\t|"
BLANK = f"{DELIMITERS} "
MAX_HEADER_CHARS = 200_000
# Parts the cells of a sheet that has one column only, where a comma is part of the text.
ONE_COLUMN = "\x1f"
# What Excel writes above the header, for itself.
_SEPARATOR = re.compile(r"\ufeff?[\"']?sep=(.)[\"']?[,;\t|]{0,20}\r?\n?", re.IGNORECASE)


def read_csv(decoded: Decoded, name: str) -> Sheet:
    """Read a sheet; raises `InputError` for what is empty, ragged or has an unclosed quote."""
    header_row, delimiter = _find_header(decoded.text, name)
    # pandas fills up short rows without a word; csv counts what was written.
    widths, extents, above = _measure(decoded.text, name, delimiter, header_row)
    width = widths[header_row - 1]
    problems = [
        Problem(
            Source(name, row, width + 1),
            f"has {cells} cells, but the header has {width}",
            f"put quotes around a text that contains {delimiter!r}",
        )
        for row, cells in enumerate(extents, 1)
        if cells > width and row > header_row
    ]
    if problems:
        raise InputError(problems)
    records = _read_cells(decoded.text, name, delimiter, widths)
    return Sheet(
        name=name,
        decoded=decoded,
        delimiter=delimiter,
        header=records[header_row - 1][:width],
        header_row=header_row,
        rows=tuple(record[:width] for record in records[header_row:]),
        above=above,
        warnings=_warn_of_short_rows(name, widths, header_row),
    )


def write_back(sheet: Sheet, results: Mapping[int, Mapping[str, str]]) -> bytes:
    """Return a copy of the sheet with the columns status, duration, file and key filled in for the given rows.

    What the author wrote into duration and file stays. A column that is called otherwise, such as `filename`, is used
    as what it means; a missing one is added at the end.
    """
    if sheet.workbook:
        from tts_cli.formats.sheets.excel import fill_excel

        return fill_excel(sheet, sheet.workbook, results)
    decoded = sheet.decoded or Decoded("")
    columns, added = place_results(sheet.header)
    out = io.StringIO(newline="")
    # What stands above the header stays, so that every row keeps its number.
    out.write(sheet.above)
    delimiter = "," if sheet.delimiter == ONE_COLUMN else sheet.delimiter
    writer = csv.writer(out, delimiter=delimiter, lineterminator=_line_end(decoded.text))
    writer.writerow([*sheet.header, *added])
    for number, row in enumerate(sheet.rows, sheet.header_row + 1):
        cells = [*row, *[""] * len(added)] if any(row) else []
        fill_row(cells, results.get(number, {}), columns)
        writer.writerow(cells)
    return decoded.encode(out.getvalue())


def _line_end(text: str) -> str:
    # The longest first, as it holds the other two.
    return next((end for end in ("\r\n", "\n", "\r") if end in text), "\n")


# --- the shape of a sheet -------------------------------------------------------------------------------


def _find_header(text: str, name: str) -> tuple[int, str]:
    """Return the row of the header, and the delimiter that shows most known columns; `sep=;` says the delimiter."""
    said = _SEPARATOR.match(text)
    candidates = []
    for delimiter in said[1] if said else DELIMITERS:
        # The header is near the beginning, and each delimiter has to be tried.
        rows = []
        seen = 0
        for number, cells in enumerate(_records(text[:MAX_HEADER_CHARS], name, delimiter)):
            rows.append([] if said and not number else [cell if cell.strip(BLANK) else "" for cell in cells])
            seen += any(cell.strip() for cell in rows[-1])
            if seen > MOST_TITLES:
                break
        if header := find_header_row(rows):
            cells = rows[header - 1]
            known = sum(column_of(cell) is not None for cell in cells)
            candidates.append((known, len(cells), header, delimiter))
    if not candidates:
        raise fault(name, 1, 1, "is empty", "the first row names the columns; one of them is `text`")
    _, width, row, delimiter = max(candidates, key=lambda candidate: candidate[:2])
    return row, delimiter if width > 1 else ONE_COLUMN


def _measure(text: str, name: str, delimiter: str, header_row: int) -> tuple[list[int], list[int], str]:
    """Return the cells of each record, with and without the empty ones at its end, and the text above the header."""
    widths, extents = [], []
    above = 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for row, cells in enumerate(_read(reader, name), 1):
        if row > MAX_ROWS or len(cells) > MAX_COLUMNS:
            hint = "split it into several manifests"
            raise fault(name, row, 1, f"is larger than {MAX_ROWS:,} rows of {MAX_COLUMNS:,} cells", hint)
        widths.append(len(cells))
        extents.append(len(cells) if cells and cells[-1] else len(trimmed(tuple(cells))))
        if row == header_row - 1:
            above = reader.line_num
    lines = list(zip(range(above), io.StringIO(text, newline=""), strict=False))
    return widths, extents, "".join(line for _, line in lines)


def _records(text: str, name: str, delimiter: str) -> Iterator[list[str]]:
    return _read(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), name)


def _read(reader: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    row = 0
    try:
        for row, cells in enumerate(reader, 1):  # noqa: B007
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


def _warn_of_short_rows(name: str, widths: Sequence[int], header_row: int) -> tuple[Problem, ...]:
    """Warn once: Excel itself drops empty cells at the end of rows, but a line break without quotes looks the same."""
    width = widths[header_row - 1]
    short = [row for row, cells in enumerate(widths[header_row:], header_row + 1) if 0 < cells < width]
    if not short:
        return ()
    rows = "row has" if len(short) == 1 else "rows have"
    message = f"{len(short)} {rows} fewer cells than the header; the missing ones count as empty"
    hint = "a text with line breaks needs quotes around it"
    return (Problem(Source(name, short[0], widths[short[0] - 1]), message, hint, "warning"),)
