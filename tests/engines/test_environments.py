"""Under which python an engine runs, and environments of their own, made by the real uv and the real pip, offline."""

import sys
import sysconfig
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tts_cli.engines import catalog
from tts_cli.engines.base import Abilities, EngineSpec, Install, Requirements
from tts_cli.engines.environments import find_environment, python_of, site_packages
from tts_cli.engines.espeak.spec import ESPEAK
from tts_cli.engines.weights import engine_folder
from tts_cli.errors import MissingError
from tts_cli.install import environment_maker as installer

ADAPTER = """
import numpy as np
import warbler_sound
from tts_cli.engines.base import Speech

class Warbler:
    def load(self, device): return ()
    def close(self): pass
    def speak(self, requests):
        tone = np.sin(np.arange(8000) * warbler_sound.STEP).astype(np.float32) * 0.3
        return ((number, Speech(samples=tone, sample_rate=16000)) for number, _ in enumerate(requests))
"""


def write_wheel(folder: Path, name: str, version: str, files: dict[str, str], requires: tuple[str, ...] = ()) -> None:
    """Make an installable package; `.pth` files at its root are obeyed by the environment."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {need}\n" for need in requires)
    members = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    members[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*members, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in members.items():
            wheel.writestr(path, text)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages, the only place that uv and pip may look at."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    ours = sysconfig.get_paths()["purelib"]
    # the real ones would take seconds to copy: these point to them
    write_wheel(folder, "numpy", "2.2.0", {"host.pth": ours})
    write_wheel(folder, "soundfile", "0.13.1", {})
    write_wheel(folder, "warbler", "1.4.0", {"warbler.py": ADAPTER}, requires=("warbler-sound==1.0",))
    for version in ("1.0", "2.0"):
        write_wheel(folder, "warbler_sound", version, {"warbler_sound.py": f"STEP = {version} / 10\n"})
    for name, value in {"UV_OFFLINE": "1", "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(folder)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def warbler(monkeypatch: pytest.MonkeyPatch) -> EngineSpec:
    """An engine whose package is not installed here."""
    spec = replace(
        ESPEAK,
        name="warbler",
        adapter="warbler:Warbler",
        package="warbler",
        abilities=Abilities(),
        sample_rate=16_000,
        install=Install(
            requirements=Requirements(
                packages=("warbler>=1.2,<2",),
                modules=("warbler",),
                overrides=("warbler-sound==2.0",),  # the package itself asks for 1.0
            )
        ),
    )
    monkeypatch.setitem(catalog.BUILT_IN, "warbler", spec)
    return spec


def needing(spec: EngineSpec, requirements: Requirements) -> EngineSpec:
    return replace(spec, install=Install(requirements=requirements))


def test_an_engine_without_requirements_runs_here() -> None:
    assert python_of(ESPEAK) == sys.executable


def test_one_whose_packages_are_here_in_tested_versions_runs_here(warbler: EngineSpec) -> None:
    here = needing(warbler, Requirements(packages=("numpy>=1.26",), modules=("numpy",)))

    assert python_of(here) == sys.executable
    assert find_environment(here).versions["numpy"]


@pytest.mark.parametrize(
    ("requirements", "why"),
    [
        (Requirements(packages=("warbler>=1",), modules=("warbler",)), "warbler is not installed"),
        (Requirements(packages=("numpy>=99",), modules=()), "is not >=99, which it was tested with"),
        (Requirements(packages=("numpy",), modules=("warbler",)), "no module warbler here"),
        (Requirements(packages=(), modules=(), python=">=4"), "it wants Python >=4"),
    ],
)
def test_what_lacks_is_said(warbler: EngineSpec, requirements: Requirements, why: str) -> None:
    with pytest.raises(MissingError) as caught:
        python_of(needing(warbler, requirements))

    assert why in caught.value.message
    assert ";" not in caught.value.message  # each lack once
    assert caught.value.hint.startswith("tts-cli download warbler")


def test_nothing_is_imported_to_tell(warbler: EngineSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "explosive.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    spec = needing(warbler, Requirements(packages=(), modules=("explosive",)))

    assert python_of(spec) == sys.executable


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_download_makes_an_environment_and_render_speaks_in_it(
    cli, wheels: Path, warbler: EngineSpec, tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tool == "pip":
        monkeypatch.setattr(installer, "uv_path", lambda: None)
    elif installer.uv_path() is None:
        pytest.skip("no uv here")
    (tmp_path / "book.yaml").write_text("lines: [{text: Hello., engine: warbler}]\n")

    before = cli("render", "book.yaml")
    made = cli("download", "warbler")
    again = cli("download", "warbler", "--json")
    rendered = cli("render", "book.yaml", "--json")
    lock = (engine_folder("warbler") / "lock.txt").read_text()
    listed = next(engine for engine in cli("engines", "--json").json["engines"] if engine["name"] == "warbler")

    assert before.code == 4
    assert before.err.splitlines()[-1].strip() == "hint: tts-cli download warbler"
    assert made.code == 0, made.err
    assert ("uv is not here, pip" in made.err) == (tool == "pip")
    assert again.json["downloads"][0]["state"] == "ready"
    assert rendered.code == 0, rendered.out
    assert {"warbler==1.4.0", "warbler-sound==2.0"} <= set(lock.replace("_", "-").splitlines())
    assert listed["environment"] == "its own"
    assert listed["versions"] == {"warbler": "1.4.0"}
    assert cli("engines", "remove", "warbler").code == 0
    assert not engine_folder("warbler").exists()


def test_a_package_that_cannot_be_had_is_told_and_leaves_nothing(cli, wheels: Path, warbler: EngineSpec) -> None:
    (wheels / "warbler-1.4.0-py3-none-any.whl").unlink()

    result = cli("download", "warbler")

    assert result.code == 4
    assert "its packages cannot be installed" in result.err
    assert "hint: check the network, or set UV_INDEX_URL" in result.err
    assert site_packages(engine_folder("warbler") / "venv") is None
    assert not list(engine_folder("warbler").glob("venv*"))


def test_offline_makes_no_environment(cli, wheels: Path, warbler: EngineSpec) -> None:
    result = cli("download", "warbler", "--offline")

    assert result.code == 4
    assert "warbler is not installed" in result.err


def test_the_version_that_speaks_is_the_one_in_its_environment(cli, wheels: Path, warbler: EngineSpec) -> None:
    cli("download", "warbler")

    assert catalog.model_version(warbler) == "1.4.0"
