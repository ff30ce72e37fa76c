"""Delivery recipes as data: found in ./recipes, in the home folder, in the installed package; the first one wins."""

from pathlib import Path

from tts_cli.audio.containers import format_fault
from tts_cli.errors import InputError, UnknownNameError
from tts_cli.formats.decode import decode, fault, read_bytes
from tts_cli.formats.fields import Names
from tts_cli.formats.records import read_mapping, validated
from tts_cli.formats.schema import RecipeFields
from tts_cli.formats.yaml_tree import Marks, read_yaml
from tts_cli.settings import packaged
from tts_cli.types import FitRules, Problem, Recipe

SUFFIX = ".yaml"

_NAMES = Names(dict.fromkeys(RecipeFields.__annotations__, ""))


def find_recipe(name_or_path: str, home: Path) -> Recipe:
    """Return a recipe by its name, or from the file at a path that ends in .yaml or has a folder in it.

    Raises `UnknownNameError` for a name that no folder has, and `InputError` for a file that is missing or invalid.
    """
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path or "\\" in name_or_path:
        return _read(Path(name_or_path))
    paths = _paths(home)
    if name_or_path not in paths:
        raise UnknownNameError("recipe", name_or_path, paths)
    return _read(paths[name_or_path])


def list_recipes(home: Path) -> tuple[Recipe, ...]:
    """Return every recipe that has a name, sorted; raises `InputError` for an invalid one."""
    return tuple(_read(path) for _, path in sorted(_paths(home).items()))


def _paths(home: Path) -> dict[str, Path]:
    """Return the recipe files by name."""
    paths: dict[str, Path] = {}
    for folder in (Path("recipes"), home / "recipes", *packaged("recipes")):
        if folder.is_dir():
            for path in sorted(folder.glob(f"*{SUFFIX}")):
                paths.setdefault(path.stem, path)
    return paths


def _read(path: Path) -> Recipe:
    name = str(path)
    tree = read_yaml(decode(read_bytes(name), name), name)
    if not isinstance(tree.data, dict) or not isinstance(tree.marks, Marks):
        raise fault(name, 1, 1, "is not a recipe", f"known keys: {', '.join(sorted(_NAMES.fields))}")
    problems: list[Problem] = []
    record = read_mapping(name, tree.data, tree.marks, _NAMES, problems)
    entry = validated(RecipeFields, _NAMES, [record], problems)[0]
    if not problems:
        fit = FitRules(**entry.values["fit"]) if "fit" in entry.values else None
        recipe = Recipe(name=path.stem, **{**entry.values, "fit": fit})
        if found := format_fault(recipe):
            problems.append(Problem(entry.at(found[0]), found[1]))
        if recipe.fit and recipe.split == "chapter":
            problems.append(Problem(entry.at("fit"), "a dub is one programme", "add `split: programme`"))
    if problems:
        raise InputError(sorted(problems, key=lambda problem: (problem.source.line, problem.source.column)))
    return recipe
