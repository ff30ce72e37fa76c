"""Delivery recipes as data: found in ./recipes, in the home folder, in the installed package; the first one wins."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import get_type_hints

from tts_cli.audio.io.containers import FORMATS, format_fault
from tts_cli.errors import InputError, Problem, UnknownNameError
from tts_cli.formats.decode import decode, fault, read_bytes
from tts_cli.formats.fields import Names
from tts_cli.formats.records import Entry, Record, ScalarLocation, read_mapping, validated
from tts_cli.formats.schema import DeliveryFields, RecipeFields
from tts_cli.formats.values import DELIVERY_FIELDS, unknown_field
from tts_cli.formats.yaml_tree import Mark, Marks, Node, read_yaml
from tts_cli.recipe import Delivery, FitRules, Recipe
from tts_cli.settings import packaged

SUFFIX = ".yaml"
SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "subtitles": (".srt", ".vtt", ".ass", ".json"),
    "index": (".csv", ".json"),
    "unreal": (".csv",),
    "wwise": (".tsv", ".txt"),
    "labels": (".txt",),
    "lines": (".wav", ".flac"),
    "timing": (".csv",),
    "mix": (".wav",),
    "film": (".mp4", ".m4v", ".mov", ".mkv"),
}
"""How the files of each kind may end; of all others, as a format does that holds sound."""

_NAMES = Names(dict.fromkeys((*get_type_hints(RecipeFields), "deliver"), ""))
_DELIVERY_NAMES = Names(dict.fromkeys(get_type_hints(DeliveryFields), ""))
_NOT_SOUND = ("kind", "file", "require", "seconds", "formulas")


def find_recipe(name_or_path: str, home: Path) -> Recipe:
    """Return a recipe by its name, or from the file at a path that ends in .yaml or has a folder in it.

    Raises `UnknownNameError` for a name that no folder has, and `InputError` for a file that is missing or invalid.
    """
    return _read(recipe_file(name_or_path, home))


def recipe_file(name_or_path: str, home: Path) -> Path:
    """Return where a recipe is read from; raises `UnknownNameError` for a name that no folder has."""
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path or "\\" in name_or_path:
        return Path(name_or_path)
    paths = _paths(home)
    if name_or_path not in paths:
        raise UnknownNameError("recipe", name_or_path, paths)
    return paths[name_or_path]


def list_recipes(home: Path) -> tuple[Recipe, ...]:
    """Return every recipe that has a name, sorted; raises `InputError` for an invalid one."""
    return tuple(_read(path) for _, path in sorted(_paths(home).items()))


def recipe_names(home: Path) -> tuple[str, ...]:
    """Return the names of all recipes, sorted; none is read."""
    return tuple(sorted(_paths(home)))


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
    fields = dict(record.fields)
    deliver = fields.pop("deliver", [])
    entry = validated(RecipeFields, _NAMES, [Record(fields, record.place)], problems)[0]
    fit = FitRules(**entry.values["fit"]) if "fit" in entry.values and not problems else None
    # With faults the defaults stand in, so that later checks have a whole recipe to look at.
    recipe = Recipe(name=path.stem, **{**({} if problems else entry.values), "fit": fit})
    if found := format_fault(recipe):
        problems.append(Problem(entry.at(found[0]), found[1]))
    if recipe.fit and recipe.split == "chapter":
        problems.append(Problem(entry.at("fit"), "a dub is one programme", "add `split: programme`"))
    if deliver:
        marks = record.place.mark("deliver")
        recipe = replace(recipe, deliver=_read_deliveries(name, deliver, marks, recipe, problems))
    if problems:
        raise InputError(sorted(problems, key=lambda problem: (problem.source.line, problem.source.column)))
    return recipe


def _read_deliveries(
    path: str, node: Node, marks: Mark | Marks, recipe: Recipe, problems: list[Problem]
) -> tuple[Delivery, ...]:
    if not isinstance(node, list) or not isinstance(marks, Marks):
        problems.append(Problem(ScalarLocation(path, marks).at(), "deliver: must be a list of files"))
        return ()
    records = []
    for index, item in enumerate(node):
        mark = marks.items[index]
        if isinstance(item, dict) and isinstance(mark, Marks):
            records.append(read_mapping(path, item, mark, _DELIVERY_NAMES, problems))
        else:
            hint = "write {kind: programme, file: x.m4b}"
            problems.append(Problem(ScalarLocation(path, mark).at(), "deliver: each needs `kind` and `file`", hint))
    entries = validated(DeliveryFields, _DELIVERY_NAMES, records, problems)
    deliveries: dict[str, Delivery] = {}
    for entry in entries:
        if entry.is_faulty:
            continue
        delivery = _delivery(entry, recipe, problems)
        # Names that differ in case alone are one file on some systems.
        if deliveries.setdefault(delivery.file.casefold(), delivery) is not delivery:
            problems.append(Problem(entry.at("file"), f"file: {delivery.file!r} is delivered twice"))
    return tuple(deliveries.values())


def _delivery(entry: Entry, recipe: Recipe, problems: list[Problem]) -> Delivery:
    """Make a delivery; its file's suffix says what format it has, and `file` without one is a fault."""
    own = {name: value for name, value in entry.values.items() if name not in _NOT_SOUND}
    kind, file = entry.values.get("kind"), entry.values.get("file", "")
    suffix = PurePath(file).suffix.lower()
    # A delivery inherits the recipe's sound, but delivers nothing further itself.
    sound = replace(recipe, deliver=(), format=FORMATS.get(suffix, recipe.format), **own)
    known = SUFFIXES.get(kind or "", tuple(FORMATS))
    if kind is None or suffix not in known:
        message = "kind: is missing" if kind is None else f"file: must end in {', '.join(known)}"
        problems.append(Problem(entry.at("file" if kind else ""), message))
    elif suffix in FORMATS and (found := format_fault(sound)):
        problems.append(Problem(entry.at(found[0]), found[1]))
    if kind != "lines" and (unknown := unknown_field(file, DELIVERY_FIELDS)):
        problems.append(Problem(entry.at("file"), f"file: {unknown[0]}", unknown[1]))
    if kind == "chapters" and recipe.split != "chapter":
        problems.append(Problem(entry.at("kind"), "kind: chapters are made only with `split: chapter`"))
    more = {name: entry.values[name] for name in ("require", "seconds", "formulas") if name in entry.values}
    return Delivery(kind=kind or "programme", file=file, sound=sound, **more)
