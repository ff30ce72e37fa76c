"""Write the tables of the documentation that follow from the code: `python docs/tables.py`, or `just docs`.

A page has a place for each, between `<!-- table: NAME -->` and `<!-- end -->`. A test fails where a page is stale.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import get_args, get_type_hints

import typer
import yaml

from tts_cli.audio.mastering.effects import EFFECTS
from tts_cli.cli import app
from tts_cli.engines.base import EngineSpec, Param
from tts_cli.engines.catalog import BUILT_IN
from tts_cli.engines.recording.spec import RECORDING
from tts_cli.errors import ExitCode
from tts_cli.formats import fields
from tts_cli.formats.recipes import SUFFIXES, list_recipes
from tts_cli.formats.schema import RecipeFields
from tts_cli.pipeline.model import Reason
from tts_cli.pipeline.takes.quality_check import TABLE
from tts_cli.recipe import DeliveryKind, FitRules, MeasureName, Recipe
from tts_cli.types import Pauses

FOLDER = Path(__file__).parent
PAGES = (FOLDER.parent / "README.md", *sorted(FOLDER.glob("*.md")))
PLACE = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

DESCRIPTIONS = yaml.safe_load((FOLDER / "descriptions.yaml").read_text(encoding="utf-8"))

Row = Sequence[str]


def table(head: Row, rows: Iterable[Row]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def code(words: Iterable[str], parted: str = " ") -> str:
    """Return words as Markdown code; nothing where there are none."""
    joined = parted.join(words)
    return f"`{joined}`" if joined else ""


def described(kind: str, names: Iterable[str]) -> list[Row]:
    """Pair names with what is said of them; a name that nobody describes is an error, and so is one too many."""
    docs, wanted = DESCRIPTIONS[kind], list(names)
    if wanted != list(dict.fromkeys(wanted)) or set(wanted) != set(docs):
        raise SystemExit(f"in descriptions.yaml or in the code, but not in both: {sorted(docs.keys() ^ set(wanted))}")
    return [(name, docs[name]) for name in wanted]


def line_fields() -> str:
    """Every field of a line, its aliases, whether it may stand higher up, and whether it is in a take's key."""
    return fields.line_table()


def ordered(names: fields.Names) -> list[str]:
    """Return the names that one kind of record knows, in the order of the code."""
    return names._shown[: len(names.fields)]


def aliases(names: fields.Names, name: str) -> list[str]:
    """Return what else a field may be called."""
    return [other for other in names._shown if other != name and names.field_of(other) == name]


def pauses() -> str:
    """Every pause and its default."""
    rows = [
        (code([pause.name]), "like `paragraph`" if pause.default is None else f"{pause.default:g} s")
        for pause in dataclass_fields(Pauses)
    ]
    return table(("after", "pause"), rows)


def engines() -> str:
    """Every engine."""
    rows = [(code([spec.name]), spec.summary, spec.licence) for spec in _speaking()]
    return table(("engine", "what it is", "licence"), rows)


def params() -> str:
    """Every parameter of every engine."""
    rows = [
        (code([spec.name]), code([name]), _default(param), _range(param), param.doc)
        for spec in _speaking()
        for name, param in spec.params.items()
    ]
    return table(("engine", "parameter", "default", "values", "is"), rows)


def emotions() -> str:
    """What each engine with a table of emotions makes of each."""
    specs = [spec for spec in _speaking() if spec.emotions]
    names = dict.fromkeys(name for spec in specs for name in spec.emotions)
    rows = [
        (code([name]), *(spec.emotions[name].description if name in spec.emotions else "" for spec in specs))
        for name in names
    ]
    return table(("emotion", *(code([spec.name]) for spec in specs)), rows)


def weights() -> str:
    """Everything that `download` can get."""
    found: dict[str, list[tuple[int, str, str, bool]]] = {}
    rows: list[Row] = []
    for spec in _speaking():
        if needs := spec.install.requirements:
            small = f"{needs.megabytes_cpu:,}, with CUDA " if needs.megabytes_cpu else ""
            name, packages = code([spec.name]), code(needs.packages, "`, `")
            rows.append((f"{name} packages", f"{small}{needs.megabytes:,}", "each its own", packages))
        for part in spec.install.weights:
            name = f"{spec.name}:{part.part}" if part.part else spec.name
            found.setdefault(name, []).append((part.megabytes, part.licence, part.doc or spec.summary, part.gated))
    for spec in _speaking():
        if opened := spec.install.open_parts:
            found[f"{spec.name}:{opened.name}"] = [(opened.megabytes, opened.licence, opened.doc, False)]
    rows += [
        (
            code([name]),
            f"{sum(part[0] for part in parts):,}",
            parts[0][1] + (", must be accepted first" if any(part[3] for part in parts) else ""),
            parts[0][2],
        )
        for name, parts in found.items()
    ]
    return table(("name", "MB", "licence", "what for"), rows)


def recipes() -> str:
    """Every recipe that we bring."""
    ours = [recipe for recipe in list_recipes(FOLDER) if recipe.name != "default" or recipe.description]
    return table(("recipe", "is"), [(code([recipe.name]), recipe.description) for recipe in ours])


def recipe_keys() -> str:
    """Every key of a recipe and its default."""
    values = {field.name: field.default for field in dataclass_fields(Recipe)}
    rows = [
        (code([name]), code([f"{values[name]}"]) if values[name] not in ("", None, ()) else "", doc)
        for name, doc in described("recipe", (*get_type_hints(RecipeFields), "deliver"))
    ]
    return table(("key", "default", "is"), rows)


def fit_keys() -> str:
    """Every key of a recipe's `fit` and its default."""
    values = {field.name: field.default for field in dataclass_fields(FitRules)}
    rows = [(code([name]), code([f"{values[name]}"]), doc) for name, doc in described("fit", values)]
    return table(("key", "default", "is"), rows)


def kinds() -> str:
    """Every kind of file that a recipe delivers, and how its name may end."""
    sound = (".wav", ".flac", ".mp3", ".m4a", ".m4b", ".mka", ".opus")
    rows = [(code([kind]), code(SUFFIXES.get(kind, sound))) for kind in get_args(DeliveryKind)]
    return table(("kind", "file names end in"), rows)


def thresholds() -> str:
    """Every threshold of the signal checks."""
    rows = [
        (code([name]), f"{getattr(TABLE, name):g}", doc)
        for name, doc in described("thresholds", (field.name for field in dataclass_fields(TABLE)))
    ]
    return table(("threshold", "value", "is"), rows)


def exit_codes() -> str:
    """Every exit code."""
    rows = [
        (str(int(ExitCode[name])), doc) for name, doc in described("exit_codes", (found.name for found in ExitCode))
    ]
    return table(("exit code", "means"), rows)


def reasons() -> str:
    """Every reason to render a line."""
    return table(("reason", "means"), [(code([name]), doc) for name, doc in described("reasons", map(str, Reason))])


def commands() -> str:
    """Every command and what it says of itself."""
    rows = []
    for name, command in typer.main.get_command(app.app).commands.items():
        subs = getattr(command, "commands", {})
        rows.append((code([f"tts-cli {name}"]), (command.help or "").split("\n")[0]))
        rows += [(code([f"tts-cli {name} {sub}"]), (found.help or "").split("\n")[0]) for sub, found in subs.items()]
    return table(("command", "what it does"), rows)


def keys(names: fields.Names) -> str:
    """The keys of one kind of record, with what else each may be called, in one paragraph."""
    shown = []
    for name in ordered(names):
        also = aliases(names, name)
        shown.append(f"`{name}`" + (f" (also {code(also)})" if also else ""))
    return f"{', '.join(shown)}\n"


def _speaking() -> tuple[EngineSpec, ...]:
    return tuple(spec for spec in BUILT_IN.values() if spec.name != RECORDING.name)


def _default(param: Param) -> str:
    return param.default if isinstance(param.default, str) else f"{param.default:g}"


def _range(param: Param) -> str:
    return code(param.choices) if isinstance(param.default, str) else f"{param.low:g} to {param.high:g}"


TABLES: Mapping[str, Callable[[], str]] = {
    "line-fields": line_fields,
    "project-keys": lambda: keys(fields.PROJECT),
    "top-keys": lambda: keys(fields.TOP),
    "speaker-keys": lambda: keys(fields.SPEAKER),
    "chapter-keys": lambda: keys(fields.CHAPTER),
    "emotion-keys": lambda: keys(fields.EMOTION),
    "voice-keys": lambda: keys(fields.VOICE),
    "bare-params": lambda: f"{code(sorted(fields.BARE_PARAMS))}\n",
    "pauses": pauses,
    "engines": engines,
    "params": params,
    "emotions": emotions,
    "weights": weights,
    "recipes": recipes,
    "recipe-keys": recipe_keys,
    "fit-keys": fit_keys,
    "kinds": kinds,
    "measures": lambda: f"{code(get_args(MeasureName))}\n",
    "effects": lambda: f"{code(EFFECTS)}\n",
    "thresholds": thresholds,
    "exit-codes": exit_codes,
    "reasons": reasons,
    "commands": commands,
}


def fill(page: str) -> str:
    """Return a page with its tables as the code has them now."""
    return PLACE.sub(lambda place: f"{place[1]}\n{TABLES[place[2]]()}\n{place[3]}", page)


def main() -> None:
    """Bring every page up to date."""
    for path in PAGES:
        path.write_text(fill(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
