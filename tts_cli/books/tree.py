"""Bytes to trees of elements, by lxml: nothing is fetched, no entity is expanded, and no tree is larger than a book."""

import re
from html.entities import html5

from lxml import etree

from tts_cli.books.book import refuse

MAX_BYTES = 64 * 2**20
MAX_TAGS = 3_000_000
"""So many `<` a document may hold: a million elements, each opened and closed, and some comments."""

Element = etree._Element  # noqa: SLF001  lxml has no public name for it
_XML_NAMES = frozenset(("amp", "lt", "gt", "quot", "apos"))
_ENTITY = re.compile(r"&([^\W\d][\w.:-]{0,63});")
_DOCTYPE = re.compile(r"<!DOCTYPE[^\[<>]*(\[)?", re.IGNORECASE)
_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}?encoding=["']([\w.-]{1,40})["']""")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,300}\?>")
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset=["']?([\w-]{1,40})""", re.IGNORECASE)
# HTML knows no empty elements but its own: `<a id="x"/>` would stay open.
_SELF_CLOSED = re.compile(
    r"<(a|b|div|em|i|li|p|span|strong|sub|sup|td|th|title|script)(\s[^<>]{0,2000})?/>", re.IGNORECASE
)


def parse_xml(data: bytes, name: str) -> Element:
    """Parse XML that should be sound; raises `InputError` where there is nothing at all."""
    text = decode_markup(data, name)
    try:
        return _parse(text, recover=False)
    except (etree.XMLSyntaxError, ValueError) as error:
        try:
            return _parse(text, recover=True)
        except (etree.XMLSyntaxError, ValueError):
            raise refuse(name, f"is not XML: {error}") from None


def parse_markup(data: bytes, name: str) -> Element:
    """Parse XHTML, or as HTML what is not sound XML; raises `InputError` where there is nothing at all."""
    text = decode_markup(data, name)
    try:
        return _parse(text, recover=False)
    except (etree.XMLSyntaxError, ValueError):
        return parse_html(text, name)


def parse_html(text: str, name: str) -> Element:
    """Parse HTML as browsers read it, however broken."""
    _check_size(text.count("<"), name)
    parser = etree.HTMLParser(no_network=True, remove_pis=True, remove_comments=True, encoding="utf-8")
    try:
        root = etree.fromstring(_SELF_CLOSED.sub(r"<\1\2></\1>", text).encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, etree.ParserError, ValueError) as error:
        raise refuse(name, f"is not HTML: {error}") from None
    if root is None:
        raise refuse(name, "is empty")
    return root


def decode_markup(data: bytes, name: str) -> str:
    """Decode markup by its mark, by what it says of itself, else as UTF-8; raises `InputError` if it is too large."""
    if len(data) > MAX_BYTES:
        raise refuse(name, f"is larger than {MAX_BYTES // 2**20} MiB")
    said = _ENCODING.search(data[:1000]) or _META_CHARSET.search(data[:4000])
    codec = said[1].decode() if said else "utf-8"
    for mark, marked in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            codec = marked
    try:
        text = data.decode(codec)
    except (UnicodeDecodeError, LookupError):
        text = data.decode("utf-8", "replace") if codec != "utf-8" else data.decode("cp1252", "replace")
    _check_size(text.count("<"), name)
    # Characters that no XML may hold; one of them is no reason to lose a book.
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", _DECLARATION.sub("", text, count=1))


def _check_size(tags: int, name: str) -> None:
    if tags > MAX_TAGS:
        raise refuse(name, f"holds more than {MAX_TAGS:,} tags", "no book has so many: split it")


def _parse(text: str, *, recover: bool) -> Element:
    doctype = _DOCTYPE.search(text, 0, 4000)
    if doctype and doctype[1]:
        # An internal subset only declares entities: none of them is needed, and bombs are made of them.
        end = text.find("]>", doctype.end())
        text = text[: doctype.start()] + (text[end + 2 :] if end >= 0 else "")
    root = etree.fromstring(_ENTITY.sub(_character, text).encode(), _xml_parser(recover=recover))
    if root is None:
        raise ValueError("holds nothing")
    etree.strip_elements(root, etree.Entity, with_tail=False)
    return root


def _xml_parser(*, recover: bool) -> etree.XMLParser:
    return etree.XMLParser(
        recover=recover,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        encoding="utf-8",
    )


def _character(entity: re.Match[str]) -> str:
    """Write `&nbsp;` and its like as characters: XML knows but five names; one that nobody knows means nothing."""
    if entity[1] in _XML_NAMES:
        return entity[0]
    return html5.get(f"{entity[1]};", "")


def local_name(element: Element) -> str:
    """Return an element's name without its namespace, in lower case; empty for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def attribute(element: Element, name: str) -> str:
    """Return an attribute by its plain name, whatever its namespace or prefix."""
    found = element.get(name)
    if found is not None:
        return found
    for key, value in element.items():
        if str(key).rpartition("}")[2].rpartition(":")[2] == name:
            return str(value)
    return ""


def line_of(element: Element) -> int:
    """Return the line in which an element begins, as far as the parser knows it."""
    line = element.sourceline
    return line if isinstance(line, int) else 1


def descendants(element: Element, *names: str) -> list[Element]:
    """Return the elements of these names, in the order of the document."""
    return [found for found in element.iter() if local_name(found) in names]


def text_of(element: Element) -> str:
    """Return all text inside an element, in one line."""
    return " ".join("".join(str(part) for part in element.itertext()).split())
