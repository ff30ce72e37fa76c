"""Every recipe gives the same bytes: whatever the hash seed, the day, the folder for temporary files, the workers."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.endurance.conftest import run
from tts_cli.formats.recipes import list_recipes

BOOK = """\
project: {title: The Tide, author: A. Writer, narrator: a machine, language: en, series: Shores, year: "2024"}
defaults: {engine: tone, params: {char_ms: 8}}
speakers: {ann: {}, bob: {speed: 1.1}}
chapters:
  - {id: one, title: Out, lines: [{speaker: ann, text: The tide was out.}, {speaker: bob, text: Was it?}]}
  - {id: two, title: In, lines: [{speaker: ann, text: Now it is in.}]}
"""
CUES = "1\n00:00:00,500 --> 00:00:02,000\nHello there.\n\n2\n00:00:02,500 --> 00:00:04,000\nGo away.\n"
# Every process of ours, the workers too, believes that it is another day.
ANOTHER_DAY = """\
import time
_now, _now_ns = time.time, time.time_ns
time.time = lambda: _now() + 86_400 * 40
time.time_ns = lambda: _now_ns() + 86_400 * 40 * 10**9
"""
# What these files say of time and place is meant.
REPORTS = ("report.json", "export.json")
SITUATIONS = [
    {"seed": 0, "workers": 1, "temp": "t1", "later": False},
    {"seed": 1, "workers": 2, "temp": "t2", "later": True},
    {"seed": 2, "workers": 1, "temp": "t2", "later": False},
    {"seed": 3, "workers": 2, "temp": "t1", "later": True},
    {"seed": 4, "workers": 2, "temp": "t1", "later": False},
]


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in REPORTS
    }


def outputs(folder: Path) -> list[tuple[str, str]]:
    """Return what the reports say of the files, without when they were written."""
    found = []
    for path in sorted(folder.rglob("*.json")):
        if path.name in REPORTS:
            found += [(row["path"], row["sha256"], row["inputs"]) for row in json.loads(path.read_text())["outputs"]]
    return found


def environment(tmp_path: Path, situation: dict[str, object]) -> dict[str, str]:
    temp, site = tmp_path / str(situation["temp"]), tmp_path / "site"
    temp.mkdir(exist_ok=True)
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(ANOTHER_DAY)
    days = {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])} if situation["later"] else {}
    return {**os.environ, **days, "PYTHONHASHSEED": str(situation["seed"]), "TMPDIR": str(temp)}


def make_all(tmp_path: Path, situation: dict[str, object]) -> Path:
    """Render, and export by every recipe, in one process each, with nothing in the cache."""
    name = f"out{situation['seed']}"
    env = environment(tmp_path, situation)
    common = ("--workers", situation["workers"], "--cache", f"cache{situation['seed']}")
    books = [recipe.name for recipe in list_recipes(tmp_path / "home") if recipe.deliver and not recipe.fit]
    assert len(books) > 5
    recipes = [word for recipe in books for word in ("--recipe", recipe)]
    run("render", "book.yaml", "--lines", "-o", f"{name}/render", *common, env=env)
    # So short a book meets no shop's requirements; its bytes are what matters.
    run("export", "book.yaml", *recipes, "-o", f"{name}/book", *common, env=env, code=6)
    dub = ("--recipe", "dub", "--bed", "bed.wav", "--duck", "balanced", "-o", f"{name}/dub")
    run("export", "film.srt", *dub, *common, env=env)
    return tmp_path / name


@pytest.fixture(autouse=True)
def _inputs(tmp_path: Path, clips: Path) -> None:
    (tmp_path / "book.yaml").write_text(BOOK)
    (tmp_path / "film.srt").write_text(CUES)
    (tmp_path / "bed.wav").write_bytes((clips / "ann.wav").read_bytes())


@pytest.mark.slow
def test_every_recipe_gives_the_same_bytes_in_any_situation(tmp_path: Path) -> None:
    first, *others = [make_all(tmp_path, situation) for situation in SITUATIONS]
    wanted = hashes(first)
    assert len(wanted) > 30
    for other in others:
        found = hashes(other)
        assert {name for name in wanted | found if wanted.get(name) != found.get(name)} == set()
        assert outputs(other) == outputs(first)


def test_a_wav_has_its_tags_in_one_order(tmp_path: Path) -> None:
    """The tags of a WAV once lay in the order of a set, which another process has otherwise."""
    found = set()
    for seed in range(3):
        env = {**os.environ, "PYTHONHASHSEED": str(seed)}
        run("export", "book.yaml", "--recipe", "broadcast", "-o", f"o{seed}", "--cache", "cache", env=env)
        found.add((tmp_path / f"o{seed}" / "broadcast" / "book.wav").read_bytes())
    assert len(found) == 1
