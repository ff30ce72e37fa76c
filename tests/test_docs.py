"""What the README says is true: its commands run, its manifest is sound, its tables are complete."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from tts_cli.audio.mastering.effects import EFFECTS
from tts_cli.errors import ExitCode
from tts_cli.formats.recipes import list_recipes
from tts_cli.types import DeliveryKind, Reason

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MANIFEST = re.search(r"```yaml\n(project:.*?)```", README, re.DOTALL)
ONE_LINERS = [
    line.partition("#")[0].strip()
    for line in README.partition("## Ten one-liners")[2].partition("##")[0].splitlines()
    if line.startswith("    ")
]
SHEET = "speaker,emotion,text\nmole,happy,Hello there.\nrat,,Good morning.\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the files that the README's commands name."""
    assert MANIFEST
    (tmp_path / "book.yaml").write_text(
        MANIFEST[1] + "chapters:\n  - {id: a, lines: [One.]}\n  - {id: b, lines: [{mole: Two.}]}\n"
    )
    (tmp_path / "lines.csv").write_text(SHEET)
    (tmp_path / "game.csv").write_text(SHEET)
    return tmp_path


def test_there_are_ten_one_liners() -> None:
    assert len(ONE_LINERS) == 10


@pytest.mark.parametrize("line", ONE_LINERS)
def test_each_one_liner_runs(cli, project: Path, line: str) -> None:
    words = shlex.split(line)
    stdin = b""
    if words[0] == "cat":
        stdin = (project / words[1]).read_bytes()
        words = words[3:]
    if "|" in words:
        words = words[: words.index("|")]

    result = cli(*words[1:], stdin=stdin)

    assert words[0] == "tts-cli"
    assert result.code == 0, result.err


def test_the_voice_commands_run_one_after_another(cli, project: Path, clips: Path) -> None:
    (project / "samples").mkdir()
    shutil.copy(clips / "ann.wav", project / "samples")
    block = README.partition("## Voices")[2].partition("##")[0]
    lines = [line.partition("  #")[0].strip() for line in block.splitlines() if line.startswith("    ")]
    assert len(lines) == 6
    for line in lines:
        words = shlex.split(line.replace("samples/*.wav", "samples/ann.wav"))
        result = cli(*words[1:])
        assert (words[0], result.code) == ("tts-cli", 0), result.err
    assert (project / "elsewhere" / "nora" / "voice.yaml").is_file()


def test_the_scale_commands_name_real_options_and_shards_finish(cli, project: Path) -> None:
    block = README.partition("## At scale")[2].partition("\n## ")[0]
    lines = [line.partition("  #")[0].split() for line in block.splitlines() if line.startswith("    ")]
    helped = cli("render", "--help").out + cli("bench", "scale", "--help").out
    assert len(lines) == 6
    for words in lines:
        assert all(word in helped for word in words if word.startswith("--"))
    shard, stitch = (words for words in lines if "--shard" in words or "--stitch-only" in words)
    for index in range(1, 9):
        assert cli(*shard[1:-1], f"{index}/8").code == 0
    assert cli(*stitch[1:]).code == 0


def test_the_dub_and_report_commands_run(cli, project: Path) -> None:
    from tts_cli.audio.io.ffmpeg import ffmpeg_path

    (project / "film.srt").write_text("1\n00:00:00,500 --> 00:00:02,500\nMOLE: Bother!\n")
    (project / "film.yaml").write_text("speakers: {mole: {voice: f3}}\nlines: film.srt\n")
    sources = ("-f", "lavfi", "-i", "testsrc=s=64x48:d=3", "-f", "lavfi", "-i", "sine=d=3")
    subprocess.run([ffmpeg_path(), "-v", "error", *sources, "-c:v", "libx264", project / "film.mp4"], check=True)
    assert cli("render", "book.yaml", "-o", "out/book").code == 0
    for title in ("Dub", "Report"):
        block = README.partition(f"## {title}\n")[2].partition("\n## ")[0]
        lines = [line.partition("  #")[0].strip() for line in block.splitlines() if line.startswith("    ")]
        assert len(lines) == 3
        for line in lines:
            result = cli(*shlex.split(line)[1:])
            assert result.code == 0, (line, result.err)
    for name in (
        "film/film.dub.wav",
        "film/film.dub.srt",
        "film/timing.csv",
        "film/dub/film.dub.mp4",
        "book/report.html",
    ):
        assert (project / "out" / name).is_file(), name


def test_the_delivery_commands_run_one_after_another(cli, project: Path) -> None:
    block = README.partition("## Delivery")[2].partition("\n## ")[0]
    lines = [line.partition("  #")[0].strip() for line in block.splitlines() if line.startswith("    tts-cli")]
    assert len(lines) == 5
    assert cli("render", "book.yaml").code == 0
    for line in lines:
        words = shlex.split(line)
        assert cli(*words[1:]).code == 0, line
    recipe = re.findall(r"```yaml\n(.*?)```", block, re.DOTALL)[-1]
    (project / "mine.yaml").write_text(recipe)
    assert cli("export", "book.yaml", "--recipe", "mine.yaml").code == 0
    kinds = re.search(r"Kinds are `([\w ]+)`", block)
    assert kinds
    assert set(kinds[1].split()) == set(get_args(DeliveryKind))
    assert f"`{' '.join(EFFECTS)}`" in block
    assert {
        name for row in re.findall(r"^\| (`.*?`) \|", block, re.MULTILINE) for name in re.findall(r"`([\w-]+)`", row)
    } == {recipe.name for recipe in list_recipes(project) if recipe.deliver}


def test_the_main_job_from_a_clone(cli, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "manifests", tmp_path / "manifests")

    result = cli("render", "manifests/quickstart.yaml")

    assert result.code == 0
    assert {path.name for path in (tmp_path / "out" / "quickstart").iterdir()} == {
        "quickstart.wav",
        "timeline.json",
        "report.json",
    }


@pytest.mark.parametrize("manifest", sorted((ROOT / "manifests").glob("*.*")), ids=lambda path: path.name)
def test_every_example_is_sound(cli, manifest: Path) -> None:
    if manifest.name == "cast.yaml":
        pytest.skip("is included by others")

    result = cli("check", manifest)

    assert result.code == 0, result.err
    assert result.err == ""


def test_the_tables_are_complete() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}

    assert codes == {int(code) for code in ExitCode}
    assert f"`{', '.join(Reason)}`" in README


def test_nothing_names_a_machine() -> None:
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("tts_cli/**/*.py")]:
        assert "/work/" not in path.read_text(encoding="utf-8"), path
