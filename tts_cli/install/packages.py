"""Which packages an engine's environment will have, and how many bytes they are, before any of them is fetched."""

import os
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement

from tts_cli.engines.base import EngineSpec, Requirements
from tts_cli.engines.environments import WORKER_PACKAGES, suits_this_python
from tts_cli.engines.weights import engine_folder
from tts_cli.errors import MissingError
from tts_cli.install import package_tools

# Torch for the CPU, from PyTorch's own index, or as the index of packages has it: on Linux with 2.7 GB of CUDA.
Torch = Literal["cpu", "index"]
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# What a driver leaves where there is a GPU to run on.
DRIVER = Path("/proc/driver/nvidia/version")
# How much larger wheels are when unpacked, measured: CUDA's 1.8 to 2, others 2.9.
_UNPACKED, _UNPACKED_CUDA = 3, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """What will be installed: `pins` name the version of each package, `sizes` the bytes to fetch of each.

    Without uv both are empty, and `size` is what the spec says. `torch` is "" where no torch is wanted.
    """

    requirements: Requirements
    python: str
    torch: Torch | Literal[""]
    size: int
    pins: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_cuda(self) -> bool:
        """Whether CUDA's libraries are among them."""
        return any(name.startswith("nvidia-") for name in self.sizes)

    @property
    def disk(self) -> int:
        """About the bytes that they take when they are installed."""
        return self.size * (_UNPACKED_CUDA if self.has_cuda else _UNPACKED)


def choose_torch(requirements: Requirements, wish: Torch | None = None) -> Torch | Literal[""]:
    """Return where an engine's torch comes from: as wished, else for the CPU on a Linux without an NVIDIA driver.

    Elsewhere the index's torch is for the CPU, or for the machine's own GPU.
    """
    if not any(Requirement(package).name == "torch" for package in requirements.packages):
        return ""
    return wish or ("cpu" if sys.platform == "linux" and not DRIVER.exists() else "index")


def usual_megabytes(requirements: Requirements, torch: Torch | Literal[""]) -> int:
    """Return about how many MB are fetched, as measured when the engine was tested."""
    return requirements.megabytes_cpu if torch == "cpu" else requirements.megabytes


def resolve(spec: EngineSpec, requirements: Requirements, wish: Torch | None = None) -> Packages:
    """Ask the index for what an engine needs, but for no package itself; raises `MissingError`."""
    torch = choose_torch(requirements, wish)
    uv = package_tools.uv_path()
    if uv is None:
        size = usual_megabytes(requirements, torch) * 10**6
        return Packages(requirements=requirements, python=sys.executable, torch=torch, size=size)
    folder = engine_folder(spec.name)
    folder.mkdir(parents=True, exist_ok=True)
    python = find_python(uv, requirements, folder)
    try:
        lock = _ask(uv, folder, python, torch, requirements)
    except MissingError as error:
        if torch == "cpu" and TORCH_CPU_INDEX in error.message:
            hint = "check the network, or take torch from your own index: --torch index (with CUDA it may be 2.7 GB)"
            raise MissingError(error.message, hint=hint) from error
        raise
    found = tomllib.loads(lock)["packages"]
    sizes = {one["name"]: _size(one, folder) for one in found}
    pins = tuple(f"{one['name']}=={one['version']}" for one in found if "version" in one)
    return Packages(
        requirements=requirements, python=python, torch=torch, pins=pins, sizes=sizes, size=sum(sizes.values())
    )


def _ask(uv: str, folder: Path, python: str, torch: Torch | Literal[""], requirements: Requirements) -> str:
    """Return uv's lock of all that the packages need in turn: the text of a pylock.toml."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        wanted, overrides = Path(scratch, "wanted.txt"), Path(scratch, "overrides.txt")
        _write(wanted, (*WORKER_PACKAGES, *requirements.packages))
        _write(overrides, requirements.overrides)
        target = ["--python" if Path(python).is_absolute() else "--python-version", python]
        ask = [uv, "pip", "compile", "--quiet", "--color", "never", "--format", "pylock.toml", *target]
        told = ["--overrides", str(overrides), *torch_options(torch), str(wanted)]
        return package_tools.run([*ask, *told], "its packages cannot be installed", folder)


def torch_options(torch: Torch | Literal[""]) -> list[str]:
    """Return what uv is told of torch; who has set UV_TORCH_BACKEND has told it already."""
    return ["--torch-backend", "cpu"] if torch == "cpu" and not os.environ.get("UV_TORCH_BACKEND") else []


def find_python(uv: str, requirements: Requirements, folder: Path) -> str:
    """Return the path of a Python that suits, ours first, or the version of one that uv will have to fetch."""
    if suits_this_python(requirements):
        return sys.executable
    try:
        find = [uv, "python", "find", "--no-python-downloads", requirements.python]
        return package_tools.run(find, "no Python suits", folder).strip()
    except MissingError:
        from packaging.specifiers import SpecifierSet

        versions = (f"3.{minor}" for minor in range(sys.version_info.minor + 4, 10, -1))
        suiting = (one for one in versions if SpecifierSet(requirements.python).contains(f"{one}.99"))
        if (version := next(suiting, None)) is None:
            raise MissingError(f"there is no Python {requirements.python}") from None
        return version


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _size(package: Mapping[str, Any], folder: Path) -> int:
    """Return how large a package's file is; of several wheels that fit, the largest counts."""
    files = package.get("wheels") or [package.get("sdist") or package.get("archive") or {}]
    return max(file.get("size") or _size_here(file, folder) for file in files)


def _size_here(file: Mapping[str, Any], folder: Path) -> int:
    place = file.get("path") or ""
    if (url := urlsplit(file.get("url") or "")).scheme == "file":
        place = unquote(url.path)
    path = folder / place
    return path.stat().st_size if place and path.is_file() else 0
