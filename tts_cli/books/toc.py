"""An EPUB's table of contents: the navigation document of EPUB 3, else the NCX of EPUB 2; and its landmarks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tts_cli.books.block import join_title, plain
from tts_cli.books.html_blocks import tokens
from tts_cli.books.package import Package
from tts_cli.books.tree import Element, attribute, descendants, local_name, parse_markup, parse_xml
from tts_cli.errors import InputError

MAX_ENTRIES = 10_000
MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class TocEntry:
    """An entry, with the file and the fragment that it leads to, and the titles of the entries around it."""

    title: str
    path: str
    fragment: str
    parents: tuple[str, ...] = ()


def nav_path(package: Package) -> str:
    """Return the path of the navigation document, or nothing."""
    return next((item.path for item in package.items.values() if "nav" in item.properties), "")


def read_toc(package: Package) -> tuple[TocEntry, ...]:
    """Read the table of contents, nested entries in their order; empty where there is none."""
    found: list[TocEntry] = []
    if path := nav_path(package):
        nav = _nav(package, path, "toc")
        if nav is not None:
            found = list(_nav_entries(package, path, nav, (), 0))
    if not found and package.ncx:
        root = _parse(package, package.ncx)
        for nav_map in descendants(root, "navmap")[:1] if root is not None else []:
            found = list(_ncx_entries(package, nav_map, (), 0))
    return tuple(_linked(found[:MAX_ENTRIES]))


def read_landmarks(package: Package) -> dict[str, tuple[str, ...]]:
    """Return what the landmarks call each file; a landmark inside a file says nothing of the whole."""
    path = nav_path(package)
    nav = _nav(package, path, "landmarks") if path else None
    found = {}
    for link in descendants(nav, "a") if nav is not None else []:
        file, fragment = package.resolve(path, attribute(link, "href"))
        if file and not fragment:
            found[file] = tuple(tokens(link))
    return found


def _parse(package: Package, path: str) -> Element | None:
    try:
        data = package.archive.read(path)
        return parse_xml(data, path) if path.lower().endswith(".ncx") else parse_markup(data, path)
    except InputError:
        return None


def _nav(package: Package, path: str, kind: str) -> Element | None:
    root = _parse(package, path)
    navs = descendants(root, "nav") if root is not None else []
    wanted = next((nav for nav in navs if {kind, f"doc-{kind}"} & tokens(nav)), None)
    return navs[0] if wanted is None and kind == "toc" and len(navs) == 1 else wanted


def _nav_entries(
    package: Package, path: str, outer: Element, parents: tuple[str, ...], depth: int
) -> Iterator[TocEntry]:
    if depth > MAX_DEPTH:
        return
    lists = [element for element in outer if local_name(element) == "ol"] or descendants(outer, "ol")[:1]
    for item in (item for entries in lists[:1] for item in entries if local_name(item) == "li"):
        label = next((one for one in item.iter() if local_name(one) in ("a", "span")), None)
        title = _title(label) if label is not None else ""
        file, fragment = (
            package.resolve(path, attribute(label, "href"))
            if label is not None and attribute(label, "href")
            else ("", "")
        )
        if title:
            yield TocEntry(title, file, fragment, parents)
        if any(local_name(one) == "ol" for one in item):
            yield from _nav_entries(package, path, item, (*parents, title) if title else parents, depth + 1)


def _ncx_entries(package: Package, outer: Element, parents: tuple[str, ...], depth: int) -> Iterator[TocEntry]:
    if depth > MAX_DEPTH:
        return
    for point in (point for point in outer if local_name(point) == "navpoint"):
        labels = [one for one in point if local_name(one) == "navlabel"]
        links = [attribute(one, "src") for one in point if local_name(one) == "content"]
        title = _title(labels[0]) if labels else ""
        file, fragment = package.resolve(package.ncx, links[0]) if links and links[0] else ("", "")
        if title:
            yield TocEntry(title, file, fragment, parents)
        yield from _ncx_entries(package, point, (*parents, title) if title else parents, depth + 1)


def _title(label: Element) -> str:
    """Return a label in one line; one of two lines is joined as a heading is."""
    for line_break in descendants(label, "br"):
        line_break.text = "\n"
    text = "".join(str(part) for part in label.itertext())
    lines = [line for line in map(plain, text.strip().split("\n")) if line]
    return join_title(lines) if lines else ""


def _linked(entries: list[TocEntry]) -> Iterator[TocEntry]:
    """Give an entry without a link that of the entry after it, if that is its child."""
    for index, entry in enumerate(entries):
        following = next((one for one in entries[index + 1 :][:50] if one.path), None)
        if not entry.path and following and entry.title in following.parents:
            yield replace(entry, path=following.path, fragment=following.fragment)
        elif entry.path:
            yield entry
