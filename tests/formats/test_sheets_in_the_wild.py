"""Sheets as Excel and its users leave them: separators, titles, empty cells, encodings, workbooks."""

import io

import openpyxl
import pytest
from openpyxl.styles import Font

from tts_cli.errors import InputError
from tts_cli.formats.decode import decode
from tts_cli.formats.records import near_misses
from tts_cli.formats.sheets.csv_rows import read_csv, write_back
from tts_cli.formats.sheets.excel import read_excel

RESULT = {"status": "ok", "duration": "1.250", "file": "a.wav", "key": "abc"}


def read(data: bytes, encoding: str = ""):
    return read_csv(decode(data, "a.csv", encoding), "a.csv")


def rows(sheet) -> list[tuple[int, tuple[str, ...]]]:
    return list(sheet.numbered())


def test_a_line_that_says_the_separator():
    sheet = read(b"sep=;\r\nspeaker;text\r\nmole;Hello, there.\r\n")
    assert (sheet.header, rows(sheet)) == (("speaker", "text"), [(3, ("mole", "Hello, there."))])
    assert write_back(sheet, {3: RESULT}) == (
        b"sep=;\r\nspeaker;text;status;duration;file;key\r\nmole;Hello, there.;ok;1.250;a.wav;abc\r\n"
    )


def test_titles_above_the_header_stay_where_they_are():
    data = b'My "Game" Script v3,,\n,,\nspeaker,text,notes\nmole,Hello,\n'
    sheet = read(data)
    assert (sheet.header_row, rows(sheet)) == (3, [(4, ("mole", "Hello", ""))])
    assert write_back(sheet, {4: RESULT}).startswith(b'My "Game" Script v3,,\n,,\nspeaker,text,notes,status')


def test_a_row_of_words_that_are_names_of_columns_is_no_header():
    assert read(b"id,text\n1,line\n2,text\n").header_row == 1
    assert read(b"text\nspeaker, text and more\n").header_row == 1


def test_empty_cells_beyond_the_header_are_nothing():
    sheet = read(b"speaker,text,,,\nmole,Hello,,,\nmole,Hello two,,,,,\n")
    assert [row[:2] for _, row in rows(sheet)] == [("mole", "Hello"), ("mole", "Hello two")]
    with pytest.raises(InputError, match="has 3 cells, but the header has 2"):
        read(b"speaker,text\nmole,Hello,there\n")


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1252", "Caf\xe9 \u2013 \u201cquoted\u201d it\u2019s"),
        (
            "cp1251",
            "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440. \u041a\u0430\u043a \u0434\u0435\u043b\u0430?",
        ),
        ("cp932", "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c"),
        ("mac_roman", "Caf\xe9 \u201cx\u201d"),
        ("utf-16-le", "Hello there."),
        ("utf-16-be", "Hello there."),
    ],
)
def test_the_encoding_is_guessed_and_comes_back(codec: str, text: str):
    data = f'speaker\ttext\r\nmole\t"{text}"\r\n'.encode(codec)
    decoded = decode(data, "a.csv", "")
    sheet = read_csv(decoded, "a.csv")
    assert (decoded.guessed, rows(sheet)[0][1][1]) == (True, text)
    assert text.encode(codec) in write_back(sheet, {2: RESULT})


def test_an_encoding_that_is_said_is_no_guess():
    decoded = decode("text\nCaf\u0119\n".encode("iso8859_2"), "a.csv", "latin2")
    assert (decoded.text, decoded.guessed) == ("text\nCaf\u0119\n", False)
    for name in ("nonsense", "rot13", "zip"):
        with pytest.raises(InputError, match="unknown encoding"):
            decode(b"text", "a.csv", name)
    assert not decode("text\nCaf\xe9\n".encode(), "a.csv", "").guessed


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        ("charcter,emotoin,line", ["character", "emotion"]),
        ("quest,text,difficulty", []),
        ("text,texts", []),
        ("Text,Speeker", ["speaker"]),
    ],
)
def test_columns_that_are_nearly_known(header: str, meant: list[str]):
    found = near_misses(read(f"{header}\na,b,c\n".encode() if header.count(",") == 2 else f"{header}\na,b\n".encode()))
    assert [problem.hint for problem in found] == [f"did you mean {name!r}?" for name in meant]


# --- workbooks ------------------------------------------------------------------------------------------


def workbook(cells: list[list[object]], title: str = "Script", more: str = "") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in cells:
        book.active.append(row)
    if more:
        book.create_sheet(more).append(["text"])
        book[more].append(["Other"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


CELLS = [["My Game"], [], ["id", "speaker", "text", "take"], [1, "mole", "Hello", 2.0], [], [2, "rat", None, None]]


def test_a_workbook_is_read_as_it_looks():
    sheet = read_excel(workbook(CELLS), "a.xlsx")
    assert (sheet.header_row, sheet.header) == (3, ("id", "speaker", "text", "take"))
    assert rows(sheet) == [(4, ("1", "mole", "Hello", "2")), (6, ("2", "rat", "", ""))]


def test_another_sheet_by_its_name():
    data = workbook(CELLS, more="Extras")
    assert rows(read_excel(data, "a.xlsx", "Extras")) == [(2, ("Other",))]
    with pytest.raises(InputError, match="it has: Script, Extras"):
        read_excel(data, "a.xlsx", "Nothing")


def test_results_go_into_a_copy_that_keeps_formats():
    book = openpyxl.load_workbook(io.BytesIO(workbook(CELLS, more="Extras")))
    book["Script"]["C4"].font = Font(bold=True)
    book["Script"].column_dimensions["C"].width = 60
    out = io.BytesIO()
    book.save(out)
    sheet = read_excel(out.getvalue(), "a.xlsx")
    copy = openpyxl.load_workbook(io.BytesIO(write_back(sheet, {4: RESULT})))
    cells = copy["Script"]
    assert [cell.value for cell in cells[3]] == ["id", "speaker", "text", "take", "status", "duration", "file", "key"]
    assert [cell.value for cell in cells[4]] == [1, "mole", "Hello", 2, "ok", "1.250", "a.wav", "abc"]
    assert (cells["C4"].font.bold, cells.column_dimensions["C"].width, copy.sheetnames) == (
        True,
        60,
        ["Script", "Extras"],
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not an Excel workbook"),
        (b"\xd0\xcf\x11\xe0 old", "old .xls"),
        (workbook([]), "is empty"),
        (workbook(CELLS)[:-200], "workbook"),
    ],
)
def test_what_is_no_workbook_is_refused(data: bytes, said: str):
    with pytest.raises(InputError, match=said):
        read_excel(data, "a.xlsx")


def test_a_bomb_is_refused_before_it_is_unpacked():
    import zipfile

    out = io.BytesIO(workbook(CELLS))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/bomb.xml", "w") as file:
        for _ in range(300):
            file.write(b" " * 2**20)
    with pytest.raises(InputError, match="unpacks to more than"):
        read_excel(out.getvalue(), "a.xlsx")
