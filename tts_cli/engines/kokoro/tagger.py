"""Parts of speech by rule, for English without a model: enough for what Kokoro's lexicon asks of them.

It asks for punctuation, numbers and currency, for articles, pronouns, `to` and prepositions, and, of some 700 words
that sound otherwise as a noun than as a verb ("a record", "to record"), for which of the two they are.
"""

from collections.abc import Sequence

PUNCTUATION = {
    **dict.fromkeys(".!?", "."),
    **dict.fromkeys((":", ";", "-", "–", "—", "--", "...", "…"), ":"),
    ",": ",",
    "(": "-LRB-",
    "[": "-LRB-",
    "{": "-LRB-",
    ")": "-RRB-",
    "]": "-RRB-",
    "}": "-RRB-",
    **dict.fromkeys("$£€", "$"),
    "#": "#",
    **dict.fromkeys(("“", "‘", "«"), "``"),
    **dict.fromkeys(("”", "»"), "''"),
}
# Signs that are read aloud: whatever counts as punctuation is silent in the lexicon.
SIGNS = {"%": "NN", "°": "NN", "§": "NN", "&": "CC", "@": "IN", **dict.fromkeys("+=×", "SYM")}
_CLASSES = {
    "DT": "a an the this that these those some any no every each another",
    "PRP$": "my your his her its our their",
    "PRP": "i you he she it we they me him us them",
    "TO": "to",
    "MD": "can could may might must shall should will would cannot 'll 'd can't couldn't won't wouldn't shouldn't",
    "IN": "of in for on with at by from about into through during before after above below between under against "
    "among as than because if while although though since until upon within without vs vs.",
    "CC": "and or but nor yet",
    "VBZ": "is has does isn't hasn't doesn't",
    "VBP": "are have do am aren't haven't don't",
    "VBD": "was were had did wasn't weren't hadn't didn't",
    "RB": "not n't never always often very too so just only also then now here there soon again ever quite rather",
    "WP": "who what which whom whose",
    "UH": "oh ah yes please hello",
}
WORDS = {word: tag for tag, words in _CLASSES.items() for word in words.split()}
HAVE = frozenset("have has had having haven't hasn't hadn't 've".split())
BE = frozenset("is are was were am be been being isn't aren't wasn't weren't 's 're 'm".split())
DO = frozenset("do does did don't doesn't didn't let let's".split())
SUBJECTS = frozenset("i you we they who".split())
PAST = frozenset("yesterday ago last once".split())


def tag(tokens: Sequence[str]) -> list[str]:
    """Return the tag of each token, in the names of the Penn treebank."""
    past = any(token.lower() in PAST for token in tokens)
    tags: list[str] = []
    quoted = False
    for place, token in enumerate(tokens):
        if token == '"':
            tags.append("''" if quoted else "``")
            quoted = not quoted
        else:
            tags.append(_tag(tokens, place, tags, past=past))
    return tags


def _tag(tokens: Sequence[str], place: int, before: Sequence[str], *, past: bool) -> str:
    token = tokens[place]
    word = token.lower()
    if found := _closed(token):
        return found
    # The first word has a capital whatever it is.
    if place and token[:1].isupper():
        return "NNP"
    previous = _previous(tokens, before, place)
    if word.endswith("ly") and len(word) > 4:
        return "RB"
    verb = _verb(word, previous, past=past)
    return verb or ("NNS" if word.endswith("s") and not word.endswith("ss") else "NN")


def _closed(token: str) -> str:
    """Return the tag of what needs no context: signs, numbers, and words of the closed classes."""
    if token in PUNCTUATION:
        return PUNCTUATION[token]
    if token in SIGNS:
        return SIGNS[token]
    if token[:1].isdigit() or (token[:1] in ".-" and token[1:2].isdigit()):
        return "CD"
    if not any(letter.isalnum() for letter in token):
        return "NFP"
    return WORDS.get(token.lower(), "")


def _previous(tokens: Sequence[str], tags: Sequence[str], place: int) -> tuple[str, str]:
    """Return the word before and its tag; adverbs between a verb and its helper do not count."""
    at = place - 1
    # In "to quickly record" the word that decides stands two places before.
    while at >= 0 and tags[at] == "RB":
        at -= 1
    return (tokens[at].lower(), tags[at]) if at >= 0 else ("", "")


def _verb(word: str, previous: tuple[str, str], *, past: bool) -> str:
    """Return a verb's tag if the word before calls for one, else nothing."""
    before, tag_before = previous
    if tag_before in {"TO", "MD"} or before in DO:
        return "VB"
    if before in HAVE:
        return "VBN"
    if before in BE:
        return "VBN" if word.endswith(("ed", "en")) or word == "read" else "JJ"
    if before in SUBJECTS or (tag_before == "PRP" and before in {"he", "she", "it"}):
        third = before in {"he", "she", "it"} and not word.endswith("s")
        return "VBD" if past or word.endswith("ed") or third else "VBP"
    return ""
