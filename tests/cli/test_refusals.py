"""What the system refuses (no permission, no space, closed streams, few letters) is a message, never a traceback."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tts_cli.pipeline.master.output_guard import INDEX_FILE

LINES = "id,text\none,Hullo there.\ntwo,On they went.\n"
EXPECTED = {2, 3, 4, 5}


@pytest.fixture
def done(cli, clips: Path, tmp_path: Path) -> Path:
    """A folder with a script, a render and an export of it, a voice, its pack, and a file where no folder can be."""
    (tmp_path / "s.csv").write_text(LINES)
    (tmp_path / "s.yaml").write_text("defaults: {engine: tone}\nlines: s.csv\n")
    (tmp_path / "t.csv").write_text(LINES.replace("Hullo", "Never heard"))
    (tmp_path / "new.yaml").write_text("defaults: {engine: tone}\nlines: t.csv\n")
    (tmp_path / "blocked").write_text("a file\n")
    (tmp_path / "clip.wav").symlink_to(clips / "ann.wav")
    for name in ("ann", "ben"):
        (tmp_path / "voices" / name).mkdir(parents=True)
        (tmp_path / "voices" / name / "voice.yaml").write_text(
            "licence: mine\nconsent: mine\nengines: {espeak: {voice: en-gb}, tone: {voice: mid}}\n"
        )
    assert cli("render", "s.yaml", "-o", "done").code == 0
    assert cli("export", "s.yaml", "--recipe", "web", "-o", "done").code == 0
    return tmp_path


UNWRITABLE = {
    "render": ("render", "new.yaml", "-o", "blocked/out"),
    "write-back": ("render", "new.yaml", "-o", "out", "--write-back", "blocked/w.csv"),
    "events": ("render", "new.yaml", "-o", "out", "--events", "blocked/e.jsonl"),
    "cache": ("render", "new.yaml", "-o", "out", "--cache", "blocked/cache"),
    "proc": ("render", "new.yaml", "-o", "/proc/out"),
    "export": ("export", "new.yaml", "--recipe", "web", "-o", "blocked"),
    "page": ("report", "done", "-o", "blocked/x.html"),
    "junit": ("report", "done", "--junit", "blocked/x.xml"),
    "folder": ("report", "done", "-o", "done"),
    "clone": ("clone", "new", "clip.wav", "--to", "blocked"),
    "pack": ("voices", "pack", "ann", "--engine", "tone", "-o", "blocked/x.ttsvoice"),
    "audition": ("voices", "audition", "ann", "--engine", "tone", "-o", "blocked/x"),
    "precompute": ("precompute", "ann", "-o", "blocked/x"),
}


@pytest.mark.parametrize("command", UNWRITABLE.values(), ids=UNWRITABLE)
def test_what_cannot_be_written_is_said_before_any_work(cli, done: Path, command: tuple[str, ...]) -> None:
    takes = set((done / "cache").rglob("*.flac"))
    result = cli(*command)
    assert result.code in EXPECTED
    assert "error: " in result.err
    assert set((done / "cache").rglob("*.flac")) == takes
    assert (done / "blocked").read_text() == "a file\n"


def test_the_message_names_path_reason_and_hint(cli, done: Path) -> None:
    result = cli("render", "new.yaml", "-o", "out", "--write-back", "blocked/w.csv")
    assert result.code == 5
    assert result.err.splitlines() == [
        "error: blocked/w.csv cannot be written: Not a directory",
        "hint: a part of the path is a file; choose another place",
    ]


# --- a disk that is full --------------------------------------------------------------------------------


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no process write larger files; to a program this is a disk that is full, and root is no exception."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITING = {
    "takes": ("render", "new.yaml", "-o", "out", "--cache", "other"),
    "masters": ("render", "s.yaml", "-o", "out", "--lines"),
    "encoded": ("export", "s.yaml", "--recipe", "web", "-o", "out"),
    "page": ("report", "done"),
    "junit": ("report", "done", "--junit", "x.xml"),
    "clone": ("clone", "new", "clip.wav"),
    "pack": ("voices", "pack", "ann"),
}


@pytest.mark.parametrize("command", WRITING.values(), ids=WRITING)
def test_a_full_disk_is_said_and_leaves_nothing_half_written(
    cli, done: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python would keep half of a module that it compiles now.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(done.rglob("*"))
    with files_of_at_most(64):
        result = cli(*command)
    assert result.code in EXPECTED, result.out
    assert "File too large" in result.err
    kept = {path for path in set(done.rglob("*")) - before if path.is_file() and path.name != INDEX_FILE}
    assert not [path for path in kept if not path.is_relative_to(done / "other")]


# --- files of ours that are damaged ---------------------------------------------------------------------

DAMAGE = {
    "empty": b"",
    "list": b"[]",
    "object": b"{}",
    "bytes": b"\xff\xfe\xfd",
    "version": b'{"version": "two"}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("damage", [*DAMAGE, "cut", "folder"])
@pytest.mark.parametrize("name", ["timeline.json", "report.json", "web/export.json"])
def test_a_damaged_file_of_a_run_is_named_or_made_anew(cli, done: Path, name: str, damage: str) -> None:
    path = done / "done" / name
    data = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        path.write_bytes(DAMAGE.get(damage, data[: len(data) // 2]))
    report = cli("report", "done")
    export = cli("export", "done", "--recipe", "web")
    render = cli("render", "s.yaml", "-o", "done")
    for result in (report, export, render):
        assert result.code in {0, *EXPECTED}
        assert result.code == 0 or Path(name).name in result.err
    assert damage == "folder" or render.code == 0


# --- streams --------------------------------------------------------------------------------------------


def run(shell: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the real command line under a shell, which knows how to close streams; `tts` stands for it."""
    command = shell.replace("tts ", f"'{sys.executable}' -m tts_cli ")
    env = os.environ | environment
    return subprocess.run(["sh", "-c", command], capture_output=True, check=False, env=env, timeout=120)


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ("tts check - --format csv <&-", 2, b"error: `-` means standard input, which is closed"),
        ("tts check s.csv --json >&-", 2, b"error: --json needs standard output, which is closed"),
        ("tts check s.csv >&-", 0, b""),
        ("tts check s.csv 2>&-", 0, b"s.csv: 2 lines"),
        ("tts check s.csv >/dev/full", 5, b"error: standard output cannot be written: No space left on device"),
        ("tts check s.csv --json >/dev/full", 5, b"error: standard output cannot be written"),
        ("tts check missing.csv 2>/dev/full", 3, b""),
        ("tts render s.yaml -o out <&- >&- 2>&-", 0, b""),
        ("tts --help >/dev/full", 5, b"error: standard output cannot be written"),
        ("tts check s.csv | true", 0, b""),
    ],
)
def test_streams_may_be_closed_or_full(tmp_path: Path, shell: str, code: int, said: bytes) -> None:
    (tmp_path / "s.csv").write_text(LINES)
    (tmp_path / "s.yaml").write_text("defaults: {engine: tone}\nlines: s.csv\n")
    result = run(shell)
    assert (result.returncode, b"Traceback" in result.stderr) == (code, False), result.stderr
    assert said in result.stdout + result.stderr


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_letters_that_a_stream_lacks_are_written_as_codes(tmp_path: Path) -> None:
    (tmp_path / "u.yaml").write_text(
        "defaults: {engine: tone}\nlines: [{id: é, text: Hullo thére.}]\n", encoding="utf-8"
    )
    told = run("tts render u.yaml --dry-run --explain", PYTHONIOENCODING="ascii")
    assert (told.returncode, b"Hullo th\\xe9re." in told.stdout) == (0, True), told.stderr
    asked = run("tts render u.yaml -o oé --json", **ASCII)
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout.decode("ascii"))["manifest"] == "u"
    assert (tmp_path / "oé" / "u.wav").is_file()
    assert run("tts report oé", **ASCII).returncode == 0


@pytest.mark.skipif(not shutil.which("setpriv"), reason="no setpriv")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("lines: secret/s.csv\n")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "s.csv").write_text(LINES)
    (tmp_path / "secret" / "s.csv").chmod(0)
    prefix = "setpriv --bounding-set=-all --inh-caps=-all" if os.getuid() == 0 else ""
    result = run(f"{prefix} tts check s.yaml")
    assert (result.returncode, b"Traceback" in result.stderr) == (3, False), result.stderr
    assert b"Permission denied" in result.stderr
