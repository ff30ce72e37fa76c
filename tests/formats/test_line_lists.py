"""Lists of lines: what their readers cannot take is replaced, and nothing else."""

import csv
import io

import pytest

from tts_cli.formats.line_lists import ListedLine, write_audacity, write_index_csv, write_unreal, write_wwise


def listed(**values: str) -> ListedLine:
    words = {"id": "a", "speaker": "mole", "emotion": "", "language": "en", "chapter": "", "direction": ""}
    return ListedLine(
        **{**words, "text": "Hello.", "file": "a.wav", "sha256": "00", **values},
        duration_s=1.5,
        lufs=-23.0,
        true_peak_dbtp=-2.0,
    )


@pytest.mark.parametrize(
    ("name", "shown"), [("a.b", "a_b"), ("a:b*c?", "a_b_c_"), ("<x>", "_x_"), ("Löwe 1", "Löwe 1"), ("a\\b", "a_b")]
)
def test_a_name_in_wwise_has_none_of_its_signs(name: str, shown: str) -> None:
    row = write_wwise([listed(id=name, speaker=name)]).splitlines()[1]
    assert row.split("\t")[1].endswith(f"\\<Actor-Mixer>{shown}\\<Sound Voice>{shown}")


def test_a_line_that_nobody_speaks_is_among_the_lines_in_wwise() -> None:
    assert "<Actor-Mixer>Lines\\" in write_wwise([listed(speaker="")])


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-5 degrees", "@SUM(A1)", "\t=1"])
def test_a_spreadsheet_runs_no_text(text: str) -> None:
    [_, row] = csv.reader(io.StringIO(write_index_csv([listed(text=text, speaker=text)]), newline=""))
    assert row.count(f"'{text}") == 2
    assert "-23.0" in row
    [_, row] = csv.reader(io.StringIO(write_index_csv([listed(text=text)], formulas=True), newline=""))
    assert text in row


def test_text_stays_in_its_cell() -> None:
    assert write_wwise([listed(text="one\n\ttwo")]).splitlines()[1].endswith("\tone two")
    assert write_audacity([(0.0, 1.25, "one\ttwo")]) == "0.000000\t1.250000\tone two\n"
    for write in (write_index_csv, write_unreal):
        rows = list(csv.reader(io.StringIO(write([listed(text='say "a", b\nc')]))))
        assert len(rows) == 2
        assert 'say "a", b\nc' in rows[1]
