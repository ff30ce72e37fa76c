"""Names and messages of others are printed as they are: no markup, no emoji code, nothing that a terminal obeys."""

import ast
import io
import zipfile
from pathlib import Path

import pytest
from rich.console import Console

import tts_cli.cli
from tts_cli.cli import output
from tts_cli.cli.output import Speaker, Styled, visible

ODD = "[/x] [bold]b[/bold] :car: :smile: \\[y] {}"
ESC = "\x1b[31mred\x1b]0;title\x07"


def said(sentence: str, *values: object, colour: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True, force_terminal=colour)
    Speaker(console).say(sentence, *values)
    return stream.getvalue()


def test_values_are_filled_in_as_they_are() -> None:
    assert said("[red]error:[/red] {}: {}", ODD, Path("[/x]/a")) == f"error: {ODD}: [/x]/a\n"
    assert said("{}", Styled("[x] {}", "red")) == "[x] {}\n"
    assert said("{} and {}", "a\\", "[b]\\") == "a\\ and [b]\\\n"
    assert said("[bold]{}[/bold]{}", [Styled("1", "red"), "2"], "") == "1, 2\n"
    assert said("") == "\n"


@pytest.mark.parametrize(
    "odd", [ESC, "a\rb", "\x9b31m", "\x7f", "\u202ereversed", "\udcff", "\u2028", "\x00", "\x07\x08"]
)
def test_what_a_terminal_obeys_is_written_out(odd: str) -> None:
    assert said("{}", odd).isprintable() or said("{}", odd)[:-1].isprintable()
    assert visible(visible(odd)) == visible(odd)


def test_a_style_reaches_what_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")

    assert said("[bold]{}[/bold] {}", "a", "b", colour=True) == "\x1b[1ma\x1b[0m b\n"


def test_json_has_no_character_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    text = "a\x1b\x9b\x7f\udcff\u2028é"
    output.print_json({"x": text})
    printed = capsys.readouterr().out

    assert not set(printed) & set("\x1b\x9b\x7f\udcff\u2028")
    assert "é" in printed
    assert ast.literal_eval(printed)["x"] == text


def test_nobody_prints_but_the_one_place() -> None:
    """Whatever is said goes through `say`, whose sentence is a constant; so no name can become markup."""
    for path in Path(tts_cli.cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            where = f"{path.name}:{node.lineno}"
            if name == "say" and path.name != "output.py" and node.args:
                assert isinstance(node.args[0], ast.Constant), where
                assert not isinstance(node.func, ast.Attribute) or len(node.args) - 1 == node.args[0].value.count("{}")
            if name in {"print", "log", "rule", "from_markup", "render_str"}:
                assert path.name == "output.py", where
            if name == "TextColumn":
                template = node.args[0].value
                plain = [keyword.value.value for keyword in node.keywords if keyword.arg == "markup"] == [False]
                assert plain or template in {
                    "{task.description:<10}",
                    "{task.percentage:>3.0f} %",
                    "{task.fields[left]}",
                }


def pickle_of(*names: str) -> bytes:
    """A `.pt` that names a function in the old way, in two lines."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x02c" + "\n".join(names).encode() + b"\n)R.")
    return stream.getvalue()


def test_every_command_with_odd_names(cli, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ODD.replace("/", "") / f"{ESC} é"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    name = "[x]:car:\x1b[31m.yaml"
    Path(name).write_text(
        "project: {title: '[/x] :car:'}\n"
        "defaults: {engine: tone}\n"
        "chapters:\n"
        "  - title: '[/x] :smile:'\n"
        "    lines:\n"
        "      - {id: a, speaker: ':smile: [/x]', text: 'Say :thumbs_up: and [[bold]]x[[/bold]] now.'}\n"
    )
    Path("bad.yaml").write_text("lines:\n  - {text: hi, emotion: ':smile: [/x]', sped: 1, audio: 'C:car:[/x].wav'}\n")
    Path("esc.pt").write_bytes(pickle_of("\x1b[31mos", "system"))
    Path("esc.yaml").write_text(
        "lines: [{engine: pocket-tts, voice: ./esc.pt, text: hi}, {voice: ./esc.pt, text: x}]\n"
    )
    Path("[x].wav").write_bytes(Path(clips, "ann.wav").read_bytes())
    commands = [
        ["check", name],
        ["check", "bad.yaml"],
        ["check", "[/x]:car:\x1b[31m"],
        ["check", "esc.yaml"],
        ["render", "esc.yaml", "-o", "o"],
        ["render", name, "-o", "[out]:car:\x1b[31m", "--explain"],
        ["render", name, "-o", "o", "--only", "[/x]\x1b[31m:car:"],
        ["report", "[out]:car:\x1b[31m"],
        ["report", "[/x]\x1b[31m"],
        ["export", name, "--recipe", "[/x]:car:\x1b[31m"],
        ["export", name, "--recipe", "podcast", "-o", "[ship]:car:\x1b[31m"],
        ["cache", "stat", "--cache", "[/x]:car:\x1b[31m"],
        ["cache", "gc", "--cache", "[/x]:car:\x1b[31m", "--max-size", "[/x]\x1b[31m"],
        ["cache", "verify", "--cache", "[/x]:car:\x1b[31m"],
        ["voices", "list", "--language", "[/x]\x1b[31m"],
        ["voices", "show", "[/x]:car:\x1b[31m"],
        ["voices", "unpack", "[/x]:car:\x1b[31m"],
        ["voices", "unpack", "esc.pt"],
        ["clone", "[/x]:car:\x1b[31m", "[x].wav"],
        ["clone", "ann", "[x].wav", "--to", "[to]:car:\x1b[31m", "--description", "[/x]:car:"],
        ["voices", "show", "./[to]:car:\x1b[31m/ann"],
        ["precompute", "[/x]:car:\x1b[31m"],
        ["precompute", "./[to]:car:\x1b[31m/ann", "-o", "[s]:car:\x1b[31m"],
        ["engines", "remove", "[/x]:car:\x1b[31m"],
        ["download", "[/x]:car:\x1b[31m"],
        ["render", name, "--device", "[/x]\x1b[31m"],
        ["render", name, "--shard", "[/x]\x1b[31m"],
        ["export", name, "--video", "[/x]\x1b[31m"],
        ["export", name, "--duck", "[/x]\x1b[31m"],
        ["[/x]\x1b[31m"],
    ]
    quick = {"check", "report", "cache", "engines", "download"}
    for command in commands + [[*command, "--json"] for command in commands if command[0] in quick]:
        result = cli(*command)
        printed = result.out + result.err
        assert result.code in {0, 2, 3, 4, 5, 6}, (command, result)
        assert "\x1b" not in printed, (command, printed)
        assert "Traceback" not in printed
        assert not {"🚗", "😄", "👍"} & set(printed), command


def test_a_path_that_looks_like_markup_is_printed_as_it_is(cli) -> None:
    Path("[/x]").mkdir(parents=True)
    Path("[/x]/a.yaml").write_text("lines: [hi]\n")
    Path("e.yaml").write_text("lines:\n  - {text: hi, emotion: ':smile:', sped: 1}\n")

    assert cli("check", "[/x]/a.yaml").out == "[/x]/a.yaml: 1 line, no problems\n"
    assert cli("cache", "stat", "--cache", "[/x]/c").out.startswith("[/x]/c\n")
    assert "[/x]/out" in cli("report", "[/x]/out").err
    assert "':smile:'" in cli("check", "e.yaml").err
