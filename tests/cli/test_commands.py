"""What every command promises: help with an example, one JSON object, exit codes, a quick start."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = [
    ("render",),
    ("check",),
    ("engines",),
    ("download",),
    ("doctor",),
    ("clone",),
    ("precompute",),
    ("voices", "list"),
    ("voices", "show"),
    ("voices", "audition"),
    ("voices", "pack"),
    ("voices", "unpack"),
    ("report",),
    ("cache", "stat"),
    ("cache", "verify"),
    ("cache", "gc"),
    ("bench", "pipeline"),
    ("bench", "voices"),
]
HEAVY = (
    "torch",
    "pandas",
    "scipy",
    "numpy",
    "soundfile",
    "tomllib",
    "platformdirs",
    "tts_cli.types",
    "tts_cli.pipeline.run",
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(cli, command: tuple[str, ...]) -> None:
    result = cli(*command, "--help")

    assert result.code == 0
    assert "Usage: tts-cli" in result.out
    assert f"Example: tts-cli {' '.join(command)}" in result.out


@pytest.mark.parametrize("arguments", [["--help"], ["render", "--help"], ["--version"]], ids=" ".join)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        f"sys.argv = ['tts-cli', *{arguments!r}]\n"
        "from tts_cli.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert said.splitlines()[-1] == "LOADED []"


def test_no_command_shows_help(cli) -> None:
    assert "render" in cli().out


def test_the_version(cli) -> None:
    assert cli("--version").out.startswith("tts-cli 0.")


def test_a_wrong_option_is_a_usage_error(cli) -> None:
    assert cli("render", "x.yaml", "--wrokers", "2").code == 2


def test_a_bug_keeps_its_traceback(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("tts_cli.pipeline.session.load_script", broken)

    with pytest.raises(RuntimeError, match="a bug"):
        cli("check", "x.yaml")


def test_a_missing_manifest_is_an_input_error_with_its_place(cli) -> None:
    result = cli("render", "nowhere.yaml", "--json")

    assert result.code == 3
    assert result.json["status"] == "failed"
    assert result.json["problems"][0]["path"] == "nowhere.yaml"


def test_check_tells_all_problems_at_once(cli, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(
        "speakers: {mole: {voice: en-us}}\n"
        "lines:\n"
        "  - {speaker: moel, text: Hello}\n"
        "  - {speaker: mole, emotion: hapy, text: Hello}\n"
        "  - {speaker: mole, text: '...'}\n"
        "  - {speaker: mole, txet: Hello}\n"
        "  - {voice: en-uss, text: Hello}\n"
        "  - {engine: espaek, text: Hello}\n"
    )

    told = cli("check", "bad.yaml")
    as_json = cli("check", "bad.yaml", "--json")

    assert told.code == as_json.code == 3
    assert [problem["line"] for problem in as_json.json["problems"]] == [3, 4, 5, 6, 7, 8]
    assert told.err.count("bad.yaml:") == 6
    for meant in ("'mole'", "'happy'", "'text'", "'en-us'", "'espeak'"):
        assert f"did you mean {meant}" in told.err
    assert "nothing to speak" in told.err
    assert told.out == ""


def test_check_says_that_all_is_well(cli, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text("speaker,text\nmole,Hello\nrat,Hello\n")

    assert cli("check", "good.csv").out == "good.csv: 2 lines, 2 speakers, no problems\n"
    assert cli("check", "good.csv", "--json").json["speakers"] == 2


def test_settings_come_from_flag_then_environment_then_file(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tts-cli.toml").write_text('cache = "from-file"\n')

    assert cli("cache", "stat", "--json").json["path"].endswith("cache")
    monkeypatch.delenv("TTS_CLI_CACHE")
    assert cli("cache", "stat", "--json").json["path"] == "from-file"
    assert cli("cache", "stat", "--json", "--cache", "from-flag").json["path"] == "from-flag"


@pytest.mark.parametrize("toml", ["cache = 3", "wrokers = 2", "workers = 0", "not toml", "workers = true"])
def test_a_bad_settings_file_is_an_input_error(cli, tmp_path: Path, toml: str) -> None:
    (tmp_path / "tts-cli.toml").write_text(toml)

    result = cli("cache", "stat")

    assert result.code == 3
    assert result.err.startswith("tts-cli.toml:1:")


def test_the_cache_commands(cli, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("text\nHello there.\n")
    cli("render", "one.csv")

    assert cli("cache", "stat", "--json").json["takes"] == 1
    assert cli("cache", "verify", "--json").json == {"status": "ok", "checked": 1, "damaged": []}
    (blob,) = (tmp_path / "cache" / "cas").glob("*/*.flac")
    blob.write_bytes(b"damaged")
    assert cli("cache", "verify").code == 6
    assert cli("cache", "stat", "--json").json["unusable"] == 1
    assert cli("cache", "gc", "--max-size", "1G", "--max-age", "30").code == 0
    assert cli("cache", "gc", "--max-size", "much").code == 2


def test_gc_frees_what_it_says_and_a_bare_number_is_no_size(cli, tmp_path: Path) -> None:
    (tmp_path / "two.csv").write_text("text\nHello there.\nGo away.\n")
    cli("render", "two.csv")
    refused = cli("cache", "gc", "--max-size", "20")
    assert (refused.code, "hint: write 20G or 20M" in refused.err) == (2, True)
    blobs = sorted((tmp_path / "cache" / "cas").glob("*/*.flac"))
    size = sum(path.stat().st_size for path in blobs)

    would = cli("cache", "gc", "--max-size", "0", "--dry-run", "--json").json
    assert (would["takes"], would["blobs"], would["bytes"], would["dry_run"]) == (2, 2, size, True)
    assert all(path.is_file() for path in blobs)

    # What was written after its record may be somebody's next take.
    later = blobs[0].stat().st_mtime + 60
    os.utime(blobs[0], (later, later))
    done = cli("cache", "gc", "--max-size", "0")
    assert "removed 2 takes, 1 file" in done.out
    assert "1 more files" in done.err
    assert [path.is_file() for path in blobs] == [True, False]
    assert cli("cache", "stat", "--json").json["takes"] == 0


@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("y", 0)])
def test_gc_asks_on_a_terminal_before_it_drops_takes(tmp_path: Path, cli, answer: str, left: int) -> None:
    (tmp_path / "one.csv").write_text("text\nHello there.\n")
    cli("render", "one.csv")
    here, there = pty.openpty()
    argv = [sys.executable, "-m", "tts_cli", "cache", "gc", "--max-size", "0"]
    with subprocess.Popen(argv, stdin=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.write(here, f"{answer}\n".encode())
        _, errors = process.communicate(timeout=60)
    os.close(here)
    os.close(there)
    assert b"drop 1 take," in errors
    assert cli("cache", "stat", "--json").json["takes"] == left
    assert process.returncode == (130 if left else 0)


@pytest.mark.parametrize(
    "arguments",
    [["render"], ["render", "x.yaml", "--nope"], ["cache", "gc", "--max-age", "old"], ["nope"]],
    ids=" ".join,
)
def test_a_command_line_that_makes_no_sense_is_json_too(cli, arguments: list[str]) -> None:
    said = cli(*arguments, "--json")
    assert said.code == 2
    assert (said.json["status"], bool(said.json["error"])) == ("failed", True)
    assert cli(*arguments).code == 2


def test_doctor_finds_everything_here(cli) -> None:
    result = cli("doctor", "--json")

    assert result.code == 0
    assert [check["name"] for check in result.json["checks"] if not check["ok"]] == []


def test_doctor_says_how_to_mend(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTS_CLI_FFMPEG", "/nowhere/ffmpeg")

    result = cli("doctor")

    assert result.code == 4
    assert "BAD  ffmpeg" in result.out
    assert "hint: ffmpeg: unset TTS_CLI_FFMPEG" in result.err


def test_voices_and_engines_are_listed(cli) -> None:
    voices = cli("voices", "list", "--language", "pt", "--json").json["voices"]
    engines = cli("engines", "--json").json["engines"]

    assert {voice["name"] for voice in voices} >= {"pt", "pt-br"}
    assert engines[0]["name"] == "espeak"
    assert set(engines[0]["emotions"]) >= {"happy", "sad", "angry", "whisper"}
    assert cli("voices", "list", "--engine", "espaek").code == 3
    assert "oswin" in cli("voices", "list").out
    assert "klatt" not in cli("voices", "list").out
    assert "klatt" in cli("voices", "list", "--engine", "espeak").out


def test_output_is_plain_where_nobody_watches(cli, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("text\nHello there.\n")

    result = cli("render", "one.csv")

    assert "\x1b" not in result.out + result.err
    assert json.loads((tmp_path / "out" / "one" / "report.json").read_text())["status"] == "ok"


def test_a_row_of_a_table_is_one_line_where_no_terminal_is(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    rows = cli("export", "--list").out.splitlines()
    assert [row.split()[0] for row in rows] == ["recipe", *sorted(row.split()[0] for row in rows[1:])]
    assert max(map(len, rows)) > 100
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, cli("export", "--list").out.splitlines())) <= 60
