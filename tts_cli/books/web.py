"""HTML and Markdown to a Book: headings are chapters; what cannot be spoken is left out, and counted."""

from collections.abc import Mapping

from tts_cli.books.block import Block, plain
from tts_cli.books.book import Book, BookOptions, remark
from tts_cli.books.chapters import make_chapters, mark_headings, settle_starts, starts_by_headings
from tts_cli.books.html_blocks import Blocks, read_blocks
from tts_cli.books.tree import Element, attribute, descendants, parse_html, text_of
from tts_cli.errors import Problem, Source

_LINE = "data-line"


def read_html(text: str, name: str, options: BookOptions) -> Book:
    """Read a page; its `main` or only `article` is the text where it has one."""
    root = parse_html(text, name)
    titles = descendants(root, "title")
    said = {attribute(meta, "name").lower(): plain(attribute(meta, "content")) for meta in descendants(root, "meta")}
    metadata = {
        "title": text_of(titles[0]) if titles else "",
        "author": said.get("author", ""),
        "language": attribute(root, "lang"),
    }
    articles = descendants(root, "article")
    mains = descendants(root, "main") or (articles if len(articles) == 1 else [])
    return _book(mains[0] if mains else root, metadata, name, options)


def read_markdown(text: str, name: str, options: BookOptions) -> Book:
    """Read CommonMark with tables; a block of `key: value` between `---` at the top is its metadata."""
    from markdown_it import MarkdownIt

    head, body, offset = _front_matter(text)
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = parser.parse(body)
    for token in tokens:
        if token.map and token.nesting >= 0:
            token.attrSet(_LINE, str(token.map[0] + 1 + offset))
    page = parser.renderer.render(tokens, parser.options, {})
    metadata = {key: head.get(key, "") for key in ("title", "author", "narrator", "series", "publisher")}
    metadata["language"] = head.get("language") or head.get("lang", "")
    return _book(parse_html(f"<html><body>{page}</body></html>", name), metadata, name, options)


def _front_matter(text: str) -> tuple[Mapping[str, str], str, int]:
    lines = text.split("\n", 60)
    if lines[0].strip() != "---":
        return {}, text, 0
    end = next((number for number, line in enumerate(lines[1:60], 1) if line.strip() in ("---", "...")), 0)
    pairs = [line.partition(":") for line in lines[1:end]]
    if not end or not all(mark or not key.strip() for key, mark, _ in pairs):
        return {}, text, 0
    head = {key.strip().lower(): value.strip().strip("\"'") for key, _, value in pairs}
    return head, "\n".join(lines[end + 1 :]), end + 1


def _book(root: Element, metadata: Mapping[str, str], name: str, options: BookOptions) -> Book:
    _number_lines(root)
    found = read_blocks(root)
    title, blocks = _take_title(found.blocks)
    mark_headings(blocks)
    starts = settle_starts(starts_by_headings(blocks), blocks)

    def place(block: Block) -> Source:
        return Source(name, block.line)

    language = metadata.get("language", "")
    chapters = make_chapters(blocks, starts, options, place, language)
    metadata = {**metadata, "title": metadata.get("title") or title}
    return Book(
        chapters=chapters,
        metadata={key: value for key, value in metadata.items() if value},
        notes=skipped_notes(name, found),
    )


def _take_title(blocks: list[Block]) -> tuple[str, list[Block]]:
    """Take the title off a text that begins with the only heading of its level, and its first chapter after that."""
    first = next((index for index, block in enumerate(blocks) if block.text), len(blocks))
    following = next((block for block in blocks[first + 1 :] if block.text), None)
    if following is None or blocks[first].kind != "heading" or following.kind != "heading":
        return "", blocks
    levels = [block.level for block in blocks if block.kind == "heading"]
    level = blocks[first].level
    if levels.count(level) > 1 or level >= following.level or levels.count(following.level) < 2:
        return "", blocks
    return blocks[first].text, blocks[first + 1 :]


def _number_lines(root: Element) -> None:
    """Let the elements of rendered Markdown have the lines in which they were written."""
    for element in root.iter():
        if line := element.get(_LINE):
            element.sourceline = min(int(line), 65_535)  # type: ignore[assignment]


def skipped_notes(name: str, found: Blocks) -> tuple[Problem, ...]:
    """Say how much was passed over."""
    return tuple(
        remark(
            name, f"{count} {what}{'s' if count > 1 else ''} left out: nobody can speak {'them' if count > 1 else 'it'}"
        )
        for what, count in found.skipped.items()
    )
