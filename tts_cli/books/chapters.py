"""Blocks to chapters: where each begins, by a table of contents or by headings, and what is left out of it."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tts_cli.books.block import Block, join_title
from tts_cli.books.book import BookChapter, BookOptions, Paragraph
from tts_cli.errors import Source
from tts_cli.text.normalize import is_speakable

# ruff: noqa: RUF001  other scripts are what a pattern here is about
CHAPTER_WORD = (
    r"(?:chapter|part|book|prologue|epilogue|kapitel|teil|prolog|epilog|chapitre|partie|prologue|épilogue|cap[ií]tulo|parte|"
    r"pr[oó]logo|ep[ií]logo|capitolo|hoofdstuk|kapittel|глава|часть|пролог|эпилог|rozdział|bölüm)"
)
CHAPTER_LINE = re.compile(
    rf"(?:{CHAPTER_WORD}\b[\s.]{{0,4}}(?:\d{{1,4}}|[ivxlcdm]{{1,8}}|[\w-]{{1,14}})?(?:\s*[.:—–-]\s*.{{0,100}})?"
    r"|第\s*[\d一二三四五六七八九十百千〇零]{1,6}\s*[章回節节部篇].{0,60})",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+")
# So many empty paragraphs are how a book is set, and not breaks.
_MOST_BLANKS = 0.2


@dataclass(frozen=True, slots=True)
class Start:
    """Where a chapter begins: the index of its first block; its title may be empty, and its headings say it then."""

    block: int
    title: str
    parents: tuple[str, ...] = ()


def starts_by_headings(blocks: Sequence[Block]) -> list[Start]:
    """Begin a chapter at each heading of the levels that divide the book; headings in a row are one."""
    levels = _dividing_levels(blocks)
    starts = []
    for index, block in enumerate(blocks):
        if block.kind == "heading" and block.level in levels and not _goes_on(blocks, index, levels):
            starts.append(Start(index, ""))
    return starts


def _goes_on(blocks: Sequence[Block], index: int, levels: frozenset[int]) -> bool:
    """Tell whether a heading is the second line of the one before it, and not a chapter in a part."""
    if not index or blocks[index - 1].kind != "heading" or blocks[index - 1].level not in levels:
        return False
    return not CHAPTER_LINE.fullmatch(blocks[index].text)


def _dividing_levels(blocks: Sequence[Block]) -> frozenset[int]:
    counts = Counter(block.level for block in blocks if block.kind == "heading")
    numbered = Counter(
        block.level for block in blocks if block.kind == "heading" and CHAPTER_LINE.fullmatch(block.text)
    )
    top = min((level for level, count in counts.items() if count > 1), default=min(counts, default=0))
    # Parts are headings above the chapters: both divide.
    deepest = max((level for level, count in numbered.items() if count * 2 >= counts[level] and count > 1), default=top)
    return frozenset(level for level in counts if level <= max(top, deepest))


def mark_headings(blocks: Sequence[Block]) -> None:
    """Where a book has no headings, make some of the short paragraphs that read like one: `CHAPTER I`."""
    if any(block.kind == "heading" for block in blocks):
        return
    for block in blocks:
        if block.kind == "text" and len(block.text) <= 80 and CHAPTER_LINE.fullmatch(block.text):
            block.kind, block.level = "heading", 1


def settle_starts(starts: Sequence[Start], blocks: Sequence[Block]) -> list[Start]:
    """Put starts into reading order; several at one place share out the headings that stand there."""
    ordered = sorted(starts, key=lambda start: start.block)
    settled: list[Start] = []
    for index, start in enumerate(ordered):
        block = max(start.block, settled[-1].block if settled else 0)
        # An anchor after the heading: the heading belongs to what it is the title of.
        while block > (settled[-1].block + 1 if settled else 0) and _says(blocks[block - 1], start.title):
            block -= 1
        shares = index + 1 < len(ordered) and ordered[index + 1].block <= block
        settled.append(Start(block, start.title, start.parents))
        if shares and block < len(blocks) and _says(blocks[block], start.title):
            ordered[index + 1] = Start(block + 1, ordered[index + 1].title, ordered[index + 1].parents)
    return settled


def _says(block: Block, title: str) -> bool:
    """Tell whether a block is a heading that the title holds, or the other way round."""
    if block.kind != "heading" or not title:
        return False
    said, wanted = _words(block.text), _words(title)
    return bool(said) and (said in wanted or wanted in said)


def _words(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def make_chapters(
    blocks: Sequence[Block],
    starts: Sequence[Start],
    options: BookOptions,
    place: Callable[[Block], Source],
    language: str = "",
    lead_title: str = "",
) -> tuple[BookChapter, ...]:
    """Cut the blocks into chapters; what stands before the first of them is called `lead_title`."""
    blanks = sum(block.kind == "blank" for block in blocks)
    blank_is_break = blanks <= _MOST_BLANKS * max(1, len(blocks))
    bounds = [(Start(0, ""), starts[0].block if starts else len(blocks))] if not starts or starts[0].block else []
    ends = [*(start.block for start in starts[1:]), len(blocks)][: len(starts)]
    bounds += list(zip(starts, ends, strict=True))
    chapters = []
    for start, end in bounds:
        part = blocks[start.block : end]
        kept = [block for block in part if not block.role or block.role in options.keep]
        paragraphs = _paragraphs(kept, place, language, blank_is_break=blank_is_break)
        is_lead = start not in starts
        title = start.title or _first_title(kept) or (lead_title if is_lead else "")
        left_out = part and not kept and any(block.text for block in part)
        if paragraphs or not (is_lead or left_out):
            chapters.append(BookChapter(title, paragraphs, start.parents))
    return tuple(chapters)


def _first_title(blocks: Sequence[Block]) -> str:
    lines: list[str] = []
    for block in blocks:
        if block.kind == "heading":
            lines.append(block.text)
        elif block.text:
            break
    return join_title(lines) if lines else ""


def _paragraphs(
    blocks: Iterable[Block], place: Callable[[Block], Source], language: str, *, blank_is_break: bool
) -> tuple[Paragraph, ...]:
    made: list[Paragraph] = []
    scene, pending = 0, False
    for block in blocks:
        kind = block.kind
        if kind == "break" or kind == "blank":  # noqa: PLR1714  mypy narrows this, and not a tuple
            pending = pending or kind == "break" or blank_is_break
            continue
        # A break after a heading, or before all text, parts nothing.
        if pending and made and made[-1].kind != "heading":
            scene += 1
        pending = False
        if made and made[-1].kind == kind == "heading":
            last = made.pop()
            made.append(Paragraph(join_title([last.text, block.text]), last.place, kind, last.language, scene))
            continue
        own = "" if same_language(block.language, language) else block.language
        made.append(Paragraph(block.text, place(block), kind, own, scene, block.tight))
    return tuple(paragraph for paragraph in made if is_speakable(paragraph.text))


def same_language(one: str, other: str) -> bool:
    """Tell whether two codes mean one language, or one of them means none."""
    first, second = (code.replace("_", "-").partition("-")[0].casefold() for code in (one, other))
    return not first or first == second
