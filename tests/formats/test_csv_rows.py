import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.errors import InputError
from tts_cli.formats.decode import decode
from tts_cli.formats.sheets.csv_rows import read_csv, write_back

RESULT = {"status": "ok", "duration": "1.250", "file": "lines/a.wav", "key": "abc"}


def read(text, name="s.csv"):
    return read_csv(decode(text if isinstance(text, bytes) else text.encode(), name), name)


def rows(text):
    return list(read(text).numbered())


def refuse(text):
    with pytest.raises(InputError) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter):
    sheet = read(delimiter.join(["id", "text"]) + "\n" + delimiter.join(["1", "a-b c"]) + "\n")
    assert sheet.delimiter == delimiter
    assert list(sheet.numbered()) == [(2, ("1", "a-b c"))]


def test_known_names_settle_a_doubtful_header():
    assert read('id|text|"notes, long, and longer, still"\n1|x|\n').delimiter == "|"
    assert read("id;text;a, b, c, d, e\n1;x;\n").delimiter == ";"


def test_a_sheet_of_one_column_needs_no_quotes():
    assert rows('text\nHello, world; and more | here\n"quoted ""so"""\n') == [
        (2, ("Hello, world; and more | here",)),
        (3, ('quoted "so"',)),
    ]


def test_nothing_is_converted():
    cells = ("NA", "null", "None", "nan", "007", "1.50", "TRUE", "1e5", "-")
    assert rows(",".join(f"c{n}" for n in range(9)) + "\n" + ",".join(cells) + "\n") == [(2, cells)]


def test_rows_are_numbered_like_a_spreadsheet():
    text = '\nid,text\n1,"two\nlines"\n\n,,\n'.replace(",,", ",") + "2,x\n"
    sheet = read(text)
    assert sheet.header_row == 2
    assert list(sheet.numbered()) == [(3, ("1", "two\nlines")), (6, ("2", "x"))]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_and_line_ends(codec, end):
    sheet = read(f"id,text{end}1,Grüße{end}2,日本{end}".encode(codec))
    assert list(sheet.numbered()) == [(2, ("1", "Grüße")), (3, ("2", "日本"))]


def test_rows_that_are_too_long_are_refused_all_at_once():
    problems = refuse("id,text\n1,Hello, world\n2,fine\n3,a,b,c\n")
    assert [problem.split("\n")[0] for problem in problems] == [
        "s.csv:2:3: has 3 cells, but the header has 2",
        "s.csv:4:3: has 4 cells, but the header has 2",
    ]
    assert "put quotes around" in problems[0]


def test_short_rows_are_filled_up_with_one_warning():
    sheet = read("id,text,notes\n1,a\n2,b,c\n3\n")
    assert list(sheet.numbered()) == [(2, ("1", "a", "")), (3, ("2", "b", "c")), (4, ("3", "", ""))]
    (warning,) = sheet.warnings
    assert str(warning).startswith("s.csv:2:2: 2 rows have fewer cells")
    assert warning.severity == "warning"


def test_an_unclosed_quote_is_refused_where_it_opens():
    assert refuse('id,text\n1,a\n2,"open\n3,b\n')[0].startswith("s.csv:3:2: a quote is opened here")


def test_a_giant_cell_is_refused():
    assert refuse('id,text\n1,"' + "x" * 200_000)[0].startswith("s.csv:2:1: cannot be read")


@pytest.mark.parametrize(("rows", "columns"), [(250_001, 1), (1, 1001)])
def test_a_giant_sheet_is_refused(rows, columns):
    text = "text" + ",x" * (columns - 1) + "\n" + "a\n" * rows
    assert "is larger than 250,000 rows of 1,000 cells" in refuse(text)[0]


@pytest.mark.parametrize("text", ["", "\n\n", ",,\n", " \n"])
def test_an_empty_sheet_is_refused(text):
    assert refuse(text)[0].startswith("s.csv:1:1: is empty")


CELLS = st.text('ab,;"\n é|', max_size=6)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=6))
def test_pandas_and_csv_see_the_same_cells(table):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["id", "text"], *table])
    sheet = read(out.getvalue())
    assert [list(row) for row in sheet.rows] == table


@given(st.text('a,"\n\r; ', max_size=30))
def test_any_text_is_read_or_refused_with_a_place(body):
    text = "id,text\n" + body
    problems, cells = [], []
    try:
        cells = [list(filter(None, row)) for row in read(text).rows]
    except InputError as error:
        problems = [str(problem) for problem in error.problems]
    assert all(problem.startswith("s.csv:") for problem in problems)
    if not problems:
        _, *plain = csv.reader(io.StringIO(text, newline=""))
        assert cells == [list(filter(None, row)) for row in plain]


# --- writing back ---------------------------------------------------------------------------------------


def filled(text, results):
    return write_back(read(text), results)


def test_results_are_added_at_the_end_and_all_else_is_kept():
    text = 'Serial;Dialogue;Area\r\n1;"Halt; who?";gate\r\n\r\n2;NA;\r\n'
    assert filled(text, {2: RESULT}).decode() == (
        "Serial;Dialogue;Area;status;duration;file;key\r\n"
        '1;"Halt; who?";gate;ok;1.250;lines/a.wav;abc\r\n'
        "\r\n"
        "2;NA;;;;;\r\n"
    )


def test_what_the_author_filled_in_stays_and_our_own_columns_are_renewed():
    text = "status,filename,text,key,duration\nold,my.wav,a,k1,9\n,,b,,\n"
    written = filled(text, {2: RESULT, 3: RESULT}).decode()
    assert written == "status,filename,text,key,duration\nok,my.wav,a,abc,9\nok,lines/a.wav,b,abc,1.250\n"


def test_a_copy_can_be_filled_again():
    once = filled("text\nHello, world\n", {2: RESULT})
    assert once.decode() == 'text,status,duration,file,key\n"Hello, world",ok,1.250,lines/a.wav,abc\n'
    assert write_back(read(once), {2: {**RESULT, "status": "cached"}}) == once.replace(b",ok,", b",cached,")


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_encoding_is_kept(codec):
    data = "id,text\n1,Grüße\n".encode(codec)
    written = write_back(read(data), {2: {"status": "ok"}})
    assert written.decode(codec) == "id,text,status,duration,file,key\n1,Grüße,ok,,,\n"
    assert written[:2] == data[:2]
