"""An EPUB's outside: its ZIP file, read with bounds; its package document, metadata and cover. DRM is refused."""

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import unquote

from tts_cli.books.block import plain
from tts_cli.books.book import Cover, refuse
from tts_cli.books.tree import Element, attribute, descendants, local_name, parse_markup, parse_xml, text_of
from tts_cli.errors import InputError

MAX_ENTRIES = 20_000
MAX_TOTAL_BYTES = 512 * 2**20
MAX_ENTRY_BYTES = 64 * 2**20
MAX_COVER_BYTES = 32 * 2**20
# Fonts may be scrambled; that locks nothing.
_FONT_SCRAMBLERS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_LOCKS = {
    "META-INF/rights.xml": "Adobe's DRM",
    "META-INF/sinf.xml": "Apple's DRM",
    "META-INF/license.lcpl": "Readium LCP",
}
_PICTURES = ((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG\r\n\x1a\n", ".png"))
_ISBN = re.compile(r"(?:urn:isbn:|isbn[:\s]*)?((?:97[89][\s-]?)?(?:\d[\s-]?){9}[\dxX])", re.IGNORECASE)
_ROLES = {"aut": "author", "nrt": "narrator", "trl": "translator"}


class Archive:
    """A ZIP file that is read with bounds; names are looked up as links have them, whatever their case."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Open it; raises `InputError` for what is no ZIP file, or one with too many entries."""
        self.name = name
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, RuntimeError) as error:
            raise refuse(name, f"is not a ZIP file: {error}", "is the file complete?") from None
        entries = self._zip.infolist()
        if len(entries) > MAX_ENTRIES:
            raise refuse(name, f"holds more than {MAX_ENTRIES:,} files")
        self._entries = {entry.filename: entry for entry in reversed(entries)}
        self._folded = {entry.filename.casefold(): entry.filename for entry in entries}
        self._left = MAX_TOTAL_BYTES

    def find(self, path: str) -> str:
        """Return the name of an entry as the file has it, or nothing."""
        for found in (path, unquote(path)):
            if found in self._entries:
                return found
            if found.casefold() in self._folded:
                return self._folded[found.casefold()]
        return ""

    def names(self) -> tuple[str, ...]:
        """Name all entries."""
        return tuple(self._entries)

    def read(self, path: str, limit: int = MAX_ENTRY_BYTES) -> bytes:
        """Unpack an entry; raises `InputError` for one that is absent, locked, damaged or larger than it may be."""
        entry = self._entries.get(self.find(path))
        place = f"{self.name}/{path}"
        if entry is None:
            raise refuse(place, "is not in the file")
        if entry.flag_bits & 0x1:
            raise refuse(self.name, "is locked by a password", "unlock it first")
        try:
            with self._zip.open(entry) as file:
                data = file.read(min(limit, self._left) + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as error:
            raise refuse(place, f"is damaged: {error}") from None
        if len(data) > min(limit, self._left):
            raise refuse(place, f"unpacks to more than {min(limit, self._left) // 2**20} MiB", "no book is so large")
        self._left -= len(data)
        return data


@dataclass(frozen=True, slots=True)
class Item:
    """A file of the package: its path in the archive, what it is, and its properties."""

    path: str
    media_type: str
    properties: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What the package document says: its files by id, the spine (ids, and whether each is in the reading order)."""

    archive: Archive
    root: Element
    folder: str
    items: Mapping[str, Item]
    spine: tuple[tuple[str, bool], ...]
    ncx: str
    roles: Mapping[str, str]

    def resolve(self, base: str, link: str) -> tuple[str, str]:
        """Return the archive's path and the fragment of a link in the file `base`; no path for a link elsewhere."""
        return resolve(self.archive, base, link)


def resolve(archive: Archive, base: str, link: str) -> tuple[str, str]:
    """Return the archive's path and the fragment that a link in the file `base` means."""
    path, _, fragment = link.strip().partition("#")
    if not path:
        return base, unquote(fragment)
    if re.match(r"[a-z][a-z0-9+.-]{1,20}:", path, re.IGNORECASE) or path.startswith("//"):
        return "", ""
    whole = posixpath.normpath(posixpath.join(posixpath.dirname(base), path)).lstrip("/")
    return archive.find(whole), unquote(fragment)


def open_package(file: BinaryIO, name: str) -> Package:
    """Open an EPUB; raises `InputError` for one that is locked, or whose package cannot be found."""
    archive = Archive(file, name)
    _refuse_locked(archive)
    path = _package_path(archive)
    root = parse_xml(archive.read(path), f"{name}/{path}")
    items = {}
    for element in descendants(root, "item"):
        found, _ = resolve(archive, path, attribute(element, "href"))
        properties = frozenset(attribute(element, "properties").split())
        items[element.get("id", "")] = Item(found, attribute(element, "media-type").lower(), properties)
    spine = tuple(
        (element.get("idref", ""), element.get("linear", "yes").lower() != "no")
        for element in descendants(root, "itemref")
        if element.get("idref", "") in items
    )
    tables = descendants(root, "spine")
    ncx = items.get(attribute(tables[0], "toc") if tables else "", Item("", "")).path
    ncx = ncx or next((item.path for item in items.values() if item.media_type == "application/x-dtbncx+xml"), "")
    guide = {
        resolve(archive, path, attribute(element, "href"))[0]: attribute(element, "type").lower()
        for element in descendants(root, "reference")
    }
    folder = posixpath.dirname(path)
    return Package(archive=archive, root=root, folder=folder, items=items, spine=spine, ncx=ncx, roles=guide)


def _package_path(archive: Archive) -> str:
    container = archive.find("META-INF/container.xml")
    if container:
        root = parse_xml(archive.read(container), f"{archive.name}/{container}")
        for element in descendants(root, "rootfile"):
            if path := archive.find(posixpath.normpath(attribute(element, "full-path")).lstrip("/")):
                return path
    packages = [path for path in archive.names() if path.lower().endswith(".opf")]
    if not packages:
        raise refuse(archive.name, "is not an EPUB: it has no package document", "an EPUB holds a file *.opf")
    return packages[0]


def _refuse_locked(archive: Archive) -> None:
    """Raise `InputError` for a book whose text is encrypted."""
    encrypted = False
    if path := archive.find("META-INF/encryption.xml"):
        root = parse_xml(archive.read(path), f"{archive.name}/{path}")
        methods = [
            attribute(element, "algorithm") or attribute(element, "Algorithm")
            for element in descendants(root, "encryptionmethod")
        ]
        encrypted = any(method not in _FONT_SCRAMBLERS for method in methods)
    lock = next((kind for path, kind in _LOCKS.items() if archive.find(path)), "")
    if encrypted or lock:
        by = f" by {lock}" if lock else ""
        raise refuse(
            archive.name, f"is encrypted{by}: its text cannot be read", "get the book without DRM from its shop"
        )


# --- metadata -------------------------------------------------------------------------------------------


def read_metadata(package: Package) -> dict[str, str]:
    """Return what the book is called and who made it, under the names of a manifest's project."""
    refines = _refinements(package.root)
    found: dict[str, list[str]] = {}
    for element in _metadata_elements(package.root):
        name, text = local_name(element), plain(text_of(element))
        more = refines.get(element.get("id", ""), {})
        if not text:
            continue
        if name == "title":
            name = "subtitle" if more.get("title-type") == "subtitle" else name
        elif name in ("creator", "contributor"):
            role = (more.get("role") or attribute(element, "role") or ("aut" if name == "creator" else "")).lower()
            name = _ROLES.get(role, "")
        elif name == "identifier":
            scheme = f"{attribute(element, 'scheme')} {more.get('identifier-type', '')} {text}".lower()
            isbn = _ISBN.fullmatch(text.strip()) if "isbn" in scheme or text.startswith("97") else None
            name, text = ("isbn", re.sub(r"[\s-]", "", isbn[1])) if isbn else ("", "")
        elif name == "meta":
            name, text = _series(element, text)
        name = {"rights": "copyright"}.get(name, name)
        if name in ("title", "subtitle", "author", "narrator", "translator", "publisher", "language", "date", "isbn",
                    "series", "copyright"):  # fmt: skip
            found.setdefault(name, []).append(text)
    several = ("author", "narrator", "translator")
    return {name: ", ".join(dict.fromkeys(texts)) if name in several else texts[0] for name, texts in found.items()}


def _metadata_elements(root: Element) -> Iterator[Element]:
    for metadata in descendants(root, "metadata"):
        for element in metadata.iter():
            if local_name(element) == "meta" and attribute(element, "name") == "calibre:series":
                element.text = attribute(element, "content")
            yield element


def _refinements(root: Element) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for element in descendants(root, "meta"):
        if refined := attribute(element, "refines").lstrip("#"):
            found.setdefault(refined, {})[attribute(element, "property")] = text_of(element)
    return found


def _series(element: Element, text: str) -> tuple[str, str]:
    if attribute(element, "property") == "belongs-to-collection" or attribute(element, "name") == "calibre:series":
        return "series", text
    return "", ""


def read_cover(package: Package) -> Cover | None:
    """Return the cover, as EPUB 3 marks it, as EPUB 2 does, as its cover page shows it, or as it is called."""
    for path in _cover_candidates(package):
        try:
            data = package.archive.read(path, MAX_COVER_BYTES) if path else b""
        except InputError:
            continue
        for magic, suffix in _PICTURES:
            if data.startswith(magic):
                return Cover(data, suffix)
    return None


def _cover_candidates(package: Package) -> Iterator[str]:
    items = package.items
    yield from (item.path for item in items.values() if "cover-image" in item.properties)
    for element in descendants(package.root, "meta"):
        if attribute(element, "name") == "cover":
            content = attribute(element, "content")
            yield items.get(content, Item("", "")).path
            yield package.archive.find(posixpath.join(package.folder, content))
    for path in [path for path, role in package.roles.items() if role == "cover" and path]:
        yield path
        yield from _pictures_of(package, path)
    named = [item for key, item in items.items() if "cover" in f"{key} {item.path}".lower()]
    yield from (item.path for item in named if item.media_type.startswith("image/"))
    first = next((items[name].path for name, _ in package.spine), "")
    if "cover" in first.lower():
        yield from _pictures_of(package, first)


def _pictures_of(package: Package, path: str) -> Iterator[str]:
    if not path.lower().endswith((".xhtml", ".html", ".htm", ".xml")):
        return
    try:
        root = parse_markup(package.archive.read(path), path)
    except InputError:
        return
    for element in descendants(root, "img", "image"):
        yield package.resolve(path, attribute(element, "src") or attribute(element, "href"))[0]
