"""DOCX and ODT to a Book: heading styles are chapters; notes, comments and deleted text are not read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from tts_cli.books.block import Block, BlockKind, plain
from tts_cli.books.book import Book, BookOptions, refuse, remark
from tts_cli.books.chapters import make_chapters, mark_headings, settle_starts, starts_by_headings
from tts_cli.books.package import Archive
from tts_cli.books.tree import Element, attribute, descendants, local_name, parse_xml, text_of
from tts_cli.errors import Source
from tts_cli.text.normalize import is_speakable

_NOT_SPOKEN = frozenset(
    (
        "del", "movefrom", "instrtext", "deltext", "footnotereference", "endnotereference", "commentreference",
        "annotationref", "drawing", "pict", "object", "fallback", "rpr", "ppr", "note", "annotation", "annotation-end",
        "tracked-changes", "bookmark-ref", "frame", "table-of-content", "sectpr",
    )
)  # fmt: skip
_TITLE_STYLES = ("title", "subtitle")
_MAX_DEPTH = 60


@dataclass(frozen=True, slots=True)
class _Style:
    """What a paragraph style means: a heading's level, a title, a quotation or a list's item."""

    level: int = 0
    kind: BlockKind = "text"


def read_docx(file: BinaryIO, name: str, options: BookOptions) -> Book:
    """Read a Word document; raises `InputError` for one that is damaged or holds no text."""
    archive = Archive(file, name)
    path = archive.find("word/document.xml")
    if not path:
        hint = "remove its password" if archive.find("EncryptedPackage") else "save it as .docx"
        raise refuse(name, "is not a Word document", hint)
    root = parse_xml(archive.read(path), f"{name}/{path}")
    styles = _docx_styles(archive, name)
    bodies = descendants(root, "body")
    blocks = list(_docx_blocks(bodies[0], styles)) if bodies else []
    return _book(blocks, _core_metadata(archive, "docProps/core.xml", name), archive, options)


def read_odt(file: BinaryIO, name: str, options: BookOptions) -> Book:
    """Read an OpenDocument text; raises `InputError` for one that is damaged, encrypted or holds no text."""
    archive = Archive(file, name)
    if not archive.find("content.xml"):
        raise refuse(name, "is not an OpenDocument text", "save it as .odt")
    root = parse_xml(archive.read("content.xml"), f"{name}/content.xml")
    bodies = descendants(root, "text")
    blocks = list(_odt_blocks(bodies[0])) if bodies else []
    return _book(blocks, _core_metadata(archive, "meta.xml", name), archive, options)


def _book(blocks: list[Block], metadata: Mapping[str, str], archive: Archive, options: BookOptions) -> Book:
    name = archive.name
    if not any(block.text for block in blocks):
        raise refuse(name, "holds no text")
    mark_headings(blocks)
    starts = settle_starts(starts_by_headings(blocks), blocks)

    def place(block: Block) -> Source:
        return Source(name, block.line)

    language, title = metadata.get("language", ""), metadata.get("title", "")
    chapters = make_chapters(blocks, starts, options, place, language, title)
    pictures = sum(entry.startswith(("word/media/", "Pictures/")) for entry in archive.names())
    left_out = [remark(name, f"left out: {pictures} picture{'s' if pictures > 1 else ''}")] if pictures else []
    return Book(chapters=chapters, metadata=metadata, notes=tuple(left_out))


def _core_metadata(archive: Archive, path: str, name: str) -> dict[str, str]:
    if not archive.find(path):
        return {}
    root = parse_xml(archive.read(path), f"{name}/{path}")
    found: dict[str, str] = {}
    for element in root.iter():
        key = {"title": "title", "creator": "author", "initial-creator": "author", "language": "language"}.get(
            local_name(element), ""
        )
        if key and (text := plain(text_of(element))):
            found.setdefault(key, text)
    return found


def _spoken(element: Element, special: Mapping[str, str]) -> str:
    """Return what a paragraph says; elements named in `special` stand for a character."""
    parts: list[str] = []
    stack: list[tuple[Element | str, int]] = [(element, 0)]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, str):
            parts.append(node)
            continue
        name = local_name(node)
        if name in _NOT_SPOKEN or not name or depth > _MAX_DEPTH or (name == "r" and _is_hidden(node)):
            continue
        if name in special:
            parts.append(special[name])
            continue
        for child in reversed(node):
            if child.tail:
                stack.append((child.tail, depth))
            stack.append((child, depth + 1))
        if node.text:
            parts.append(node.text)
    return "".join(parts)


def _lines(text: str, kind: BlockKind, line: int, level: int = 0) -> Iterator[Block]:
    """Make the blocks of a paragraph: one, or a line of verse for each line break in it."""
    lines = [plain(one) for one in text.split("\n")]
    spoken = [one for one in lines if is_speakable(one)]
    if not spoken:
        yield Block("break" if any(lines) else "blank", line=line)
    elif kind != "heading" and len(spoken) > 1:
        for number, one in enumerate(spoken, 1):
            yield Block("verse", one, line, tight=number < len(spoken))
    else:
        yield Block(kind, " ".join(spoken), line, level)


# --- Word -----------------------------------------------------------------------------------------------


def _docx_styles(archive: Archive, name: str) -> dict[str, _Style]:
    """Return what each style means, by its id; a style has what the one it is based on has."""
    path = archive.find("word/styles.xml")
    if not path:
        return {}
    raw: dict[str, tuple[_Style | None, str]] = {}
    for style in descendants(parse_xml(archive.read(path), f"{name}/{path}"), "style"):
        said = {local_name(child): attribute(child, "val") for child in style.iter()}
        raw[attribute(style, "styleId")] = (
            _named_style(said.get("name", ""), said.get("outlinelvl", "")),
            said.get("basedon", ""),
        )
    styles = {}
    for identity in raw:
        at, steps = identity, 0
        while raw.get(at) and raw[at][0] is None and steps < len(raw):
            at, steps = raw[at][1], steps + 1
        found = raw[at][0] if at in raw else None
        styles[identity] = found or _Style()
    return styles


def _named_style(name: str, outline: str) -> _Style | None:
    name = name.lower()
    if name.startswith("heading ") and name[8:].isdecimal():
        return _Style(int(name[8:]), "heading")
    if outline.isdecimal() and int(outline) < 9:
        return _Style(int(outline) + 1, "heading")
    if name in _TITLE_STYLES:
        return _Style(0, "heading")
    if "quote" in name:
        return _Style(0, "quote")
    return _Style(0, "caption") if name == "caption" else None


def _docx_blocks(body: Element, styles: Mapping[str, _Style]) -> Iterator[Block]:
    number = 0
    for element in _docx_paragraphs(body):
        number += 1
        if local_name(element) == "tr":
            cells = [
                " ".join(plain(_word_text(p)) for p in descendants(cell, "p")) for cell in descendants(element, "tc")
            ]
            if text := ", ".join(filter(is_speakable, cells)):
                yield Block("row", text, number)
            continue
        properties = next((child for child in element if local_name(child) == "ppr"), None)
        said = {local_name(one): one for one in properties.iter()} if properties is not None else {}
        identity = attribute(said["pstyle"], "val") if "pstyle" in said else ""
        style = styles.get(identity) or _named_style(identity.replace("Heading", "heading "), "") or _Style()
        if "outlinelvl" in said and (own := _named_style("", attribute(said["outlinelvl"], "val"))):
            style = own
        kind: BlockKind = "item" if "numpr" in said and style.kind == "text" else style.kind
        yield from _lines(_word_text(element), kind, number, style.level)


def _docx_paragraphs(body: Element) -> Iterator[Element]:
    """Yield paragraphs and rows in order; of tables the rows, and nothing of a table of contents."""
    stack = list(reversed(body))
    while stack:
        element = stack.pop()
        name = local_name(element)
        if name in ("p", "tr"):
            yield element
        elif name == "sdt" and any(
            "table of contents" in attribute(one, "val").lower() for one in descendants(element, "docpartgallery")
        ):
            continue
        elif name in ("tbl", "sdt", "sdtcontent", "customxml", "ins", "smarttag", "moveto"):
            stack.extend(reversed(element))


def _word_text(element: Element) -> str:
    return _spoken(element, {"tab": " ", "br": "\n", "cr": "\n", "nobreakhyphen": "-", "softhyphen": ""})


def _is_hidden(run: Element) -> bool:
    return any(
        local_name(one) == "vanish" and attribute(one, "val").lower() not in ("0", "false")
        for properties in run
        if local_name(properties) == "rpr"
        for one in properties
    )


# --- OpenDocument ---------------------------------------------------------------------------------------


def _odt_blocks(text: Element) -> Iterator[Block]:
    stack: list[tuple[Element, BlockKind]] = [(child, "text") for child in reversed(text)]
    number = 0
    while stack:
        element, kind = stack.pop()
        name = local_name(element)
        number += 1
        if name == "h":
            level = attribute(element, "outline-level")
            yield from _lines(_odt_text(element), "heading", number, int(level) if level.isdecimal() else 1)
        elif name == "p":
            title = attribute(element, "style-name").lower() in _TITLE_STYLES
            yield from _lines(_odt_text(element), "heading" if title else kind, number)
        elif name == "table-row":
            cells = [
                " ".join(plain(_odt_text(p)) for p in descendants(cell, "p"))
                for cell in descendants(element, "table-cell")
            ]
            if row := ", ".join(filter(is_speakable, cells)):
                yield Block("row", row, number)
        elif name in ("section", "list", "list-item", "table", "table-header-rows", "table-rows"):
            inside: BlockKind = "item" if name.startswith("list") else kind
            stack.extend((child, inside) for child in reversed(element))


def _odt_text(element: Element) -> str:
    return _spoken(element, {"tab": " ", "s": " ", "line-break": "\n"})
