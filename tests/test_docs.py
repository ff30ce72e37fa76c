"""What the pages say is true: their commands run in a fresh folder, their tables are the code's, their links lead on.

`tests/pages/docs_pages.py` says how a page is read.
"""

import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import soundfile
from docs_pages import PAGES, ROOT, Block, Command, blocks, commands, expand, filtered, parse
from documents import epub
from documents import page as xhtml

from tts_cli.engines.catalog import get_spec
from tts_cli.engines.weights import weights_of
from tts_cli.settings import _OWN_KEYS

README = (ROOT / "README.md").read_text(encoding="utf-8")
MADE_SPEECH = ROOT / "tests" / "data"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGE_FILES = sorted((ROOT / "tts_cli").rglob("*.py"))


# --- what the pages take for granted -------------------------------------------------------------------


def make_film(path: Path) -> None:
    from tts_cli.audio.io.ffmpeg import ffmpeg_path

    sources = ("-f", "lavfi", "-i", "testsrc=s=64x48:d=6", "-f", "lavfi", "-i", "sine=d=6")
    subprocess.run([ffmpeg_path(), "-v", "error", *sources, "-c:v", "libx264", path], check=True)


def make_samples(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    samples, rate = soundfile.read(MADE_SPEECH / "ann.flac")
    soundfile.write(path, samples, rate)


def make_cover(path: Path) -> None:
    from tts_cli.audio.io.ffmpeg import ffmpeg_path

    source = ("-f", "lavfi", "-i", "color=s=64x64", "-frames:v", "1")
    subprocess.run([ffmpeg_path(), "-v", "error", *source, path], check=True)


def make_book(path: Path) -> None:
    pages = {
        "1.xhtml": xhtml("<h1>Spring</h1><p>The mole ran.</p>"),
        "2.xhtml": xhtml("<h1>River</h1><p>He saw it.</p>"),
    }
    path.write_bytes(epub(pages, toc=[("Spring", "1.xhtml"), ("River", "2.xhtml")]))


INPUTS = {
    "novel.epub": make_book,
    "film.mp4": make_film,
    "me.wav": make_samples,
    "cover.jpg": make_cover,
    "samples/nora.wav": make_samples,
    "film.srt": lambda path: path.write_text("1\n00:00:00,500 --> 00:00:02,500\nMOLE: Bother!\n"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh folder of a user who has a film, a recording and a picture."""
    work = tmp_path / "work"
    work.mkdir()
    return work


def provide(page: Path, folder: Path) -> None:
    """Make the inputs that a page names and does not bring itself."""
    text = page.read_text(encoding="utf-8")
    for name, make in INPUTS.items():
        if name in text or (name.startswith("samples/") and "samples/*.wav" in text):
            make(folder / name)


# --- commands ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_reader_can_follow_the_page(cli, page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    provide(page, folder)
    for block in blocks(page):
        if block.key == "run":
            shutil.copytree(ROOT / "manifests", folder / "manifests")
        if block.key == "file":
            (folder / block.value).write_text(block.text, encoding="utf-8")
        elif block.kind == "sh":
            for command in commands(block):
                follow(cli, block, command, folder)


def follow(cli, block: Block, command: Command, folder: Path) -> None:
    program, *words = command.words
    if program == "python" and (folder / words[0]).is_file():  # a script that the page itself brings
        subprocess.run([sys.executable, *words], check=True, cwd=folder)
        return
    if program != "tts-cli":
        check_tool(program, words)
        return
    words = expand(words, folder)
    if block.key == "parse only":
        check_parse(words)
        return
    result = cli(*words, stdin=(folder / command.stdin).read_bytes() if command.stdin else b"")
    assert result.code == block.exits, (command.words, result.out[-2000:], result.err[-2000:])
    if command.then:
        assert filtered(result.out, command.then) is not None
    if command.out:
        (folder / command.out).write_text(result.out)


def check_parse(words: list[str]) -> None:
    """Hold a command that is not run against the code: its options, and the engines that it names."""
    parse(words)
    if words[0] == "download":
        for name in (word for word in words[1:] if not word.startswith(("-", "http")) and not word.endswith("/")):
            engine, _, part = name.partition(":")
            assert not part or weights_of(get_spec(engine), part), name


def check_tool(program: str, words: list[str]) -> None:
    """Hold a command of another program against what it is about here."""
    if program == "pip" and words[0] == "install":
        check_installed(words[1:])
    elif program == "pytest":
        assert all((ROOT / word).exists() for word in words if "/" in word), words
    elif program == "just":
        recipes = re.findall(r"^([\w-]+)[^\n:]*:", (ROOT / "Justfile").read_text(encoding="utf-8"), re.MULTILINE)
        assert not words or words[0] in recipes, words
    elif program in ("python", "uv", "pre-commit"):
        assert all((ROOT / word).exists() for word in words if word.endswith(".py")), words
    else:
        pytest.fail(f"nobody checks {program} {words}")


def check_installed(words: list[str]) -> None:
    for word in words:
        found = re.fullmatch(r"(\.|tts-cli)(?:\[([\w,]+)\])?", word)
        assert word.startswith("-") or not word.startswith("tts-cli"), f"{word} is not published"
        if found and found[2]:
            assert set(found[2].split(",")) <= set(PROJECT["project"]["optional-dependencies"]), word


def test_the_main_job_writes_what_the_readme_says(cli, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "manifests", tmp_path / "manifests")
    result = cli("render", "manifests/quickstart.yaml")
    assert result.code == 0
    written = {path.name for path in (tmp_path / "out" / "quickstart").glob("[!.]*")}
    assert written == {"quickstart.wav", "timeline.json", "report.json"}
    assert all(f"`{name}`" in README for name in written)


@pytest.mark.parametrize("manifest", sorted((ROOT / "manifests").glob("*.*")), ids=lambda path: path.name)
def test_every_example_is_sound(cli, manifest: Path) -> None:
    if manifest.name == "cast.yaml":
        pytest.skip("is included by others")

    result = cli("check", manifest)

    assert result.code == 0, result.err
    assert "no problems" in result.out, result.err
    assert "warning" not in result.err


# --- tables and facts ----------------------------------------------------------------------------------


def test_the_tables_are_the_codes() -> None:
    tables = runpy.run_path(str(ROOT / "docs" / "tables.py"))
    used = set()
    for page in tables["PAGES"]:
        text = page.read_text(encoding="utf-8")
        used |= {found[2] for found in tables["PLACE"].finditer(text)}
        assert tables["fill"](text) == text, f"{page.name} is stale: run `python docs/tables.py`"
    assert used == set(tables["TABLES"])


def test_the_settings_are_complete() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?:`(\w+)`)? *\| (?:`(TTS_CLI_\w+)`)? *\|", page, re.MULTILINE)
    sources = "".join(path.read_text(encoding="utf-8") for path in PACKAGE_FILES)
    assert {key for key, _ in rows if key} == set(_OWN_KEYS)
    assert all(f'"{variable}"' in sources for _, variable in rows if variable)


def test_the_numbers_of_voices_are_the_engines() -> None:
    page = (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")
    kokoro, pocket, espeak = (get_spec(name).voices() for name in ("kokoro", "pocket-tts", "espeak"))
    assert f"{len(kokoro)} voices in American" in page
    assert f"{len(pocket)} voices that each speak" in page
    assert len({voice.language.partition("-")[0] for voice in espeak}) > 100


def test_the_engine_of_the_page_has_the_contracts_methods() -> None:
    from tts_cli.engines.base import CloningEngine, Engine

    page = (ROOT / "docs" / "new-engine.md").read_text(encoding="utf-8")
    methods = {name for kind in (Engine, CloningEngine) for name in vars(kind) if not name.startswith("_")}
    assert set(re.findall(r"^    def (\w+)", page, re.MULTILINE)) == methods


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)(?:#[\w-]*)?\)", text):
        assert link.startswith("https://") or (page.parent / link).exists(), link


def test_the_readme_is_short_and_its_map_is_whole() -> None:
    assert len(README.splitlines()) <= 200
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= set(re.findall(r"\(([\w/.-]+)\)", README))


# --- hints ---------------------------------------------------------------------------------------------


def test_hints_name_packages_that_can_be_installed() -> None:
    """tts-cli itself is not published, and what a hint names is a package that we declare, or that an engine needs."""
    extras = [name for packages in PROJECT["project"]["optional-dependencies"].values() for name in packages]
    declared = {re.split(r"[^\w-]", name)[0] for name in (*PROJECT["project"]["dependencies"], *extras)} | {"spacy"}
    hints = []
    for path in PACKAGE_FILES:
        text = path.read_text(encoding="utf-8")
        assert "tts-cli[" not in text, path
        hints += re.findall(r"pip install (?:--[\w-]+ )*\"?([\w-]+)[^{\w-]", text)
    assert len(hints) >= 5
    assert set(hints) <= declared


def test_nothing_names_a_machine() -> None:
    for path in [*PAGES, *ROOT.glob("*.md"), *ROOT.glob("*.toml"), *PACKAGE_FILES]:
        assert "/work/" not in path.read_text(encoding="utf-8"), path
