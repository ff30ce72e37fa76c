"""The example engine of the documentation: installed as a third party's, it is an engine like any other."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import soundfile
from contract import EngineContract, buzz

from tts_cli.engines import catalog

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "example-engine"
sys.path.append(str(FOLDER))

from tts_cli_chime.adapter import Chime  # noqa: E402
from tts_cli_chime.spec import CHIME  # noqa: E402


class TestContract(EngineContract):
    spec = CHIME


@pytest.fixture(scope="module")
def engine():
    engine = Chime()
    engine.load("cpu")
    yield engine
    engine.close()


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Install the package as pip would: its metadata where Python looks, and its code where workers do."""
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
    site = tmp_path / "site"
    metadata = site / f"tts_cli_chime-{project['version']}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["tts_cli.engines"]
    (metadata / "entry_points.txt").write_text(
        "[tts_cli.engines]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
    )
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(FOLDER))
    forget()
    yield
    monkeypatch.undo()
    forget()


def forget() -> None:
    for cached in (catalog._entry_points, catalog._third_party, catalog._version):
        cached.cache_clear()


@pytest.mark.usefixtures("installed")
def test_a_script_is_rendered_with_it_and_a_voice_is_cloned(cli, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "ann.wav", buzz(16_000, 6.0), 16_000)
    (tmp_path / "script.yaml").write_text(
        "defaults: {engine: chime}\nlines:\n"
        "  - {id: own, text: Three bells ring., voice: high, params: {decay: 4}}\n"
        "  - {id: cloned, text: Three bells ring., voice: ann.wav}\n"
    )
    rendered = cli("render", "script.yaml", "-o", "out", "--json")
    again = cli("render", "script.yaml", "-o", "out", "--json")
    engines = cli("engines", "--json").json["engines"]

    assert rendered.code == 0, rendered.err
    assert rendered.json["lines"]["rendered"] == 2
    assert again.json["lines"]["rendered"] == 0
    listed = next(engine for engine in engines if engine["name"] == "chime")
    assert listed["versions"] == {"tts-cli-chime": "1.0"}


def test_the_page_tells_what_the_package_has() -> None:
    page = (ROOT / "docs" / "new-engine.md").read_text(encoding="utf-8")
    assert 'chime = "tts_cli_chime.spec:CHIME"' in (FOLDER / "pyproject.toml").read_text()
    for name in ("load", "speak", "condition", "close"):
        assert re.search(rf"def {name}\(self", page)
        assert callable(getattr(Chime, name))
    # the catalog's line in the page is of the form that the catalog has
    table = (ROOT / "tts_cli" / "engines" / "catalog.py").read_text()
    assert '    "tts_cli.engines.pocket_tts.spec:POCKET",\n' in table
    assert '     "tts_cli.engines.pocket_tts.spec:POCKET",\n+    "tts_cli.engines.chime.spec:CHIME",' in page
