"""Every import of the tool is of the standard library, of itself, or of a package that is declared."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tts_cli.engines.catalog import engine_names, get_spec

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# The extra of those who work on the tool: nobody who uses it has its packages.
NOT_FOR_USERS = "dev"


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level module of each import of a file, also of those inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def names(*requirements: str) -> set[str]:
    return {canonicalize_name(Requirement(requirement).name) for requirement in requirements}


def declared() -> set[str]:
    """Return the distributions that pyproject's dependencies and extras, and the engines' requirements, name."""
    extras = [packages for extra, packages in PROJECT["optional-dependencies"].items() if extra != NOT_FOR_USERS]
    found = names(*PROJECT["dependencies"], *(package for packages in extras for package in packages))
    for requirements in (get_spec(name).install.requirements for name in engine_names()):
        if requirements:
            found |= names(*requirements.packages, *requirements.optional)
    return found


@pytest.fixture(scope="module")
def brings(optional_packages: dict[str, str]) -> dict[str, set[str]]:
    """Modules -> the distributions that bring them: as installed here, else by the table of optional ones."""
    here = {module: names(*packages) for module, packages in metadata.packages_distributions().items()}
    return {**{module: names(package) for module, package in optional_packages.items()}, **here}


def test_every_import_is_declared(brings: dict[str, set[str]]) -> None:
    ours = {*sys.stdlib_module_names, "tts_cli"}
    wanted = {(name, path.name) for path in sorted((ROOT / "tts_cli").rglob("*.py")) for name in imported(path)}
    assert {"torch", "httpx2", "yaml"} <= {name for name, _ in wanted}
    assert [
        (name, path) for name, path in sorted(wanted) if name not in ours and not brings.get(name, set()) & declared()
    ] == []


def test_the_check_sees_imports_inside_functions(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import os.path, json\ndef f():\n    from torch.nn import Linear\n")
    assert set(imported(tmp_path / "a.py")) == {"os", "json", "torch"}


def test_the_table_of_optional_packages_tells_the_truth(optional_packages: dict[str, str]) -> None:
    here = metadata.packages_distributions()
    wrong = {
        name: here[name]
        for name, package in optional_packages.items()
        if not names(package) <= names(*here.get(name, [package]))
    }
    assert wrong == {}


def test_what_the_readme_installs_is_not_called_optional(optional_packages: dict[str, str]) -> None:
    assert names(*optional_packages.values()) <= declared() - names(*PROJECT["dependencies"])


@pytest.mark.parametrize("name", [name for name in engine_names() if get_spec(name).install.requirements])
def test_an_extra_installs_what_the_engine_requires(name: str) -> None:
    requirements = get_spec(name).install.requirements
    assert requirements is not None
    always = names(*PROJECT["dependencies"])
    extras = [names(*extra) - always for extra in PROJECT["optional-dependencies"].values()]
    assert names(*requirements.packages) - always in extras


def test_a_test_that_does_not_say_so_has_no_optional_packages(optional_packages: dict[str, str]) -> None:
    assert all(name in sys.modules and sys.modules[name] is None for name in optional_packages)


@pytest.mark.needs("torch")
def test_a_test_that_says_so_has_them() -> None:
    import torch

    assert torch.zeros(2).shape == (2,)
