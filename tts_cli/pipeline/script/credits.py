"""Opening and closing credits: spoken lines that a recipe asks for and a script does not have."""

import re
from collections.abc import Mapping
from dataclasses import replace

from tts_cli.line import Line
from tts_cli.recipe import Recipe
from tts_cli.types import Chapter, Manifest

OPENING, CLOSING = "opening-credits", "closing-credits"
_TITLES = {OPENING: "Opening Credits", CLOSING: "Closing Credits"}
# The templates of our own recipes; a script in another language brings its own words.
_LANGUAGE = "en"


def add_credits(manifest: Manifest, recipe: Recipe) -> tuple[Manifest, tuple[str, ...]]:
    """Return the script with its credits in chapters of their own, and what must be said of those it has not got.

    The words are the script's own (`opening`, `closing` of its project), else the recipe's, filled in. Whoever speaks
    first speaks them. A script that has chapters of these names keeps what it has.
    """
    notices: list[str] = []
    before: list[Line] = []
    after: list[Line] = []
    for name, template, lines in ((OPENING, recipe.opening, before), (CLOSING, recipe.closing, after)):
        if not template or name in manifest.chapters or any(line.id == name for line in manifest.lines):
            continue
        found = _line(manifest, name, template)
        lines.extend([found] if isinstance(found, Line) else [])
        notices += [found] if isinstance(found, str) else []
    added = [*before, *after]
    if not added:
        return manifest, tuple(notices)
    chapters = {line.chapter: Chapter(id=line.chapter, title=_TITLES[line.chapter]) for line in added}
    order = [*(line.chapter for line in before), *manifest.chapters, *(line.chapter for line in after)]
    known = {**manifest.chapters, **chapters}
    with_credits = replace(
        manifest,
        lines=(*before, *manifest.lines, *after),
        chapters={name: known[name] for name in order},
    )
    return with_credits, tuple(notices)


def _line(manifest: Manifest, name: str, template: str) -> Line | str:
    """Make a line of credits, or say why there is none."""
    own = manifest.metadata.get(name.partition("-")[0], "")
    speaking = next((line for line in manifest.lines if not line.audio), None)
    if speaking is None:
        return f"no {name}: all lines are recordings, and so should these be (a chapter `{name}`)"
    if not own and not speaking.language.startswith(_LANGUAGE):
        return f"no {name}: the recipe's words are English, say yours with project: {{{name.partition('-')[0]}: ...}}"
    return replace(
        speaking,
        id=name,
        text=own or fill_in(template, manifest),
        say=None,
        emotion="",
        direction="",
        chapter=name,
        scene="",
        slot=None,
        pause_before_s=None,
        pause_after_s=None,
        seed=None,
        take=1,
        lock=False,
        file="",
        effect="",
        tags=(),
        notes="",
    )


def fill_in(template: str, manifest: Manifest) -> str:
    """Fill in what a work is called; a part in square brackets is left out where a field in it is empty."""
    fields: Mapping[str, str] = {"title": manifest.name, **manifest.metadata}

    def part(match: re.Match[str]) -> str:
        names = re.findall(r"\{(\w+)\}", match[1])
        return match[1] if all(fields.get(name) for name in names) else ""

    return re.sub(r"\{(\w+)\}", lambda name: fields.get(name[1], ""), re.sub(r"\[([^\[\]]*)\]", part, template))
