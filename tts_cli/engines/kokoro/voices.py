"""Kokoro's voices and their blends, and which of its languages a line is spoken in; read by the CLI process, too.

A voice's first letter is its language, its second says female or male. A blend is written `af_bella(2)+am_adam`, with
`-` to take a voice away, or `af_bella,am_adam` for the plain mean; its weights are divided by the sum of their sizes.
"""

import re
from collections.abc import Mapping

from tts_cli.engines.base import EngineVoice
from tts_cli.errors import UnknownNameError

NAMES = (
    *(f"af_{name}" for name in "heart alloy aoede bella jessica kore nicole nova river sarah sky".split()),
    *(f"am_{name}" for name in "adam echo eric fenrir liam michael onyx puck santa".split()),
    *(f"bf_{name}" for name in "alice emma isabella lily".split()),
    *(f"bm_{name}" for name in "daniel fable george lewis".split()),
    *"ef_dora em_alex em_santa ff_siwis hf_alpha hf_beta hm_omega hm_psi".split(),
    *"if_sara im_nicola pf_dora pm_alex pm_santa".split(),
)

# By the letter: the language as manifests write it, and the voice of a line that names none.
LANGUAGES = {
    "a": ("en-us", "af_heart"),
    "b": ("en-gb", "bf_emma"),
    "e": ("es", "ef_dora"),
    "f": ("fr", "ff_siwis"),
    "h": ("hi", "hf_alpha"),
    "i": ("it", "if_sara"),
    "p": ("pt-br", "pf_dora"),
}
_BY_TAG = {"en": "a", **{tag: letter for letter, (tag, _) in LANGUAGES.items()}, "pt": "p"}
_TERM = re.compile(r"\s*+([+-]?)\s*+([A-Za-z0-9_]++)\s*+(?:\(\s*+(\d++(?:\.\d++)?)\s*+\))?\s*+")


def voices() -> tuple[EngineVoice, ...]:
    """List the voices that come with the weights."""
    kinds = {"f": "female", "m": "male"}
    return tuple(EngineVoice(name=name, language=LANGUAGES[name[0]][0], description=kinds[name[1]]) for name in NAMES)


def resolve(voice: str, language: str) -> str:
    """Return the full name of a voice or a blend, of the language's own voice where none is named."""
    letter = letter_of(language)
    if not voice:
        return LANGUAGES[letter][1]
    return write_blend(parse_blend(voice))


def letter_of(language: str, voice: str = "") -> str:
    """Return the language's letter; plain English is spoken as the voice does. Raises `UnknownNameError`."""
    tag = language.lower().replace("_", "-")
    if tag == "en" and voice.startswith("b"):
        return "b"
    letter = _BY_TAG.get(tag) or _BY_TAG.get(tag.partition("-")[0])
    if letter is None:
        raise UnknownNameError("language", language, _BY_TAG, hint=f"kokoro speaks {', '.join(_BY_TAG)}")
    return letter


def parse_blend(text: str) -> Mapping[str, float]:
    """Read a voice or a blend: each voice's share, the sizes of the shares adding up to 1."""
    shares: dict[str, float] = {}
    rest = text.replace(",", "+").strip()
    while rest:
        term = _TERM.match(rest)
        if not term or (shares and not term[1]):
            raise UnknownNameError("voice", text, NAMES, hint="a blend is written like af_bella(2)+am_adam")
        if term[2] not in NAMES:
            raise UnknownNameError("voice", term[2], NAMES)
        shares[term[2]] = shares.get(term[2], 0.0) + (-1.0 if term[1] == "-" else 1.0) * float(term[3] or 1)
        rest = rest[term.end() :]
    total = sum(map(abs, shares.values()))
    if not total:
        raise UnknownNameError("voice", text, NAMES, hint="a blend must leave something of a voice")
    # Sorted, so that a blend has one name and one key however it was written.
    return {name: share / total for name, share in sorted(shares.items()) if share}


def write_blend(shares: Mapping[str, float]) -> str:
    """Write a blend in its one form, a single voice as its name; `parse_blend` reads it back."""
    if list(shares.values()) == [1.0]:
        return next(iter(shares))
    return "".join(f"{'-' if share < 0 else '+'}{name}({abs(share):.6f})" for name, share in shares.items()).lstrip("+")
