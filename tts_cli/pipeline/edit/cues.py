"""Timeline -> Cues: when which words are heard, in samples of the programme."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, groupby, pairwise

import numpy as np

from tts_cli.formats.subtitles import Cue
from tts_cli.pipeline.model import PlannedLine
from tts_cli.text.captions import CaptionRules, Chunk, split_captions, width
from tts_cli.text.markup import display_text
from tts_cli.types import Clip, Timeline, Word


def make_cues(timelines: Sequence[Timeline], lines: Mapping[str, PlannedLine], rules: CaptionRules) -> tuple[Cue, ...]:
    """Cut the shown text of every line that is heard into cues, for timelines that follow one another.

    A cue begins with its first word. It ends with its last, or later where that leaves time to read it: before the
    next one begins.
    """
    cues: list[Cue] = []
    offset = 0
    for timeline in timelines:
        for line_id, clips in groupby(timeline.line_clips, key=lambda clip: clip.line_id):
            cues += _line_cues(lines[line_id], list(clips), timeline.sample_rate, offset, rules)
        offset += timeline.length
    return tuple(_readable(cues, offset, rules))


def _line_cues(
    planned: PlannedLine, clips: Sequence[Clip], sample_rate: int, offset: int, rules: CaptionRules
) -> Iterator[Cue]:
    text = " ".join(display_text(planned.line.text).split())
    words = [word for clip in clips for word in _words(planned, clip)]
    exact = all(clip.take.flat_words for clip in clips)
    for chunk in split_captions(text, rules):
        start, end = _span(text, chunk, words)
        inside = [word for word in words if start <= word.start < end] if exact else []
        yield Cue(
            start=offset + start,
            end=offset + max(end, start + 1),
            sample_rate=sample_rate,
            text=chunk.text,
            speaker=planned.line.speaker,
            line_id=planned.line.id,
            words=tuple(Word(word.text, offset + word.start, offset + word.end) for word in inside),
        )


def _span(text: str, chunk: Chunk, words: Sequence[Word]) -> tuple[int, int]:
    """Return when a part of a shown text is heard: by its words if as many are spoken as shown, else by its share."""
    whole_words = all(text[at - 1 : at].isspace() or text[at : at + 1].isspace() for at in (chunk.start, chunk.end))
    if len(text.split()) == len(words) and (whole_words or len(chunk.text) >= len(text)):
        return words[len(text[: chunk.start].split())].start, words[len(text[: chunk.end].split()) - 1].end
    letters = list(accumulate((len(word.text) + 1 for word in words), initial=0))
    places = [place for before, after in pairwise(letters) for place in (before, after - 1)]
    times = [time for word in words for time in (word.start, word.end)]
    start, end = np.interp(np.array([chunk.start, chunk.end]) / len(text) * places[-1], places, times)
    return round(float(start)), round(float(end))


def _words(planned: PlannedLine, clip: Clip) -> list[Word]:
    """Return the words of a clip where the timeline has them; an engine without word times gives one for all."""
    words: Sequence[Word] = clip.take.words
    if planned.utterances[clip.part].turns:  # the take holds the words of others too
        words = [word for word in words if clip.trim <= (word.start + word.end) // 2 < clip.trim + clip.trim_length]
    if not words:
        text = planned.utterances[clip.part].text
        return [Word(text, clip.start, clip.start + clip.length)]
    ratio = clip.length / clip.trim_length

    def place(sample: int) -> int:
        return clip.start + min(max(round((sample - clip.trim) * ratio), 0), clip.length)

    return [Word(word.text, place(word.start), place(word.end)) for word in words]


def _readable(cues: Sequence[Cue], length: int, rules: CaptionRules) -> Iterator[Cue]:
    """Let each cue stay long enough to be read, as far as the next one leaves room; none reaches into the next."""
    for cue, after in zip(cues, [*cues[1:], None], strict=True):
        limit = after.start - round(rules.gap_s * cue.sample_rate) if after else length
        wanted_s = max(rules.shortest_s, len(cue.text) / rules.chars_per_second)
        end = max(cue.end, min(cue.start + round(wanted_s * cue.sample_rate), limit))
        yield replace(cue, end=max(cue.start + 1, min(end, after.start)) if after else end)


def fastest(cues: Iterable[Cue]) -> float:
    """Return the highest reading speed among cues, in characters per second."""
    return max(
        (len(cue.text.replace("\n", " ")) * cue.sample_rate / (cue.end - cue.start) for cue in cues), default=0.0
    )


def widest(cues: Iterable[Cue]) -> int:
    """Return the columns of the longest line."""
    return max((width(line) for cue in cues for line in cue.text.split("\n")), default=0)
