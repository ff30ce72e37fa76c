"""`tts-cli report` on real output folders: one page, its data as JSON, and JUnit XML."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import soundfile

from tts_cli.review.inspect_folder import review_folder

BOOK = """\
project: {title: Small}
speakers: {mole: {voice: f3}}
chapters:
  - id: bank
    title: The <River> Bank
    lines:
      - {id: first, speaker: mole, emotion: happy, text: "Up we go & <away>!"}
      - {id: second, text: "He waited."}
  - id: wood
    lines:
      - {id: broken, audio: broken.wav, text: "Never heard."}
      - {id: last, text: "Good night."}
"""


@pytest.fixture
def out(cli, tmp_path: Path) -> Path:
    (tmp_path / "broken.wav").write_bytes(b"no sound at all")
    (tmp_path / "book.yaml").write_text(BOOK)
    assert cli("render", "book.yaml", "-o", "out").code == 5
    return tmp_path / "out"


class Page(HTMLParser):
    """What a page shows, the players in it, and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.players: list[dict[str, str | None]] = []
        self.plots: list[dict[str, str | None]] = []
        self.ids: list[str | None] = []
        self.fetched: list[str] = []
        self.shown = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "input", "br", "link", "polygon", "polyline", "line"):
            self.open.append(tag)
        values = dict(attrs)
        if values.get("class") == "play":
            self.players.append(values)
        if values.get("class") == "plot":
            self.plots.append(values)
        self.ids.append(values.get("id"))
        self.fetched += [values[name] or "" for name in ("src", "href") if name in values]

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("polygon", "polyline", "line"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["script"], ["style"]):
            self.shown += data


def page_of(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_shows_everything_failures_first(cli, out: Path) -> None:
    result = cli("report", out)

    assert result.code == 0, result.err
    assert "out/report.html  4 lines, 2 problems" in result.out
    page = page_of(out / "report.html")
    for text in ("Up we go & <away>!", "The <River> Bank", "happy", "espeak", "rendered: new", "He waited."):
        assert text in page.shown
    order = [
        page.shown.index(text)
        for text in ("Problems (2)", "broken", "Files", "01-the-river-bank.wav", "Lines", "He waited.")
    ]
    assert order == sorted(order)
    assert "pass" in page.shown
    assert "FAIL" not in page.shown


def test_the_page_needs_nothing_but_itself_and_the_audio_beside_it(cli, out: Path, tmp_path: Path) -> None:
    (tmp_path / "ci").mkdir()
    cli("report", out, "-o", "ci/page.html")
    page = page_of(tmp_path / "ci" / "page.html")

    assert len(page.players) == 2
    for player in page.players:
        source = tmp_path / "ci" / unquote(player["data-src"] or "")
        samples, rate = soundfile.read(source)
        start, seconds = float(player["data-start"] or ""), float(player["data-seconds"] or "")
        heard = samples[round(start * rate) : round((start + seconds) * rate)]
        assert np.abs(heard).max() > 0.05
        assert np.abs(samples[: round(start * rate)]).max() < 1e-3 or start > 1
    for link in page.fetched:
        assert link.startswith("#") or (tmp_path / "ci" / unquote(link)).is_file()
    text = (tmp_path / "ci" / "page.html").read_text()
    assert not re.search(r"https?://|url\(|@import", text)


def test_every_player_has_a_name_of_its_own_and_every_plot_can_be_reached_by_keys(cli, out: Path) -> None:
    cli("report", out)
    page = page_of(out / "report.html")
    assert [player["aria-label"] for player in page.players] == [
        "Play first: Up we go & <away>!",
        "Play second: He waited.",
    ]
    assert [plot["aria-label"] for plot in page.plots] == ["Peaks of The <River> Bank", "Loudness of The <River> Bank"]
    for plot in page.plots:
        assert (plot["tabindex"], plot["role"], plot["aria-valuenow"]) == ("0", "slider", "0")
        assert plot["aria-valuemax"] == plot["data-seconds"]
        assert str(plot["aria-valuetext"]).startswith("0:00 of 0:0")


def test_contents_and_wanted_values(cli, out: Path) -> None:
    book = (out.parent / "book.yaml").read_text()
    (out.parent / "book.yaml").write_text(book.replace("audio: broken.wav, ", ""))
    cli("render", "book.yaml", "-o", "out")
    cli("report", out)
    page = page_of(out / "report.html")
    assert [link for link in page.fetched if link.startswith("#chapter")] == ["#chapter-1", "#chapter-2"]
    assert {"chapter-1", "chapter-2"} <= set(page.ids)
    assert "LUFS, wanted -19 LUFS pass" in page.shown
    assert "dBTP, wanted at most -1.5 dBTP pass" in page.shown


def test_own_files_of_lines_are_played_where_there_are_some(cli, out: Path, tmp_path: Path) -> None:
    cli("render", "book.yaml", "-o", "out", "--lines")
    cli("report", out)
    players = page_of(out / "report.html").players
    assert {player["data-src"] for player in players} == {"lines/first.wav", "lines/second.wav", "lines/last.wav"}
    assert {player["data-start"] for player in players} == {"0.0"}


def test_embedded_sounds_are_the_lines(cli, out: Path) -> None:
    cli("report", out, "--embed")
    page = page_of(out / "report.html")
    for player in page.players:
        kind, _, data = (player["data-src"] or "").partition(",")
        assert kind == "data:audio/mpeg;base64"
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
        assert samples.size / rate == pytest.approx(float(player["data-seconds"] or ""), abs=0.2)
        assert np.abs(samples).max() > 0.05


def test_json_is_the_same_as_data(cli, out: Path) -> None:
    data = cli("report", out, "--json").json

    assert data["status"] == "partial"
    assert [(problem["kind"], problem["name"]) for problem in data["problems"]] == [
        ("failed", "broken"),
        ("not written", "02-wood.wav"),
    ]
    assert "broken.wav" in data["problems"][0]["problem"]
    assert data["problems"][0]["source"].startswith("book.yaml:11:")
    assert [line["id"] for line in data["lines"]] == ["first", "second", "last", "broken"]
    first = data["lines"][0]
    assert (first["speaker"], first["engine"], first["reason"], first["status"]) == ("mole", "espeak", "new", "ok")
    assert first["start_s"] == 0.5
    [chapter] = data["chapters"]
    assert len(chapter["peaks"]) > 100
    assert chapter["target_lufs"] == -19
    checks = {check["name"]: check for check in data["files"][0]["checks"]}
    assert checks["loudness"]["wanted"] == "-19 LUFS"
    assert all(check["passed"] for check in checks.values())


def test_a_master_beside_its_target_is_a_problem(cli, out: Path) -> None:
    report = json.loads((out / "report.json").read_text())
    [master] = [output for output in report["outputs"] if output["kind"] == "master"]
    for lufs, peak, failed in (
        (-18.5, -1.95, []),  # the tolerances: 0.5 LU and 0.05 dB
        (-18.4, -2.0, ["loudness"]),
        (-19.6, -2.0, ["loudness"]),
        (-70.0, -2.0, []),  # silence has no loudness
        (-19.0, -1.9, ["true peak"]),
        (-19.0, -9.0, []),
        (-17.0, 0.0, ["loudness", "true peak"]),
    ):
        recipe = {"name": "test", "loudness_lufs": -19, "true_peak_dbtp": -2}
        master |= {"lufs": lufs, "true_peak_dbtp": peak}
        (out / "report.json").write_text(json.dumps(report | {"recipe": recipe}))
        review = review_folder(out)
        assert [check.name for check in review.files[0].checks] == ["file", "loudness", "true peak"]
        assert [check.name for check in review.files[0].checks if not check.passed] == failed
        assert [problem["problem"].split(":")[0] for problem in review.problems if problem["kind"] == "file"] == failed


def test_junit_has_a_case_for_each_line_and_check(cli, out: Path, tmp_path: Path) -> None:
    (out / "01-the-river-bank.wav").write_bytes((out / "01-the-river-bank.wav").read_bytes()[:-4000])

    assert cli("report", out, "--junit", "junit.xml").code == 0

    root = ET.parse(tmp_path / "junit.xml").getroot()
    lines, files = root.findall("testsuite")
    assert (lines.get("tests"), lines.get("failures")) == ("4", "1")
    failed = lines.find("testcase/failure/..")
    assert failed is not None
    assert (failed.get("name"), failed.get("file"), failed.get("line")) == ("broken", "book.yaml", "11")
    names = [case.get("name") for case in lines.iter("testcase")]
    assert names == ["first: Up we go & <away>!", "second: He waited.", "last: Good night.", "broken"]
    messages = [failure.get("message") for failure in files.iter("failure")]
    assert any("bytes, not" in str(message) for message in messages)
    assert "1 of its lines are missing" in messages
    assert "FAIL" in page_of(out / "report.html").shown


def test_a_dub_tells_how_each_line_was_fitted(cli, tmp_path: Path) -> None:
    (tmp_path / "film.srt").write_text(
        "1\n00:00:00,500 --> 00:00:01,000\nThis is far too long for half a second, and for two.\n\n"
        "2\n00:00:01,100 --> 00:00:03,000\nYes.\n"
    )
    assert cli("render", "film.srt", "-o", "out").code == 6
    data = cli("report", "out", "--json").json
    assert data["problems"][0]["kind"] == "over budget"
    assert data["lines"][0]["timing"]["budget"] == "over"
    assert "borrow+speed+stretch, rate 1.4" in page_of(tmp_path / "out" / "report.html").shown


def test_what_is_no_output_folder_is_told(cli, tmp_path: Path) -> None:
    result = cli("report", tmp_path)
    assert result.code == 3
    assert "report.json:1:1: error: cannot be read: No such file or directory" in result.err
    assert "hint: name a folder that `tts-cli render` has written" in result.err
    (tmp_path / "report.json").write_text("[1")
    assert "is damaged" in cli("report", tmp_path).err


def test_five_thousand_lines_fit_on_a_page(cli, out: Path) -> None:
    timeline = json.loads((out / "timeline.json").read_text())
    line = timeline["lines"][0]
    timeline["lines"] = [line | {"id": f"n{number}"} for number in range(5000)]
    clip = next(clip for clip in timeline["clips"] if clip["line"] == line["id"])
    timeline["clips"] = [clip | {"line": f"n{number}"} for number in range(5000)]
    (out / "timeline.json").write_text(json.dumps(timeline))

    cli("report", out)

    assert len(page_of(out / "report.html").players) == 5000
    assert (out / "report.html").stat().st_size < 5_000_000


def test_what_recipes_delivered_is_in_the_table_with_their_checks(cli, tmp_path: Path) -> None:
    (tmp_path / "loud.yaml").write_text(
        "split: programme\nformat: wav\n"
        "deliver:\n  - {kind: programme, file: '{name}.flac', require: {lufs: -10..-9, sample_rate: 44100}}\n"
    )
    (tmp_path / "script.yaml").write_text("lines: [Hello there., How do you do?]\n")
    assert cli("render", "script.yaml", "-o", "out").code == 0
    assert cli("export", "script.yaml", "--recipe", "loud.yaml", "-o", "out").code == 6
    data = cli("report", "out", "--json").json
    [delivered] = [file for file in data["files"] if file["path"].endswith(".flac")]
    assert delivered["path"] == "loud/script.flac"
    checks = {check["name"]: (check["wanted"], check["passed"]) for check in delivered["checks"]}
    assert checks["lufs"] == ("at least -10 and at most -9", False)
    assert checks["sample_rate"] == ("44100", True)
    assert [problem["kind"] for problem in data["problems"]] == ["file"]
    assert "FAIL" in page_of(tmp_path / "out" / "report.html").shown
