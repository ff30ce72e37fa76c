"""EPUBs and Word documents, built by hand for tests."""

# ruff: noqa: E501  markup stands here as files have it

import io
import zipfile
from collections.abc import Mapping, Sequence

CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
    '<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 40
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
Entry = tuple  # (title, href) or (title, href, [entries])


def page(body: str, attributes: str = "") -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops"><head><title>x</title></head><body {attributes}>{body}</body></html>'
    )


def nav(entries: Sequence[Entry], more: str = "") -> str:
    return page(f'<nav epub:type="toc"><h1>Contents</h1>{_ol(entries)}</nav>{more}')


def _ol(entries: Sequence[Entry]) -> str:
    return (
        "<ol>"
        + "".join(f"<li>{_label(entry)}{_ol(entry[2]) if len(entry) > 2 else ''}</li>" for entry in entries)
        + "</ol>"
    )


def _label(entry: Entry) -> str:
    return f'<a href="{entry[1]}">{entry[0]}</a>' if entry[1] else f"<span>{entry[0]}</span>"


def ncx(entries: Sequence[Entry]) -> str:
    return (
        '<?xml version="1.0"?><ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1"><navMap>'
        f"{_points(entries)}</navMap></ncx>"
    )


def _points(entries: Sequence[Entry]) -> str:
    return "".join(
        f"<navPoint><navLabel><text>{entry[0]}</text></navLabel><content src='{entry[1]}'/>"
        f"{_points(entry[2]) if len(entry) > 2 else ''}</navPoint>"
        for entry in entries
    )


def epub(
    pages: Mapping[str, str],
    *,
    toc: Sequence[Entry] | str = (),
    ncx_toc: Sequence[Entry] | str = (),
    metadata: str = "<dc:title>The River</dc:title><dc:creator>Ann Author</dc:creator><dc:language>en</dc:language>",
    items: str = "",
    spine: str | None = None,
    guide: str = "",
    spine_attributes: str = "",
    extra: Mapping[str, bytes | str] | None = None,
) -> bytes:
    """Build a book of pages (names to whole files, in the order of the spine)."""
    files: dict[str, bytes | str] = {"META-INF/container.xml": CONTAINER}
    listed = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in pages)
    if toc:
        listed += '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
        files["OEBPS/nav.xhtml"] = toc if isinstance(toc, str) else nav(toc)
    if ncx_toc:
        listed += '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
        files["OEBPS/toc.ncx"] = ncx_toc if isinstance(ncx_toc, str) else ncx(ncx_toc)
        spine_attributes += ' toc="ncx"'
    order = "".join(f'<itemref idref="{name}"/>' for name in pages) if spine is None else spine
    files["OEBPS/book.opf"] = (
        '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opf="http://www.idpf.org/2007/opf">'
        f"{metadata}</metadata><manifest>{listed}{items}</manifest>"
        f"<spine{spine_attributes}>{order}</spine>{guide}</package>"
    )
    files |= {f"OEBPS/{name}": text for name, text in pages.items()} | dict(extra or {})
    return zipped({"mimetype": "application/epub+zip", **files})


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            stored = zipfile.ZIP_STORED if name == "mimetype" else None
            archive.writestr(name, data, stored)
    return out.getvalue()


W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STYLES = (
    f'<w:styles xmlns:w="{W}"><w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:styleId="Mine"><w:name w:val="Chapter of mine"/><w:basedOn w:val="H1"/></w:style>'
    '<w:style w:styleId="Q"><w:name w:val="Quote"/></w:style></w:styles>'
)


def docx(body: str, extra: Mapping[str, bytes | str] | None = None) -> bytes:
    """Build a Word document of the XML of its body."""
    core = (
        '<cp:coreProperties xmlns:cp="c" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The River</dc:title>'
        "<dc:creator>Ann Author</dc:creator></cp:coreProperties>"
    )
    document = f'<w:document xmlns:w="{W}"><w:body>{body}<w:sectPr/></w:body></w:document>'
    files = {"[Content_Types].xml": "<Types/>", "word/document.xml": document, "word/styles.xml": STYLES}
    return zipped({**files, "docProps/core.xml": core, **(extra or {})})


def paragraph(text: str, style: str = "") -> str:
    """Write a paragraph; `text` is XML of runs where it begins with `<`."""
    runs = text if text.startswith("<") else f"<w:r><w:t>{text}</w:t></w:r>"
    return f"<w:p>{f'<w:pPr><w:pStyle w:val={style!r}/></w:pPr>' if style else ''}{runs}</w:p>"
