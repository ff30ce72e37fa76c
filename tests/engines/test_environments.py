"""Under which python an engine runs, and environments of their own, made by the real uv and the real pip, offline."""

import shutil
import sys
import sysconfig
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tts_cli.cli import download as cli_download
from tts_cli.engines import catalog
from tts_cli.engines.base import Abilities, EngineSpec, Install, Requirements
from tts_cli.engines.environments import find_environment, python_of, site_packages
from tts_cli.engines.espeak.spec import ESPEAK
from tts_cli.engines.weights import engine_folder
from tts_cli.errors import MissingError
from tts_cli.install import environment_maker, hub_files, package_tools, packages

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
    # Offline uv offers what its own cache knows of the world.
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
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
        monkeypatch.setattr(package_tools, "uv_path", lambda: None)
    elif package_tools.uv_path() is None:
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


# --- what is said beforehand ----------------------------------------------------------------------------


@pytest.fixture
def big(wheels: Path, warbler: EngineSpec, monkeypatch: pytest.MonkeyPatch) -> EngineSpec:
    """An engine that needs torch, which is here as the index has it and for the CPU."""
    write_wheel(wheels, "torch", "2.13.0", {"torch.py": "", "cuda.bin": "x" * 3_000_000})
    requirements = Requirements(
        packages=("warbler>=1.2,<2", "torch>=2.10"),
        modules=("warbler", "torch"),
        overrides=("warbler-sound==2.0",),
        megabytes=2800,
        megabytes_cpu=300,
    )
    spec = needing(warbler, requirements)
    monkeypatch.setitem(catalog.BUILT_IN, "warbler", spec)
    return spec


def test_what_will_be_fetched_is_said_before_it_is(cli, wheels: Path, big: EngineSpec) -> None:
    told = cli("download", "warbler").err.splitlines()

    size = sum(path.stat().st_size for path in wheels.iterdir() if "sound-1" not in path.name)
    number = next(number for number, line in enumerate(told) if line.startswith("warbler: 5 packages, 3.0 MB, torch"))
    assert 2.95e6 < size < 3.05e6
    assert told[number + 1] == "to fetch: 3.0 MB in all"
    assert f"on the disk of {engine_folder('warbler').parents[1]}: about 9." in told[number + 2]
    assert "free" in told[number + 2]
    assert told[number + 3].startswith("making an environment with uv")


@pytest.mark.parametrize(
    ("driver", "options", "wanted"),
    [(False, (), "cpu"), (True, (), ""), (False, ("--torch", "index"), ""), (True, ("--torch", "cpu"), "cpu")],
    ids=["no driver", "driver", "no driver, index", "driver, cpu"],
)
def test_without_cuda_torch_is_for_the_cpu(
    cli, big: EngineSpec, monkeypatch: pytest.MonkeyPatch, driver: bool, options, wanted: str
) -> None:
    monkeypatch.setattr(packages.sys, "platform", "linux")
    monkeypatch.setattr(packages, "DRIVER", Path("driver"))
    if driver:
        Path("driver").touch()
    asked = []
    run = package_tools.run

    def listen(command, *others):
        asked.append(command)
        return run(command, *others)

    monkeypatch.setattr(package_tools, "run", listen)

    result = cli("download", "warbler", *options)

    told = [command[command.index("--torch-backend") + 1] for command in asked if "--torch-backend" in command]
    assert result.code == 0, result.err
    assert told == ([wanted, wanted] if wanted else [])  # as it is looked up, and as it is installed
    assert ("torch for the CPU" in result.err) == bool(wanted)


def test_pip_takes_torch_for_the_cpu_too(cli, big: EngineSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "DRIVER", tmp_path / "none")
    monkeypatch.setattr(package_tools, "uv_path", lambda: None)
    asked = []
    monkeypatch.setattr(package_tools, "run", lambda command, *_: asked.append(command) or "")

    told = cli("download", "warbler").err

    assert "warbler: packages, 300 MB, torch for the CPU" in told
    (install,) = [command for command in asked if "install" in command and "--no-deps" not in command]
    assert install[install.index("--extra-index-url") + 1] == packages.TORCH_CPU_INDEX


def test_an_unknown_torch_is_a_usage_error(cli, big: EngineSpec) -> None:
    result = cli("download", "warbler", "--torch", "tpu")

    assert result.code == 2
    assert "one of: cpu, index" in result.err


def test_an_index_of_torch_that_is_out_of_reach_says_what_else_there_is(
    cli, big: EngineSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "DRIVER", tmp_path / "none")
    for name in ("UV_OFFLINE", "UV_NO_INDEX"):
        monkeypatch.delenv(name)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_DEFAULT_INDEX", (tmp_path / "wheels").as_uri())

    result = cli("download", "warbler")

    assert result.code == 4
    assert packages.TORCH_CPU_INDEX in result.err
    assert "--torch index" in result.err
    assert site_packages(engine_folder("warbler") / "venv") is None


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 130), (b"y\n", 0)])
def test_a_person_is_asked_before_more_than_a_gigabyte(
    cli, big: EngineSpec, monkeypatch: pytest.MonkeyPatch, answer: bytes, code: int
) -> None:
    monkeypatch.setattr(cli_download, "ASK_ABOVE", 2_900_000)

    result = cli("download", "warbler", stdin=answer, terminal=True)

    assert result.code == code
    assert "go on?" in result.err
    assert (site_packages(engine_folder("warbler") / "venv") is not None) == (code == 0)


@pytest.mark.parametrize("why", ["yes", "json", "no terminal", "small"])
def test_nobody_is_asked(cli, big: EngineSpec, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    monkeypatch.setattr(cli_download, "ASK_ABOVE", 10**7 if why == "small" else 1)
    options = {"yes": ["--yes"], "json": ["--json"]}.get(why, [])

    result = cli("download", "warbler", *options, stdin=b"n\n", terminal=why != "no terminal")

    assert result.code == 0, result.err
    assert "go on?" not in result.err


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    cli, big: EngineSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(".")
    # Enough to fetch, not enough to unpack.
    free = hub_files.SPARE_BYTES + 5_000_000
    monkeypatch.setattr(hub_files.shutil, "disk_usage", lambda _: usage._replace(free=free))

    result = cli("download", "warbler")

    assert result.code == 4
    assert f"and {engine_folder('warbler').parents[1]} has 0.3 GB free" in result.err
    assert "making an environment" not in result.err
    assert not (engine_folder("warbler") / "venv").exists()


def test_the_versions_that_were_announced_are_the_ones_that_come(
    cli, wheels: Path, warbler: EngineSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer one may appear in between."""
    resolve = packages.resolve

    def resolve_then_release(*arguments):
        found = resolve(*arguments)
        write_wheel(wheels, "warbler", "1.5.0", {"warbler.py": ADAPTER})
        return found

    monkeypatch.setattr(packages, "resolve", resolve_then_release)

    assert cli("download", "warbler").code == 0
    assert catalog.model_version(warbler) == "1.4.0"


def test_two_names_of_one_engine_make_one_environment(cli, wheels: Path, warbler: EngineSpec) -> None:
    result = cli("download", "warbler", "warbler", "--json")

    assert [found["state"] for found in result.json["downloads"]] == ["made"]


def test_list_counts_packages(cli, big: EngineSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for driver, megabytes in ((tmp_path / "none", 300), (tmp_path, 2800)):
        monkeypatch.setattr(packages, "DRIVER", driver)
        rows = cli("download", "--list", "--json").json["packages"]
        (row,) = [row for row in rows if row["name"] == "warbler"]

        assert (row["megabytes"], row["here"]) == (megabytes, False)
    cli("download", "warbler")
    (row,) = [row for row in cli("download", "--list", "--json").json["packages"] if row["name"] == "warbler"]
    assert row["here"]


def test_progress_is_told_package_by_package(tmp_path: Path) -> None:
    lines = []
    package_tools.run(
        [sys.executable, "-c", "import sys; print('out'); print(' Downloaded torch', file=sys.stderr)"],
        "it fails",
        tmp_path,
        lines.append,
    )

    assert lines == [" Downloaded torch\n"]
    assert packages_here(lines) == [(7, 9)]


def packages_here(lines: list[str]) -> list[tuple[int, int]]:
    counted: list[tuple[int, int]] = []
    hear = environment_maker.counter({"torch": 7, "numpy": 2}, lambda *numbers: counted.append(numbers))
    for line in lines:
        hear(line)
    return counted
