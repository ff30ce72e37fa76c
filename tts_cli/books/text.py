"""Plain text to a Book: paragraphs by blank lines, wrapped lines joined, verse by lines, chapters by their look."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tts_cli.books.block import Block, join_title, plain
from tts_cli.books.book import Book, BookOptions, refuse, remark
from tts_cli.books.chapters import CHAPTER_LINE, Start, make_chapters
from tts_cli.errors import Problem, Source
from tts_cli.text.normalize import is_speakable

_GUTENBERG_HEAD = re.compile(r"\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG[^\n]{0,300}", re.IGNORECASE)
_GUTENBERG_TAIL = re.compile(
    r"(?:\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG|^ {0,4}End of (?:the )?Project Gutenberg)",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = re.compile(r"(Title|Author|Language|Narrator|Translator):\s+(\S[^\n]{0,300})")
_LANGUAGES = {"english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it", "portuguese": "pt",
              "dutch": "nl", "finnish": "fi", "swedish": "sv", "danish": "da", "latin": "la", "polish": "pl",
              "russian": "ru", "greek": "el", "hungarian": "hu", "czech": "cs"}  # fmt: skip
# What other tools write into their texts: abogen's marks, and the headings of epub2tts with its pauses.
_ABOGEN = re.compile(r"<<(CHAPTER_MARKER|METADATA_[A-Z_]{1,30}):([^<>\n]{0,300})>>")
_METADATA = {"TITLE": "title", "ARTIST": "author", "ALBUM": "title", "YEAR": "year", "GENRE": "genre"}
_PARAGRAPH_PAUSE = "%P%"
_HASHES = re.compile(r"(#{1,6})\s+(\S.{0,300})")
_LONGEST_HEADING = 80
_WIDEST = 200


@dataclass(frozen=True, slots=True)
class _Group:
    """Lines without a blank one between them, and the number of the first."""

    line: int
    lines: tuple[str, ...]


def read_text(text: str, name: str, options: BookOptions) -> Book:
    """Read a plain text; raises `InputError` for a `chapter_pattern` that is none."""
    pattern = _chapter_pattern(options.chapter_pattern)
    metadata, text, offset, notes = _cut_gutenberg(text, name)
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    own, lines = _take_fields(lines)
    metadata = {**metadata, **own}
    groups = list(_groups(lines, offset))
    width = _wrap_width(groups)
    by_line = not any(not line for line in lines) or width == 0
    blocks: list[Block] = []
    titles: list[Start] = []
    for group in groups:
        rest = _take_heading(group, pattern, blocks, titles)
        blocks += _paragraphs(rest, width, by_line=by_line)
    blocks, titles, dropped = _drop_contents(blocks, titles)
    if dropped:
        notes = [*notes, remark(name, f"a list of {dropped} chapters left out: it is the table of contents")]

    def place(block: Block) -> Source:
        return Source(name, block.line)

    chapters = make_chapters(blocks, titles, options, place)
    return Book(chapters=chapters, metadata=metadata, notes=tuple(notes))


def _chapter_pattern(pattern: str) -> re.Pattern[str]:
    if not pattern:
        return CHAPTER_LINE
    try:
        return re.compile(pattern)
    except re.error as error:
        raise refuse(
            "--chapter-pattern", f"{pattern!r} is not a pattern: {error}", "write one like '^ACT [IVX]+'"
        ) from None


# --- what is around the text ----------------------------------------------------------------------------


def _cut_gutenberg(text: str, name: str) -> tuple[dict[str, str], str, int, list[Problem]]:
    """Cut off what Project Gutenberg says before and after a book; returns the lines cut before it, too."""
    head = _GUTENBERG_HEAD.search(text)
    tail = _GUTENBERG_TAIL.search(text, head.end() if head else 0)
    if not head and not tail:
        return {}, text, 0, []
    start, end = (head.end() if head else 0), (tail.start() if tail else len(text))
    said = {key.lower(): value.strip() for key, value in _FIELD.findall(text[:start])}
    if "language" in said:
        said["language"] = _LANGUAGES.get(said["language"].lower(), "")
    note = remark(name, "Project Gutenberg's own words before and after the book left out")
    metadata = {key: value for key, value in said.items() if value}
    return metadata, text[start:end], text.count("\n", 0, start), [note]


def _take_fields(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """Read `Title: ...` and the like in the first lines; those become blank, so that lines keep their numbers."""
    found: dict[str, str] = {}
    lines = list(lines)
    for number, line in enumerate(lines[:200]):
        if marker := _ABOGEN.fullmatch(line.strip()):
            key = _METADATA.get(marker[1].removeprefix("METADATA_"), "")
            if marker[1] != "CHAPTER_MARKER":
                found |= {key: marker[2].strip()} if key else {}
                lines[number] = ""
    for number, line in enumerate(lines[:6]):
        field = _FIELD.fullmatch(line.strip())
        if not field and line.strip():
            break
        if field and field[1] in ("Title", "Author"):
            found[field[1].lower()] = field[2].strip()
            lines[number] = ""
    return found, lines


# --- paragraphs -----------------------------------------------------------------------------------------


def _groups(lines: Sequence[str], offset: int) -> Iterator[_Group]:
    gathered: list[str] = []
    for number, line in enumerate([*lines, ""], 1 + offset):
        if line.strip() and line.strip() != _PARAGRAPH_PAUSE:
            gathered.append(line.replace(_PARAGRAPH_PAUSE, " "))
        elif gathered:
            yield _Group(number - len(gathered), tuple(gathered))
            gathered = []


def _wrap_width(groups: Sequence[_Group]) -> int:
    """Return the width at which a text was wrapped by hand; 0 where its paragraphs are one line each."""
    lengths = sorted(len(line) for group in groups for line in group.lines[:-1])
    if not lengths or (widest := lengths[len(lengths) * 98 // 100]) > _WIDEST:
        return 0
    breaks = [
        _is_wrapped(one, other, widest)
        for group in groups
        for one, other in zip(group.lines, group.lines[1:], strict=False)
    ]
    return widest if widest >= 40 and sum(breaks) * 2 >= len(breaks) else 0


def _is_wrapped(line: str, following: str, width: int) -> bool:
    """Tell whether a line ends where it does because the next word did not fit, which its author did not choose."""
    return len(line) + 1 + len(following.split(None, 1)[0]) > width - 8


def _paragraphs(group: _Group, width: int, *, by_line: bool) -> Iterator[Block]:
    lines = [plain(line) for line in group.lines]
    numbers = range(group.line, group.line + len(lines))
    if not any(map(is_speakable, lines)):
        if lines:
            yield Block("break", line=group.line)
        return
    pairs = list(zip(group.lines, group.lines[1:], strict=False))
    wrapped = sum(_is_wrapped(one, other, width) for one, other in pairs) if width else 0
    if not pairs or (width and wrapped * 2 >= len(pairs)):
        yield Block("text", _joined(lines), group.line)
    elif by_line:
        for number, line in zip(numbers, lines, strict=True):
            yield Block("text", line, number) if is_speakable(line) else Block("break", line=number)
    else:
        for number, line in zip(numbers, lines, strict=True):
            if is_speakable(line):
                yield Block("verse", line, number, tight=number != numbers[-1])


def _joined(lines: Sequence[str]) -> str:
    """Join hard-wrapped lines; a word that was parted at a line's end stays as it was written."""
    return " ".join(lines)


# --- chapters -------------------------------------------------------------------------------------------


def _take_heading(group: _Group, pattern: re.Pattern[str], blocks: list[Block], starts: list[Start]) -> _Group:
    """Take a heading off a group, if it begins with one; returns the rest."""
    first = plain(group.lines[0])
    title, used = "", 1
    if marker := _ABOGEN.fullmatch(first):
        title = plain(marker[2])
    elif hashes := _HASHES.fullmatch(first):
        # epub2tts writes the chapter's voice after a percent sign.
        title = hashes[2].partition(" % ")[0].rstrip(" #")
    elif pattern is not CHAPTER_LINE:
        title = first if pattern.search(first) else ""
    elif len(group.lines) <= 2 and len(first) <= _LONGEST_HEADING and pattern.fullmatch(first):
        used = len(group.lines)
        title = join_title([plain(line) for line in group.lines])
    if not title or not is_speakable(title):
        return group
    starts.append(Start(len(blocks), title))
    blocks.append(Block("heading", title, group.line, level=1))
    return _Group(group.line + used, group.lines[used:])


def _drop_contents(blocks: list[Block], starts: list[Start]) -> tuple[list[Block], list[Start], int]:
    """Leave out headings without text that come again later: they are a table of contents."""
    names = [start.title.casefold() for start in starts]
    ends = [*(start.block for start in starts[1:]), len(blocks)][: len(starts)]
    empty = {
        start.block
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
        if end == start.block + 1 and any(_same_title(names[number], later) for later in names[number + 1 :])
    }
    if not empty:
        return blocks, starts, 0
    kept = [index for index in range(len(blocks)) if index not in empty]
    moved = {index: place for place, index in enumerate(kept)}
    left = [Start(moved[start.block], start.title) for start in starts if start.block in moved]
    return [blocks[index] for index in kept], left, len(empty)


def _same_title(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
