"""Cues -> SRT, WebVTT, ASS and JSON. Every time is worked out from its own sample, so that nothing ever drifts."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tts_cli.types import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """Timed text: from when to when it is shown, in samples of the programme, and its words if they are known.

    The lines of `text` are parted by newlines.
    """

    start: int
    end: int
    sample_rate: int
    text: str
    speaker: str = ""
    line_id: str = ""
    words: tuple[Word, ...] = ()


_ASS_HEAD = """\
[Script Info]
ScriptType: v4.00+
PlayResX: 1920
PlayResY: 1080
WrapStyle: 2
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,60,&H00FFFFFF,&H000000FF,&H00000000,&H64000000,0,0,0,0,100,100,0,0,1,3,1,2,60,60,50,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def write_srt(cues: Sequence[Cue]) -> str:
    """Return SubRip text: numbered cues without speakers, which the format has no place for."""
    blocks = (
        f"{number}\n{_clock(cue, cue.start, ',')} --> {_clock(cue, cue.end, ',')}\n{_plain(cue.text)}\n"
        for number, cue in enumerate(cues, start=1)
    )
    return "\n".join(blocks)


def write_vtt(cues: Sequence[Cue]) -> str:
    """Return WebVTT text: cues named by their lines, speakers as voices."""
    blocks = (
        f"{_once(number, cue)}\n{_clock(cue, cue.start, '.')} --> {_clock(cue, cue.end, '.')}\n{_vtt_text(cue)}\n"
        for number, cue in enumerate(cues, start=1)
    )
    return "\n".join(("WEBVTT\n", *blocks))


def write_ass(cues: Sequence[Cue]) -> str:
    """Return Advanced SubStation text: one event per cue, the speaker as its actor. Its clock has hundredths."""
    return _ASS_HEAD + "".join(
        f"Dialogue: 0,{_ass_clock(cue, cue.start)},{_ass_clock(cue, cue.end)},Default,{_ass_name(cue.speaker)},0,0,0,,"
        f"{_ass_text(cue.text)}\n"
        for cue in cues
    )


def write_json(cues: Sequence[Cue]) -> str:
    """Return cues as data: seconds to six digits, and the words where the engine gave them."""
    return json.dumps({"cues": [_cue_json(cue) for cue in cues]}, ensure_ascii=False, indent=1) + "\n"


def write_subtitles(cues: Iterable[Cue], suffix: str) -> str:
    """Return cues in the format of a suffix: .srt, .vtt, .ass or .json."""
    writer = {".srt": write_srt, ".vtt": write_vtt, ".ass": write_ass, ".json": write_json}[suffix]
    return writer(list(cues))


def _clock(cue: Cue, sample: int, point: str) -> str:
    """Write 01:02:03,456: the nearest millisecond."""
    # In whole numbers, where a half is always rounded up.
    milliseconds = (sample * 2000 + cue.sample_rate) // (2 * cue.sample_rate)
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{milliseconds:03}"


def _ass_clock(cue: Cue, sample: int) -> str:
    hundredths = (sample * 200 + cue.sample_rate) // (2 * cue.sample_rate)
    seconds, hundredths = divmod(hundredths, 100)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{hundredths:02}"


def _plain(text: str) -> str:
    """Keep a text from being read as a cue's head: no arrow, no empty line."""
    # A cue ends at an empty line, whatever is in it.
    return re.sub(r"\n\s*\n", "\n", text.replace("-->", "->"))


def _once(number: int, cue: Cue) -> str:
    """Name a cue in one way only: by its number and its line."""
    return f"{number} {cue.line_id}".strip() if "-->" not in cue.line_id else str(number)


def _vtt_text(cue: Cue) -> str:
    text = _plain(cue.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    name = re.sub(r"[<>&\n]", " ", cue.speaker).strip()
    return f"<v {name}>{text}" if name else text


def _ass_name(speaker: str) -> str:
    return speaker.replace(",", " ").replace("\n", " ")


def _ass_text(text: str) -> str:
    """Keep braces from being overrides, and backslashes from being line breaks."""
    # ASS has no way to write a backslash, so a look-alike stands for it.
    safe = text.replace("\\", "\u29f5").replace("{", "(").replace("}", ")")
    return safe.replace("\n", "\\N")


def _cue_json(cue: Cue) -> dict[str, object]:
    words = [[word.text, *(round(at / cue.sample_rate, 6) for at in (word.start, word.end))] for word in cue.words]
    return {
        "line": cue.line_id,
        "speaker": cue.speaker,
        "start": round(cue.start / cue.sample_rate, 6),
        "end": round(cue.end / cue.sample_rate, 6),
        "text": cue.text,
        **({"words": words} if words else {}),
    }
