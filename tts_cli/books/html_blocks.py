"""A tree of HTML to blocks in reading order: each paragraph once, with what it is and the anchors that lead to it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree

from tts_cli.books.block import Block, BlockKind, join_title, plain
from tts_cli.books.book import ParagraphKind
from tts_cli.books.tree import Element, attribute, line_of, local_name
from tts_cli.text.normalize import is_speakable

# fmt: off
_SKIPPED = frozenset((
    "head", "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "audio", "video", "canvas",
    "rt", "rp", "rtc", "button", "select", "textarea", "form",
))
_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "html",
    "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
))
_ROLE_WORDS: Mapping[str, tuple[str, ...]] = {
    "cover": ("cover", "doc-cover"),
    "title-page": ("titlepage", "title-page", "halftitlepage", "halftitle", "half-title"),
    "imprint": ("copyright-page", "copyright", "imprint", "colophon", "doc-colophon", "imprimatur"),
    "contents": (
        "toc", "toc-brief", "landmarks", "page-list", "loi", "lot", "lov", "loa", "doc-toc", "doc-pagelist",
    ),
    "index": ("index", "doc-index"),
    "notes": (
        "notes", "endnotes", "rearnotes", "footnotes", "footnote", "endnote", "rearnote", "doc-endnotes",
        "doc-footnote", "doc-endnote", "sidenote",
    ),
}
_ROLES = {word: role for role, words in _ROLE_WORDS.items() for word in words}
# fmt: on
_KINDS: Mapping[str, ParagraphKind] = {
    **dict.fromkeys(("figcaption", "caption"), "caption"),
    **dict.fromkeys(("li", "dt", "dd"), "item"),
    "tr": "row",
    "blockquote": "quote",
    "hgroup": "heading",
}
_VERSE = re.compile(r"(?:^|[\s:_-])(?:verse|poem|poetry|stanza|lyrics?)(?:$|[\s_-])", re.IGNORECASE)
_ORNAMENT = re.compile(r"break|ornament|asterism|fleuron|divider|separator", re.IGNORECASE)
_MARK = re.compile(r"[\[(]?\s*(?:\d{1,4}|[ivxlc]{1,6}|[a-z]|[*†‡§¶‖]{1,4})\s*[\])]?", re.IGNORECASE)
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_LINE = "\v"
LONGEST_VERSE_LINE = 90


@dataclass(slots=True)
class Blocks:
    """All blocks of one file; `anchors` name the block that each id leads to; `skipped` counts what was passed over."""

    blocks: list[Block] = field(default_factory=list)
    anchors: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Frame:
    """What holds inside an element."""

    kind: ParagraphKind = "text"
    level: int = 0
    role: str = ""
    language: str = ""
    verse: bool = False
    stanza: int = 0
    pre: bool = False
    row: bool = False


def tokens(element: Element) -> set[str]:
    """Return what an element says that it is: its `epub:type` and its role."""
    return {*attribute(element, "type").lower().split(), *attribute(element, "role").lower().split()}


def role_of(words: set[str]) -> str:
    """Return which part that may be left out is meant by such words; empty for the text itself."""
    return next((_ROLES[word] for word in sorted(words) if word in _ROLES), "")


def note_mark(element: Element) -> str:
    """Return the link of a footnote mark (`#` if it has none), or nothing for what is no mark."""
    name = local_name(element)
    if name not in ("a", "sup"):
        return ""
    link = element if name == "a" else next((one for one in element.iter() if local_name(one) == "a"), None)
    target = attribute(link, "href") if link is not None else ""
    if {"noteref", "doc-noteref"} & tokens(element):
        return target or "#"
    if "#" not in target and "note" not in target.lower():
        return ""
    text = plain("".join(str(part) for part in element.itertext()))
    raised = name == "sup" or any(local_name(one) == "sup" for one in element.iter())
    says_so = "note" in attribute(element, "class").lower()
    if _MARK.fullmatch(text) and (raised or says_so or text[:1] in "[(*†‡§¶‖"):
        return target
    return ""


def note_targets(root: Element) -> set[str]:
    """Return the links of all footnote marks of a file, with the ids that they lead to."""
    return {link for element in root.iter("{*}a", "{*}sup", "a", "sup") if (link := note_mark(element)) and link != "#"}


def read_blocks(root: Element, notes: frozenset[str] = frozenset()) -> Blocks:
    """Read a file; the elements with the ids in `notes` are footnotes."""
    return _Walker(notes).walk(root)


class _Walker:
    """Walks a tree without recursion; text gathers in pieces until a block begins or ends."""

    def __init__(self, notes: frozenset[str]) -> None:
        self._notes = notes
        self._found = Blocks()
        self._frames = [_Frame()]
        self._pieces: list[tuple[str, str]] = []
        self._line = 1
        self._has_image = False
        self._stanzas: list[int] = []

    def walk(self, root: Element) -> Blocks:
        walker = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
        for event, element in walker:
            if event == "start":
                if self._start(element):
                    walker.skip_subtree()
                    element.set("tts-cli-skipped", "1")
                continue
            if event == "end":
                self._end(element)
            self._add(element.tail)
        self._flush()
        return self._found

    # --- elements -----------------------------------------------------------------------------------------

    def _start(self, element: Element) -> bool:
        """Open an element; returns True where nothing inside it is read."""
        name = local_name(element)
        if identity := element.get("id") or (element.get("name") if name == "a" else None):
            self._found.anchors.setdefault(identity, len(self._found.blocks))
        if self._is_skipped(element, name):
            return True
        if name in _BLOCKS and not (self._frames[-1].row and name != "table"):
            self._flush()
            # An anchor of a block leads to what comes after the one before it.
            if identity:
                self._found.anchors[identity] = min(self._found.anchors[identity], len(self._found.blocks))
        self._frames.append(self._frame(element, name))
        if name == "br":
            self._pieces.append((_LINE, ""))
        elif name == "img":
            self._picture(element)
        self._line = self._line if self._pieces else line_of(element)
        self._add(element.text)
        return False

    def _end(self, element: Element) -> None:
        if element.get("tts-cli-skipped"):
            return
        name = local_name(element)
        if name in ("td", "th"):
            self._pieces.append((", ", ""))
        elif name == "hr":
            self._found.blocks.append(Block("break", line=line_of(element)))
        elif name in _BLOCKS and not (self._frames[-1].row and name != "tr"):
            self._flush(closes_paragraph=name in ("p", "div"))
        elif name in _BLOCKS or name == "text":
            self._pieces.append((" ", ""))
        self._frames.pop()

    def _is_skipped(self, element: Element, name: str) -> bool:
        if name in _SKIPPED or element.get("hidden") is not None or _HIDDEN.search(element.get("style", "")):
            return True
        if {"pagebreak", "doc-pagebreak"} & tokens(element) or note_mark(element):
            return True
        if name == "pre" and any(local_name(one) == "code" for one in element.iter()):
            self._flush()
            self._skip("code block")
            return True
        return False

    def _frame(self, element: Element, name: str) -> _Frame:
        outer = self._frames[-1]
        words = tokens(element)
        role = outer.role or role_of(words)
        if element.get("id", "") in self._notes and not _holds_heading(element):
            role = role or "notes"
        level = int(name[1]) if len(name) == 2 and name[0] == "h" and name[1].isdecimal() else outer.level
        kind: ParagraphKind = outer.kind
        if level or name == "hgroup":
            kind = "heading"
        elif role == "notes":
            kind = "note"
        elif kind not in ("caption", "note"):
            kind = _KINDS.get(name, kind)
        about = f"{element.get('class', '')} {attribute(element, 'type')}"
        verse = outer.verse or (name in _BLOCKS and bool(_VERSE.search(about)))
        stanza = id(element) if verse and name in ("p", "div", "section", "ul") else outer.stanza
        return _Frame(
            kind=kind,
            level=level,
            role=role,
            language=element.get("{http://www.w3.org/XML/1998/namespace}lang")
            or attribute(element, "lang")
            or outer.language,
            verse=verse,
            stanza=outer.stanza if outer.stanza and "stanza" not in about and name != "section" else stanza,
            pre=outer.pre or name == "pre",
            row=name == "tr" or (outer.row and name != "table"),
        )

    def _picture(self, element: Element) -> None:
        alt = plain(element.get("alt", ""))
        about = f"{element.get('class', '')} {element.get('src', '')}"
        # A letter drawn as a picture begins the word that follows it.
        if len(alt) == 1 and alt.isalpha() and element.tail and element.tail[:1].strip():
            self._pieces.append((alt, self._frames[-1].language))
        elif _ORNAMENT.search(about):
            self._has_image = True
        else:
            self._skip("picture")

    def _skip(self, what: str) -> None:
        self._found.skipped[what] = self._found.skipped.get(what, 0) + 1

    def _add(self, text: str | None) -> None:
        if text:
            frame = self._frames[-1]
            self._pieces.append((text.replace("\n", _LINE) if frame.pre else text, frame.language))

    # --- blocks -------------------------------------------------------------------------------------------

    def _flush(self, *, closes_paragraph: bool = False) -> None:
        """Make a block, or a few lines of verse, of the text gathered so far."""
        pieces, self._pieces = self._pieces, []
        frame, image = self._frames[-1], self._has_image
        self._has_image = False
        lines = [plain(line) for line in "".join(text for text, _ in pieces).split(_LINE)]
        lines = [line.replace(" ,", ",").strip(", ") if frame.row else line for line in lines]
        spoken = [line for line in lines if is_speakable(line)]
        if not spoken:
            marks = any(lines)
            # White space between two tags is no paragraph; an empty one that was meant to be seen is.
            if marks or image or (closes_paragraph and any("\xa0" in text for text, _ in pieces)):
                self._found.blocks.append(
                    Block("break" if marks or image else "blank", line=self._line, role=frame.role)
                )
            return
        languages = {language for text, language in pieces if text.strip() and text != _LINE}
        common = languages.pop() if len(languages) == 1 else frame.language
        for text, kind, tight in self._texts(spoken, frame):
            block = Block(kind, text, self._line, frame.level, frame.role, common, tight)
            self._found.blocks.append(block)
        self._tie(frame, len(spoken))

    def _texts(self, lines: list[str], frame: _Frame) -> Iterator[tuple[str, BlockKind, bool]]:
        is_verse = frame.verse or frame.pre or (len(lines) > 1 and max(map(len, lines)) <= LONGEST_VERSE_LINE)
        if frame.kind == "heading":
            yield join_title(lines), "heading", False
        elif is_verse and frame.kind in ("text", "quote", "item") and (len(lines) > 1 or frame.verse):
            for number, line in enumerate(lines, 1):
                yield line, "verse", number < len(lines)
        else:
            yield " ".join(lines), frame.kind, False

    def _tie(self, frame: _Frame, made: int) -> None:
        """Let the last line before this one belong with it, where both are of one stanza."""
        blocks = self._found.blocks
        before = len(blocks) - made - 1
        if frame.verse and self._stanzas and self._stanzas[-1] == frame.stanza and before >= 0:
            blocks[before].tight = blocks[before].kind == "verse"
        self._stanzas = [frame.stanza] if frame.verse and frame.stanza else []


def _holds_heading(element: Element) -> bool:
    return any(re.fullmatch(r"h[1-6]", local_name(one)) for one in element.iter())
