"""EPUB 2 and 3 to a Book: the spine in its order, chapters as the table of contents has them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from tts_cli.books.block import Block
from tts_cli.books.book import Book, BookOptions, refuse, remark
from tts_cli.books.chapters import Start, make_chapters, mark_headings, settle_starts, starts_by_headings
from tts_cli.books.html_blocks import Blocks, note_targets, read_blocks, role_of
from tts_cli.books.package import MAX_TOTAL_BYTES, Package, open_package, read_cover, read_metadata
from tts_cli.books.toc import TocEntry, nav_path, read_landmarks, read_toc
from tts_cli.books.tree import Element, parse_markup
from tts_cli.errors import InputError, Problem, Source

_DOCUMENTS = (
    "application/xhtml+xml",
    "text/html",
    "application/xml",
    "text/x-oeb1-document",
    "application/x-dtbook+xml",
)


@dataclass(slots=True)
class _Text:
    """The blocks of the whole spine; each file's first block and anchors, and which file a block is from."""

    blocks: list[Block] = field(default_factory=list)
    firsts: dict[str, int] = field(default_factory=dict)
    anchors: dict[tuple[str, str], int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    files: dict[int, str] = field(default_factory=dict)


def read_epub(file: BinaryIO, name: str, options: BookOptions) -> Book:
    """Read an EPUB; raises `InputError` for one that is locked, hostile, or without any text."""
    package = open_package(file, name)
    entries = read_toc(package)
    documents, notes = _documents(package, entries, name)
    text = _gather(package, documents)
    if not any(block.text for block in text.blocks):
        raise refuse(name, "holds no text", "is it a book of pictures?")
    metadata = read_metadata(package)
    starts = settle_starts(_starts(entries, text), text.blocks)
    if not starts:
        mark_headings(text.blocks)
        starts = settle_starts(starts_by_headings(text.blocks), text.blocks)

    def place(block: Block) -> Source:
        return Source(f"{name}/{text.files[id(block)]}", block.line)

    language = metadata.get("language", "")
    lead = metadata.get("title", "")
    chapters = make_chapters(text.blocks, starts, options, place, language, lead)
    return Book(
        chapters=chapters,
        metadata=metadata,
        cover=read_cover(package),
        notes=(*notes, *_left_out(name, text, options)),
    )


def _documents(
    package: Package, entries: tuple[TocEntry, ...], name: str
) -> tuple[list[tuple[str, Element]], list[Problem]]:
    """Parse the files of the spine; one that is not in the reading order counts where the contents name it."""
    named = {entry.path for entry in entries}
    documents, notes = [], []
    for identity, linear in package.spine:
        item = package.items[identity]
        if not item.path or not (linear or item.path in named):
            continue
        if item.media_type not in _DOCUMENTS and not item.path.lower().endswith((".xhtml", ".html", ".htm")):
            continue
        try:
            data = package.archive.read(item.path)
            documents.append((item.path, parse_markup(data, f"{name}/{item.path}")))
        except InputError as error:
            if "more than" in error.message:
                raise
            notes.append(remark(f"{name}/{item.path}", f"left out: it {error.problems[0].message}"))
    if not documents:
        raise refuse(
            name, "has no reading order: no file of its spine can be read", f"at most {MAX_TOTAL_BYTES >> 20} MiB"
        )
    return documents, notes


def _gather(package: Package, documents: list[tuple[str, Element]]) -> _Text:
    targets = {package.resolve(path, link) for path, root in documents for link in note_targets(root)}
    roles = _file_roles(package)
    text = _Text()
    for path, root in documents:
        if path in text.firsts:
            continue
        found = read_blocks(root, frozenset(fragment for file, fragment in targets if file == path and fragment))
        _add(text, path, found, roles.get(path, ""))
    return text


def _add(text: _Text, path: str, found: Blocks, role: str) -> None:
    start = len(text.blocks)
    text.firsts[path] = start
    for block in found.blocks:
        block.role = block.role or role
        text.files[id(block)] = path
    text.blocks += found.blocks
    text.anchors.update({(path, anchor): start + index for anchor, index in found.anchors.items()})
    for what, count in found.skipped.items():
        text.skipped[what] = text.skipped.get(what, 0) + count


def _file_roles(package: Package) -> dict[str, str]:
    """Return which files are a part that may be left out: as the guide, the landmarks and the package say."""
    said: dict[str, str] = {path: role_of({kind}) for path, kind in package.roles.items()}
    said |= {path: role_of(set(kinds)) for path, kinds in read_landmarks(package).items()}
    if nav := nav_path(package):
        said[nav] = "contents"
    return {path: role for path, role in said.items() if role and path}


def _starts(entries: tuple[TocEntry, ...], text: _Text) -> list[Start]:
    """Find the block of each entry; an entry without a link of its own begins where its first child does."""
    starts = [
        Start(block, entry.title, entry.parents)
        for entry in entries
        if (block := _block_of(entry, text)) is not None and entry.title
    ]
    # One entry for the whole book is no table of contents.
    return starts if len(starts) > 1 or (starts and not any(block.kind == "heading" for block in text.blocks)) else []


def _block_of(entry: TocEntry, text: _Text) -> int | None:
    if entry.fragment and (entry.path, entry.fragment) in text.anchors:
        return text.anchors[entry.path, entry.fragment]
    return text.firsts.get(entry.path)


def _left_out(name: str, text: _Text, options: BookOptions) -> Iterator[Problem]:
    words: dict[str, int] = {}
    for block in text.blocks:
        if block.role and block.role not in options.keep:
            words[block.role] = words.get(block.role, 0) + len(block.text.split())
    if said := ", ".join(f"{role} ({count:,} words)" for role, count in words.items() if count):
        keep = next(iter(words))
        yield remark(name, f"left out: {said}", f"keep a part with --keep {keep}, or all of it with --keep all")
    if counted := _counted(text.skipped):
        yield remark(name, f"left out: {counted}")


def _counted(skipped: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}{'s' if count > 1 else ''}" for what, count in skipped.items())
