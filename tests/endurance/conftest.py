"""Scripts long enough to be interrupted, and the real command line in processes of its own."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

WORDS = ("river", "bank", "old", "willows", "nobody", "boat", "said", "every", "animal", "morning", "spring", "water")


def write_script(path: Path, lines: int, *, engine: str = "tone", chapters: int = 2, **params: object) -> Path:
    """Write a manifest of lines of many lengths, the same for the same arguments."""
    given = json.dumps({"char_ms": 16, **params} if engine == "tone" else {})
    speed = 4 if engine == "tone" else 1
    text = [f"defaults: {{engine: {engine}, speed: {speed}, params: {given}}}", "chapters:"]
    for chapter in range(chapters):
        text += [f"  - id: c{chapter}", "    lines:"]
        for number in range(chapter, lines, chapters):
            length = 2 + number * 7 % 13
            words = " ".join(WORDS[(number + place) % len(WORDS)] for place in range(length))
            text.append(f"      - {{id: n{number}, text: '{words} {number}.'}}")
    path.write_text("\n".join(text) + "\n")
    return path


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Path]:
    """Write a manifest called book.yaml."""

    def write(lines: int, **options: object) -> Path:
        return write_script(tmp_path / "book.yaml", lines, **options)

    return write


def start(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
    """Start the real command line as a process."""
    argv = [sys.executable, "-m", "tts_cli", *map(str, arguments)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def finish(process: subprocess.Popen[bytes], code: int = 0) -> str:
    """Wait for its end, sure that it says `code`; returns its stderr."""
    _, errors = process.communicate(timeout=180)
    assert process.returncode == code, errors.decode()
    return errors.decode()


def run(*arguments: object, code: int = 0, **options: object) -> str:
    """Run the real command line to its end."""
    return finish(start(*arguments, **options), code)


def masters(out: Path) -> dict[str, str]:
    """Return the sha256 of each master."""
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.glob("*.wav"))}
    assert found
    return found


def takes(cache: Path) -> int:
    """Count the takes that are committed."""
    return len(list(cache.glob("ac/*/*.json")))


def wait_for_takes(cache: Path, count: int, seconds: float = 60) -> None:
    """Wait until so many takes are committed."""
    deadline = time.monotonic() + seconds
    while takes(cache) < count:
        assert time.monotonic() < deadline, f"only {takes(cache)} takes"
        time.sleep(0.02)


def workers_with(text: str) -> list[int]:
    """List the worker processes whose environment holds a text: a test's own folder tells them from others."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if b"tts_cli.workers.process" in command and os.fsencode(text) in environment:
            found.append(int(folder.name))
    return found
