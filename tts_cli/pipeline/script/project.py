"""What a script says of the whole work: its metadata, and the recipe that it names."""

import os

from tts_cli.formats.documents import Diagnostics
from tts_cli.formats.pictures import find_cover_problem
from tts_cli.formats.script import Script
from tts_cli.formats.subtitle_rows import SUBTITLE_FORMS

DUB = "dub"
"""The recipe of subtitles: their lines have their times."""
_NOT_METADATA = frozenset(("seed", "recipe", "length"))


def read_metadata(script: Script, diagnostics: Diagnostics) -> dict[str, str]:
    """Return what the work is called; the cover's path is from where we are, and a faulty one is complained of."""
    project = script.header.project
    metadata = {name: value for name, value in project.values.items() if name not in _NOT_METADATA}
    if cover := metadata.get("cover"):
        metadata["cover"] = path = os.path.join(script.folder, cover)  # noqa: PTH118
        if problem := find_cover_problem(path, project.at("cover")):
            diagnostics.note(problem)
    return metadata


def read_recipe(script: Script) -> str:
    """Return the name of the recipe as it is, or its path from where we are; that of subtitles is their own."""
    recipe: str = script.header.project.values.get("recipe", "")
    if recipe.endswith((".yaml", ".yml")):
        return os.path.join(script.folder, recipe)  # noqa: PTH118
    return recipe or (DUB if script.form in SUBTITLE_FORMS else "")
