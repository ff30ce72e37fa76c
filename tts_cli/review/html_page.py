"""A review as one HTML page that needs nothing but itself and, unless sounds are embedded, the audio beside it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any
from urllib.parse import quote

from tts_cli.errors import fold_warnings
from tts_cli.text.markup import first_words

Json = Mapping[str, Any]

_LOUDEST_LUFS, _QUIETEST_LUFS = 0.0, -50.0
_HEIGHT = 100
_STYLES = {"ok": "good", "flagged": "warn"}


def write_page(review: Json, base: str, sounds: Mapping[str, str]) -> bytes:
    """Return the page of a review in its JSON form.

    `base` leads from the page to the output folder ("" where it lies in it); `sounds` are data URLs by line.
    """
    source = _Source(base, sounds)
    parts = [
        _head(review),
        _problems(review["problems"]),
        _files(review["files"], source),
        _tools(review["lines"]),
        _contents(review),
        *_chapters(review, source),
        f"<script>{_asset('report_page.js')}</script></body></html>\n",
    ]
    return "\n".join(parts).encode("utf-8", "xmlcharrefreplace")


class _Source:
    """Where the page finds its sounds."""

    def __init__(self, base: str, sounds: Mapping[str, str]) -> None:
        self._base = base
        self._sounds = sounds

    def file(self, path: str) -> str:
        return quote(f"{self._base}{path}")

    def line(self, line: Json) -> tuple[str, float]:
        """Return a line's URL, and where in it the line begins."""
        if line["id"] in self._sounds:
            return self._sounds[line["id"]], 0.0
        return self.file(line["audio"]), line["start_s"] if line["audio"] == line["master"] else 0.0


def _asset(name: str) -> str:
    return resources.files("tts_cli.review").joinpath(name).read_text(encoding="utf-8")


def _clock(seconds: float, digits: int = 0) -> str:
    whole = round(seconds * 10**digits)
    minutes, rest = divmod(whole, 60 * 10**digits)
    hours, minutes = divmod(minutes, 60)
    width = 2 + digits + bool(digits)
    tail = f"{rest / 10**digits:0{width}.{digits}f}"
    return f"{hours}:{minutes:02}:{tail}" if hours else f"{minutes}:{tail}"


# --- the upper part -------------------------------------------------------------------------------------


def _head(review: Json) -> str:
    title = escape(review["project"])
    counts = ", ".join(f"{count:,} {name}" for name, count in review["counts"].items() if count and name != "total")
    style = "good" if review["status"] == "ok" and not review["problems"] else "bad"
    status = "ok" if style == "good" else review["status"] if review["status"] != "ok" else "has problems"
    warnings = "".join(f'<p class="warn">warning: {escape(text)}</p>' for text in fold_warnings(review["warnings"]))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title>'
        f"<style>{_asset('report_page.css')}</style></head><body>"
        f'<h1>{title} <span class="{style}">{escape(status)}</span></h1>'
        f'<p class="soft">{len(review["lines"]):,} lines: {counts} · {_clock(review["audio_seconds"])} of audio</p>'
        f"{warnings}"
    )


def _problems(problems: Sequence[Json]) -> str:
    if not problems:
        return '<h2>Problems</h2><p class="good">None.</p>'
    rows = "".join(
        f'<tr><td class="{_STYLES.get(one["kind"], "bad")}">{escape(one["kind"])}</td><td>{_linked(one)}</td>'
        f'<td>{escape(one["problem"])}</td><td class="soft">{escape(one["source"])}</td></tr>'
        for one in problems
    )
    head = "<tr><th>what</th><th>line or file</th><th>problem</th><th>written at</th></tr>"
    return f"<h2>Problems ({len(problems):,})</h2><table>{head}{rows}</table>"


def _linked(problem: Json) -> str:
    name = escape(problem["name"])
    is_line = problem["kind"] not in ("file", "not written")
    return f'<a href="#{_anchor(problem["name"])}">{name}</a>' if is_line else name


def _anchor(line_id: str) -> str:
    return escape(f"line-{line_id}", quote=True)


def _files(files: Iterable[Json], source: _Source) -> str:
    """List the files with their checks; those of single lines only where a check failed."""
    rows = []
    for file in files:
        failed = [check for check in file["checks"] if not check["passed"]]
        if file["kind"] == "lines" and not failed:
            continue
        lufs = "" if file["lufs"] is None else f"{file['lufs']:.1f}"
        peak = "" if file["true_peak_dbtp"] is None else f"{file['true_peak_dbtp']:.1f}"
        checks = "".join(map(_check, file["checks"]))
        link = f'<a href="{source.file(file["path"])}">{escape(file["path"])}</a>'
        length = _clock(file["seconds"]) if file["seconds"] else ""
        cells = f'<td class="number">{length}</td><td class="number">{lufs}</td><td class="number">{peak}</td>'
        rows.append(f"<tr><td>{link}</td><td>{escape(file['kind'])}</td>{cells}<td><ul>{checks}</ul></td></tr>")
    head = (
        '<tr><th>file</th><th>kind</th><th class="number">length</th><th class="number">LUFS</th>'
        '<th class="number">dBTP</th><th>checks</th></tr>'
    )
    return f"<h2>Files</h2><table>{head}{''.join(rows)}</table>"


def _check(check: Json) -> str:
    """Tell what a file measures, and beside it what was wanted."""
    verdict = '<span class="good">pass</span>' if check["passed"] else '<span class="bad">FAIL</span>'
    wanted = f'<span class="soft">wanted {escape(check["wanted"])}</span>'
    return f"<li>{escape(check['name'])} {escape(check['measured'])}, {wanted} {verdict}</li>"


def _tools(lines: Iterable[Json]) -> str:
    speakers = dict.fromkeys(line["speaker"] for line in lines if line["speaker"])
    options = "".join(f"<option>{escape(speaker)}</option>" for speaker in speakers)
    return (
        '<h2>Lines</h2><div class="tools"><input id="search" type="search" placeholder="Find in text, speaker, id" '
        'aria-label="Find"><select id="only" aria-label="Which"><option value="">all lines</option>'
        '<option value="problems">problems</option><option value="rendered">rendered in the last run</option></select>'
        f'<select id="who" aria-label="Speaker"><option value="">all speakers</option>{options}</select>'
        '<span id="said" class="soft" role="status"></span></div>'
    )


# --- chapters and lines ---------------------------------------------------------------------------------


def _chapters(review: Json, source: _Source) -> Iterator[str]:
    """Yield each master with its lines, in the script's order; lines that are in none come first."""
    groups = _by_chapter(review)
    if lines := groups.get(""):
        yield f'<details open id="chapter-0"><summary><h3>In no file</h3></summary>{_rows(lines, source)}</details>'
    for number, chapter in enumerate(review["chapters"], 1):
        lines = groups.get(chapter["path"], [])
        count = f"{len(lines):,} line{'' if len(lines) == 1 else 's'}"
        told = f"{count}, {_clock(chapter['seconds'])}, {escape(chapter['path'])}"
        yield (
            f'<details open id="chapter-{number}"><summary><h3>{escape(chapter["title"])}</h3> '
            f'<span class="soft">{told}</span></summary>{_plots(chapter, source)}{_rows(lines, source)}</details>'
        )


def _by_chapter(review: Json) -> dict[str, list[Json]]:
    """Group the lines by the master they are in, "" for those that are in none."""
    groups: dict[str, list[Json]] = {}
    known = {chapter["path"] for chapter in review["chapters"]}
    for line in review["lines"]:
        groups.setdefault(line["master"] if line["master"] in known else "", []).append(line)
    return groups


def _contents(review: Json) -> str:
    """List the chapters, with their lengths and how many problems each has; nothing where there is only one."""
    if len(review["chapters"]) < 2:
        return ""
    groups, items = _by_chapter(review), []
    for number, chapter in enumerate(review["chapters"], 1):
        bad = sum(line["status"] != "ok" for line in groups.get(chapter["path"], ()))
        told = f' <span class="bad">{bad:,} with a problem</span>' if bad else ""
        link = f'<a href="#chapter-{number}">{escape(chapter["title"])}</a>'
        items.append(f'<li>{link} <span class="soft">{_clock(chapter["seconds"])}</span>{told}</li>')
    return f'<nav aria-label="Chapters"><ol>{"".join(items)}</ol></nav>'


def _plots(chapter: Json, source: _Source) -> str:
    """Draw a chapter's peaks, and its short-term loudness with the target."""
    title, seconds = escape(chapter["title"], quote=True), chapter["seconds"]
    data = (
        f'data-src="{source.file(chapter["path"])}" data-seconds="{seconds}" role="slider" tabindex="0" '
        f'aria-valuemin="0" aria-valuemax="{seconds}" aria-valuenow="0" aria-valuetext="0:00 of {_clock(seconds)}"'
    )
    keys = "click or Space plays from here, Space or Esc stops, arrows move"
    labels = "".join(
        f'<span style="top:{_level(lufs):.0f}%">{lufs:.0f}</span>' for lufs in (-10.0, -20.0, -30.0, -40.0)
    )
    target = chapter["target_lufs"]
    line = (
        f'<line class="target" x1="0" x2="1000" y1="{_level(target):.1f}" y2="{_level(target):.1f}"/>' if target else ""
    )
    wave = _svg(_wave(chapter["peaks"]))
    return (
        f'<div class="plot" {data} aria-label="Peaks of {title}" title="Peaks; {keys}">{wave}<i></i></div>'
        f'<div class="plot" {data} aria-label="Loudness of {title}" title="Short-term loudness in LUFS; {keys}">'
        f"{_svg(line + _curve(chapter['lufs']))}{labels}<i></i></div>"
    )


def _svg(inner: str) -> str:
    return f'<svg viewBox="0 0 1000 {_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{inner}</svg>'


def _wave(peaks: Sequence[float]) -> str:
    middle = _HEIGHT / 2
    upper = [f"{x:.1f},{middle - middle * peak:.1f}" for x, peak in zip(_across(peaks), peaks, strict=True)]
    lower = [f"{x:.1f},{middle + middle * peak:.1f}" for x, peak in zip(_across(peaks), peaks, strict=True)]
    return f'<polygon class="wave" points="{" ".join([*upper, *reversed(lower)])}"/>'


def _curve(lufs: Sequence[float]) -> str:
    points = " ".join(f"{x:.1f},{_level(level):.1f}" for x, level in zip(_across(lufs), lufs, strict=True))
    return f'<polyline class="loudness" points="{points}"/>'


def _across(values: Sequence[float]) -> list[float]:
    return [1000 * (place + 0.5) / len(values) for place in range(len(values))]


def _level(lufs: float) -> float:
    """Return a loudness as a height from the top, in percent."""
    share = (_LOUDEST_LUFS - lufs) / (_LOUDEST_LUFS - _QUIETEST_LUFS)
    return _HEIGHT * min(1.0, max(0.0, share))


def _rows(lines: Iterable[Json], source: _Source) -> str:
    return "".join(_row(line, source) for line in lines)


def _row(line: Json, source: _Source) -> str:
    url, start_s = source.line(line)
    label = escape(f"Play {line['id']}: {first_words(line['text'])}", quote=True)
    button = (
        f'<button class="play" aria-pressed="false" aria-label="{label}" data-src="{url}" data-start="{start_s}" '
        f'data-seconds="{line["seconds"]}">▶</button>'
        if line["seconds"]
        else "<span></span>"
    )
    problem = ""
    if line["status"] != "ok":
        style = _STYLES.get(line["status"], "bad")
        problem = f' <span class="{style}">{escape(line["status"])}: {escape(line["problem"])}</span>'
    return (
        f'<div class="row" id="{_anchor(line["id"])}" data-status="{escape(line["status"])}" '
        f'data-reason="{escape(line["reason"])}" data-who="{escape(line["speaker"], quote=True)}">{button}'
        f"<time>{_clock(line['start_s'], 2) if line['seconds'] else ''}</time>"
        f'<span class="who">{escape(line["speaker"])}</span>'
        f'<span class="said">{escape(line["text"])}{problem}<span class="meta">{_meta(line)}</span></span>'
        f'<span class="length">{line["seconds"]:.2f} s</span></div>'
    )


def _meta(line: Json) -> str:
    """Tell how a line was made, and in a dub how it was fitted."""
    said = [line["id"], line["emotion"].removesuffix(":1"), line["engine"], line["voice"], line["language"]]
    said.append(f"rendered: {line['reason']}" if line["reason"] else "")
    if timing := line["timing"]:
        said.append(f"{timing['action']}, rate {timing['rate']}, drift {timing['drift_s']} s")
    return escape(re.sub(r"\s+", " ", " · ".join(filter(None, said))))
