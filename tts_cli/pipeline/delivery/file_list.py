"""What a recipe will deliver, by name, before any of it is made."""

from collections.abc import Iterator
from pathlib import PurePath

from tts_cli.pipeline.master.file_names import (
    EXPORT_FILE,
    REPORT_FILE,
    TIMELINE_FILE,
    chapter_file,
    delivery_file,
    line_files,
    list_parts,
    master_names,
)
from tts_cli.pipeline.request import DubTarget
from tts_cli.recipe import Delivery, Recipe
from tts_cli.types import Manifest

_LISTS = ("index", "unreal", "wwise")
_WITH_SIDECAR = ("programme", "chapters", "sample", "mix", "film")


def list_files(manifest: Manifest, recipe: Recipe, target: DubTarget) -> list[str]:
    """Name every file that a recipe may deliver of a script, the sidecars and the run's own reports included.

    Raises `InputError` where two lines' files would have one name, or one lies in another.
    """
    is_render = any(found.kind == "master" for found in recipe.deliver)
    names = [TIMELINE_FILE, REPORT_FILE] if is_render else [TIMELINE_FILE, EXPORT_FILE]
    for delivery in recipe.deliver:
        for name in _names(manifest, recipe, delivery, target):
            names += [name, sidecar(name)] if delivery.kind in _WITH_SIDECAR else [name]
    return names


def sidecar(name: str) -> str:
    """Name what lies beside a file of sound and says what it is."""
    return f"{name}.json"


def film_name(manifest: Manifest, delivery: Delivery, target: DubTarget) -> str:
    """Name a dubbed film; its suffix is the film's own."""
    suffix = target.video.suffix if target.video else PurePath(delivery.file).suffix
    return str(PurePath(delivery_file(delivery, manifest)).with_suffix(suffix))


def name_lines(manifest: Manifest, recipe: Recipe, delivery: Delivery) -> dict[str, str]:
    """Name the lines' own files, by id, as one delivery of a recipe has them.

    Raises `InputError` where two would have one name, or a line that of a file of the whole, or one lies in another.
    """
    taken: list[str] = []
    if any(found.kind == "master" for found in recipe.deliver):
        taken = [*master_names(manifest, recipe).values(), TIMELINE_FILE, REPORT_FILE]
    return line_files(delivery, manifest, manifest.lines, taken)


def is_per_chapter(delivery: Delivery) -> bool:
    """Say whether subtitles are made for each chapter: their name tells one from the other."""
    return "{chapter}" in delivery.file or "{number}" in delivery.file


def _names(manifest: Manifest, recipe: Recipe, delivery: Delivery, target: DubTarget) -> Iterator[str]:
    """Yield the names of one delivery's files; none for what this run has nothing to make it of."""
    kind = delivery.kind
    if kind == "master":
        yield from master_names(manifest, recipe).values()
    elif kind == "lines":
        yield from name_lines(manifest, recipe, delivery).values()
    elif kind == "chapters" or (kind == "subtitles" and is_per_chapter(delivery)):
        order = list_parts(manifest, delivery.sound)
        yield from (chapter_file(delivery, manifest, part, order) for part in order)
    elif kind in _LISTS and "{language}" in delivery.file:
        languages = dict.fromkeys(line.language for line in manifest.lines)
        yield from (delivery_file(delivery, manifest, language=language) for language in languages)
    elif kind == "film" and target.video:
        yield film_name(manifest, delivery, target)
    elif kind not in ("film", "mix") or (kind == "mix" and target.under):
        yield delivery_file(delivery, manifest)
