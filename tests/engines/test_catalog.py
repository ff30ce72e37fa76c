"""The table of engines, third parties' included, and what it costs to read."""

import subprocess
import sys
from pathlib import Path

import pytest

from tts_cli.engines import catalog
from tts_cli.engines.base import EngineSpec
from tts_cli.engines.catalog import engine_names, get_spec, package_version, resolve_voice
from tts_cli.errors import MissingError, UnknownNameError

ROOT = Path(__file__).parents[2]
SPEC = """
from tts_cli.engines.base import EngineSpec
SPEC = EngineSpec(name="humming", summary="hums", adapter="hum:Hum", version=1, package="hum", voices=tuple,
                  resolve=lambda voice, language: voice, sample_rate=8000, subtype="PCM_16")
OTHER = 5
"""


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Install a distribution "hum" with a module and an entry point, as pip would."""

    def install(module: str, target: str, name: str = "humming") -> None:
        (tmp_path / "hum.py").write_text(module)
        metadata = tmp_path / "hum-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hum\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[tts_cli.engines]\n{name} = {target}\n")
        monkeypatch.syspath_prepend(tmp_path)
        forget()

    yield install
    monkeypatch.undo()
    sys.modules.pop("hum", None)
    forget()


def forget():
    for cached in (catalog._entry_points, catalog._third_party, catalog._version):
        cached.cache_clear()


def test_the_built_in_engines_are_there():
    assert engine_names()[:3] == ("espeak", "tone", "recording")
    espeak = get_spec("espeak")
    assert (espeak.sample_rate, espeak.subtype, espeak.execution.stochastic) == (22_050, "PCM_16", False)
    assert package_version(espeak)[0].isdigit()
    assert package_version(get_spec("recording"))[0].isdigit()


def test_names_are_those_of_the_specs():
    assert all(get_spec(name).name == name for name in engine_names())


def test_an_unknown_engine_is_refused_with_a_hint():
    with pytest.raises(UnknownNameError, match="unknown engine 'espaek'") as caught:
        get_spec("espaek")
    assert caught.value.hint == "did you mean 'espeak'?"


def test_voices_are_listed_and_resolved_through_the_spec():
    espeak = get_spec("espeak")
    assert {"de", "+f3"} <= {voice.name for voice in espeak.voices()}
    assert resolve_voice(espeak, "f3", "de-AT") == "de+f3"
    with pytest.raises(UnknownNameError, match="unknown voice"):
        resolve_voice(espeak, "f33", "de")
    assert resolve_voice(get_spec("recording"), "anything", "de") == ""


def test_a_third_partys_engine_is_found(install):
    install(SPEC, "hum:SPEC")
    assert "humming" in engine_names()
    spec = get_spec("humming")
    assert isinstance(spec, EngineSpec)
    assert spec.sample_rate == 8000
    assert package_version(spec) == "1.0"


@pytest.mark.parametrize(
    ("module", "target", "message"),
    [
        ("import no_such_module_at_all", "hum:SPEC", "No module named 'no_such_module_at_all'"),
        ("", "hum:SPEC", "has no attribute 'SPEC'"),
        (SPEC, "hum:OTHER", "hum:OTHER is not an EngineSpec of the name 'humming'"),
        (SPEC.replace("sample_rate=8000, ", ""), "hum:SPEC", "missing 1 required keyword-only argument"),
        (SPEC.replace('name="humming"', 'name="singing"'), "hum:SPEC", "not an EngineSpec of the name 'humming'"),
        ("def broken(:", "hum:SPEC", "SyntaxError"),
    ],
)
def test_a_broken_third_party_costs_only_its_own_engine(install, module, target, message):
    install(module, target)
    assert "humming" in engine_names()
    assert get_spec("espeak").name == "espeak"
    with pytest.raises(MissingError, match="the engine humming cannot be used") as caught:
        get_spec("humming")
    assert message in caught.value.message
    assert caught.value.hint == "update or uninstall hum, which brings this engine"


def test_a_third_party_cannot_take_a_built_in_name(install):
    install(SPEC, "hum:SPEC", name="espeak")
    assert engine_names().count("espeak") == 1
    assert get_spec("espeak").package == "espeakng-loader"


def test_a_package_that_is_not_installed_is_named(install):
    install(SPEC.replace('package="hum"', 'package="hum-weights"'), "hum:SPEC")
    with pytest.raises(MissingError, match="hum-weights is not installed"):
        package_version(get_spec("humming"))


def test_reading_the_catalog_loads_nothing_heavy():
    code = (
        "import sys; sys.path.append(sys.argv[1]); from tts_cli.engines.catalog import *; spec = get_spec('espeak')\n"
        "resolve_voice(spec, 'f3', 'en'); emotions = spec.emotions\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), 'importlib.metadata' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code, str(ROOT)], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert not {"numpy", "soundfile", "scipy", "pandas", "torch", "yaml", "pydantic", "typer"} & set(loaded)
    assert loaded[-1] == "False"
