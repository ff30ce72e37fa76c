"""Full disks, read-only caches, clocks that jump, caches of other versions: said, survived, nothing half-written."""

import json
import os
import re
import resource
import shutil
import time
from pathlib import Path

import pytest

from tests.endurance.conftest import finish, masters, run, start, takes
from tts_cli.pipeline.master.output_guard import INDEX_FILE


def limit_files(size: int):
    """Refuse this process and its workers files larger than so many bytes: as a disk that is full."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def no_privileges() -> list[str]:
    """Return a prefix under which even root must respect permissions."""
    if os.getuid():
        return []
    tool = shutil.which("setpriv")
    if not tool:
        pytest.skip("root can write anything, and there is no setpriv to take that away")
    return [tool, "--bounding-set", "-dac_override", "--inh-caps", "-dac_override"]


def start_without_privileges(*arguments: object):
    import subprocess
    import sys

    argv = [*no_privileges(), sys.executable, "-m", "tts_cli", *map(str, arguments)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_disk_that_is_full_ends_the_run_with_a_hint_and_leaves_no_half_file(script, tmp_path: Path) -> None:
    book = script(12, char_ms=160)
    # Python keeps the modules that it compiles, and does not notice where one does not fit: nothing would run again.
    run("render", book, "-o", "warm", "--cache", "warm")
    full = start("render", book, "-o", "out", "--cache", "cache", preexec_fn=limit_files(4000))
    said = finish(full, 5)
    assert "the cache cannot be written: " in said
    assert "--cache" in said
    assert not list((tmp_path / "cache").rglob(".tmp-*"))
    run("cache", "verify", "--cache", "cache")
    run("render", book, "-o", "out", "--cache", "cache")
    assert masters(tmp_path / "out")


def test_a_disk_that_fills_up_while_mastering_leaves_no_half_master(script, tmp_path: Path) -> None:
    book = script(12, char_ms=160)
    run("render", book, "-o", "plain", "--cache", "cache")
    size = min(path.stat().st_size for path in (tmp_path / "plain").glob("*.wav"))
    full = start("render", book, "-o", "out", "--cache", "cache", preexec_fn=limit_files(size // 2))
    said = finish(full, 5)
    assert re.search(r"out/\d\d-c\d\.wav cannot be written: File too large", said)  # several are written at once
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {INDEX_FILE}


def test_a_cache_that_is_full_of_takes_may_be_read_only(script, tmp_path: Path) -> None:
    book = script(6)
    run("render", book, "-o", "plain", "--cache", "cache")
    cache = tmp_path / "cache"
    for path in [*cache.rglob("*"), cache]:
        os.utime(path, (time.time() - 10 * 86_400,) * 2)
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        finish(start_without_privileges("render", book, "-o", "out", "--cache", "cache"))
        assert masters(tmp_path / "out") == masters(tmp_path / "plain")
        book.write_text(book.read_text().replace("0.'", "zero.'"))
        said = finish(start_without_privileges("render", book, "-o", "out", "--cache", "cache"), 5)
        assert "cannot be written" in said
        assert "--cache" in said
    finally:
        for path in [cache, *cache.rglob("*")]:
            path.chmod(0o755)


@pytest.mark.parametrize("days", [-4000, 4000])
def test_a_clock_that_jumped_changes_nothing(script, tmp_path: Path, days: int) -> None:
    book = script(6)
    run("render", book, "-o", "out", "--cache", "cache")
    before = masters(tmp_path / "out")
    then = time.time() + days * 86_400
    for path in [*(tmp_path / "cache").rglob("*"), *(tmp_path / "out").rglob("*"), book]:
        os.utime(path, (then, then))
    run("render", book, "-o", "out", "--cache", "cache", "--events", "e.jsonl")
    assert json.loads((tmp_path / "e.jsonl").read_text().splitlines()[0])["to_render"] == 0
    assert masters(tmp_path / "out") == before


def test_a_cache_of_another_version_is_recorded_anew(script, tmp_path: Path) -> None:
    book = script(6)
    run("render", book, "-o", "out", "--cache", "cache")
    before = masters(tmp_path / "out")
    for path in (tmp_path / "cache" / "ac").rglob("*.json"):
        record = json.loads(path.read_bytes())
        path.write_text(json.dumps({**record, "version": record["version"] - 1}))
    run("render", book, "-o", "out", "--cache", "cache", "--events", "e.jsonl")
    assert json.loads((tmp_path / "e.jsonl").read_text().splitlines()[0])["to_render"] == 6
    assert masters(tmp_path / "out") == before
    assert takes(tmp_path / "cache") == 6


def test_a_worker_environment_that_is_broken_is_said_once(script, tmp_path: Path) -> None:
    """Not once for each of the lines, and without waiting for each."""
    book = script(30)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(
        "import sys\nif 'tts_cli.workers.process' in sys.orig_argv: sys.exit('no libfoo.so here')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "broken")}
    said = finish(start("render", book, "--cache", "cache", "--workers", 1, env=environment), 4)
    assert said.count("the engine tone does not start") == 1
    assert "no libfoo.so here" in said
    assert "hint: " in said
