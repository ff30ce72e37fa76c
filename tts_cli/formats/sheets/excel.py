"""XLSX workbooks to sheets of strings, and back into a copy that keeps what Excel made of it."""

import datetime as dt
import io
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from tts_cli.errors import InputError
from tts_cli.formats.decode import MAX_BYTES, fault
from tts_cli.formats.sheets.sheet import (
    FILLED_COLUMNS,
    MAX_COLUMNS,
    MAX_ROWS,
    Row,
    Sheet,
    Workbook,
    find_header_row,
    place_results,
    trimmed,
)

MAX_UNPACKED_BYTES = 256 * 2**20
_OLD = b"\xd0\xcf\x11\xe0"
# What openpyxl raises for what is damaged, of its own and of the libraries below it.
_BROKEN = (
    zipfile.BadZipFile,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    OSError,
    EOFError,
    SyntaxError,
)


def read_excel(data: bytes, name: str, wanted: str = "") -> Sheet:
    """Read one sheet of a workbook, the first if none is `wanted`.

    Raises `InputError` for what is no workbook, is locked or larger than it may be, and for a sheet that is not in it.
    """
    import openpyxl

    _check(data, name)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        title = _choose(book.sheetnames, wanted, name)
        rows = _rows(book[title].iter_rows(values_only=True), name)
    except InputError:
        raise
    except _BROKEN as error:
        raise fault(name, 1, 1, f"is damaged: {error}", "open it in Excel and save it again") from None
    header = find_header_row(rows)
    if header is None:
        raise fault(
            name, 1, 1, f"the sheet {title!r} is empty", "the first row names the columns; one of them is `text`"
        )
    width = max(len(row) for row in rows)
    padded = tuple(row + ("",) * (width - len(row)) for row in rows)
    return Sheet(
        name=name,
        header=padded[header - 1],
        header_row=header,
        rows=padded[header:],
        workbook=Workbook(data, title),
    )


def fill_excel(sheet: Sheet, workbook: Workbook, results: Mapping[int, Mapping[str, str]]) -> bytes:
    """Return a copy of the workbook with the results filled in; all else, formats too, stays as it is."""
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(workbook.data), keep_vba=sheet.name.lower().endswith(".xlsm"))
    cells = book[workbook.title]
    # Columns without a name at the end are no columns: what is added stands right beside the last one.
    width = max((place for place, header in enumerate(sheet.header, 1) if header.strip()), default=0)
    columns, added = place_results(sheet.header[:width])
    for place, name in enumerate(added, width + 1):
        cells.cell(sheet.header_row, place, name)
    for number, result in results.items():
        for name in FILLED_COLUMNS:
            cell = cells.cell(number, columns[name] + 1)
            if name in result and not (name in ("duration", "file") and cell.value not in (None, "")):
                cell.value = result[name]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _check(data: bytes, name: str) -> None:
    if data.startswith(_OLD):
        raise fault(name, 1, 1, "is encrypted, or an old .xls file", "save it as .xlsx without a password")
    if len(data) > MAX_BYTES:
        raise fault(name, 1, 1, f"is larger than {MAX_BYTES // 2**20} MiB", "split it into several manifests")
    try:
        entries = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except _BROKEN as error:
        raise fault(name, 1, 1, f"is not an Excel workbook: {error}", "save it as .xlsx") from None
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise fault(name, 1, 1, f"unpacks to more than {MAX_UNPACKED_BYTES // 2**20} MiB", "no script is so large")


def _choose(titles: list[str], wanted: str, name: str) -> str:
    if wanted and wanted not in titles:
        raise fault(name, 1, 1, f"has no sheet {wanted!r}", f"it has: {', '.join(titles)}")
    if not titles:
        raise fault(name, 1, 1, "has no sheets")
    return wanted or titles[0]


def _rows(found: Iterable[tuple[Any, ...]], name: str) -> list[Row]:
    rows: list[Row] = []
    for number, cells in enumerate(found, 1):
        if number > MAX_ROWS or len(cells) > MAX_COLUMNS * 20:
            raise fault(name, number, 1, f"is larger than {MAX_ROWS:,} rows of {MAX_COLUMNS:,} cells")
        rows.append(trimmed(tuple(map(_text, cells))))
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _text(value: object) -> str:
    """Return a cell as its author sees it: whole numbers without a point, times as times."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return str(value)
