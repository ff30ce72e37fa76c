"""Every pattern of the package takes time in proportion to its text, whatever the text is.

The package is walked for patterns; of each the beginnings of what it matches are made, and behind each of them 100,000
spaces, and thousands of every kind that it repeats: that is how patterns are attacked.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from mutations import bounded

import tts_cli

PACKAGE = Path(tts_cli.__file__).parent
SPACES, LENGTH = 100_000, 25_000
LONGEST_S = 0.1  # of processor time: a quadratic pattern takes five times as long, all others a millisecond or two


def compiled() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield the patterns that modules keep, and those that are written where they are used."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(("tts_cli", *path.relative_to(PACKAGE).with_suffix("").parts))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        used = [call for call in calls if ast.unparse(call.func).startswith("re.")]
        # What is compiled is kept under a name.
        at_once = [call for call in used if ast.unparse(call.func) != "re.compile"]
        if not used or name.startswith("tts_cli.bench"):
            continue
        for call in at_once:
            if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str):
                yield f"{name}:{call.lineno}", re.compile(call.args[0].value)
        yield from (
            (f"{name}.{key}", value)
            for key, value in vars(importlib.import_module(name)).items()
            if isinstance(value, re.Pattern) and isinstance(value.pattern, str)
        )


def sample(token: tuple[Any, Any]) -> str:  # noqa: C901, PLR0911  one answer for each kind of piece
    """Return one character, or a few, that a piece of a pattern matches."""
    kind, value = token
    if kind is codes.LITERAL:
        return chr(value)
    if kind is codes.IN:
        negated = value and value[0][0] is codes.NEGATE
        if negated:
            pattern = re.compile("".join(("[^", "".join(map(_set_member, value[1:])), "]")))
            return next((char for char in "a .0[]\\\"'x" if pattern.match(char)), "\x01")
        return sample(value[0]) if value[0][0] is not codes.RANGE else chr(value[0][1][0])
    if kind is codes.CATEGORY:
        return {codes.CATEGORY_SPACE: " ", codes.CATEGORY_DIGIT: "0"}.get(
            value, "a" if "NOT" not in str(value) else "."
        )
    if kind is codes.RANGE:
        return chr(value[0])
    if kind in (codes.ANY, codes.NOT_LITERAL):
        return "a"
    if kind in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return "".join(map(sample, value[2])) * value[0]
    if kind is codes.SUBPATTERN:
        return "".join(map(sample, value[3]))
    if kind is codes.ATOMIC_GROUP:
        return "".join(map(sample, value))
    if kind is codes.BRANCH:
        return "".join(map(sample, value[1][0]))
    return ""


def _set_member(token: tuple[Any, Any]) -> str:
    kind, value = token
    if kind is codes.LITERAL:
        return re.escape(chr(value))
    if kind is codes.RANGE:
        return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
    return {codes.CATEGORY_SPACE: r"\s", codes.CATEGORY_WORD: r"\w", codes.CATEGORY_NOT_WORD: r"\W"}.get(value, r"\d")


def walk(tokens: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield (what leads to a repetition, what it repeats) for each of them, inner ones and branches too."""
    for token in tokens:
        kind, value = token
        if kind in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            yield before, "".join(map(sample, value[2])) or "a"
            yield from walk(value[2], before)
        elif kind is codes.SUBPATTERN:
            yield from walk(value[3], before)
        elif kind is codes.ATOMIC_GROUP:
            yield from walk(value, before)
        elif kind is codes.BRANCH:
            for branch in value[1]:
                yield from walk(branch, before)
        before += sample(token)


def attacks(pattern: re.Pattern[str]) -> Iterator[str]:
    pumps = list(dict.fromkeys(walk(parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG))))
    for before in dict.fromkeys(("", *(before for before, _ in pumps))):
        yield f"{before}{' ' * SPACES}\0"
        for sign in dict.fromkeys([*(repeated for _, repeated in pumps), "a"]):
            yield f"{before}{sign * (LENGTH // len(sign))}\0"
        # What begins again and again.
        if before:
            yield before * (LENGTH // len(before))


def is_linear(pattern: re.Pattern[str], text: str, *, searched: bool = True) -> bool:
    try:
        with bounded(LONGEST_S):
            pattern.fullmatch(text)
            if searched:
                pattern.sub("", text)
            else:
                pattern.match(text)
    except TimeoutError:
        return False
    return True


def searches(name: str) -> bool:
    """Say whether a module looks for its pattern anywhere in a text, or only where it stands."""
    module, _, variable = name.rpartition(".")
    if ":" in variable:
        return True
    source = (PACKAGE / Path(*module.split(".")[1:]).with_suffix(".py")).read_text(encoding="utf-8")
    uses = set(re.findall(rf"\b{variable}\.(\w+)\(", source))
    return not uses or bool(uses - {"match", "fullmatch"})


def test_every_pattern_is_linear() -> None:
    # Looked at from the end of a window of 20 characters.
    patterns = {name: pattern for name, pattern in compiled() if name != "tts_cli.text.split._LAST_WORD"}
    assert len(patterns) > 40
    slow = {
        name: text[:20]
        for name, pattern in patterns.items()
        for text in attacks(pattern)
        if not is_linear(pattern, text, searched=searches(name))
    }
    assert not slow


@pytest.mark.parametrize(
    "pattern", [r"\s+x", r"(?P<a>\s*)x", r"[.!?]+(?=\s)", r"\[\s*([^\[\]]*?)\s*\]", r"<v\s+([^<>]+)>", r"(a|a)*b"]
)
def test_a_slow_pattern_is_found(pattern: str) -> None:
    assert not all(is_linear(re.compile(pattern), text) for text in attacks(re.compile(pattern)))
