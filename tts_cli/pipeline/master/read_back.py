"""What was written, read back from the file: its length, chapters, tags, cover, streams and language."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tts_cli.audio.io.files import PCM_FORMATS
from tts_cli.audio.io.heads import find_differences, read_head, wanted_head
from tts_cli.audio.io.outputs import Output
from tts_cli.audio.meters.loudness import FileLevels
from tts_cli.pipeline.model import Check

# An encoder counts in frames; all of ours say in the file's head what of the first and last one is not to be heard.
_LENGTH_SLACK_S = 0.005


def find_misread(output: Output, levels: FileLevels, seconds: float) -> tuple[Check, ...]:
    """Return a failed check for all that a file does not give back as it was written; none where it does.

    `levels` is what it measures, `seconds` how much sound went into it. Raises `OutputError` for one that cannot be
    read at all.
    """
    return (*_compare_length(output, levels.frames / levels.sample_rate, seconds), *_compare_heads(output))


def find_lost_streams(wanted: Sequence[str], found: Sequence[str]) -> tuple[Check, ...]:
    """Return a failed check where a film has not all the streams that it should, by their kinds."""
    lost = sorted((Counter(wanted) - Counter(found)).elements())
    if not lost:
        return ()
    count = len(wanted)
    note = f"without {', '.join(lost)}"
    return (Check(name="read_back_streams", value=count - len(lost), low=count, high=count, passed=False, note=note),)


def _compare_length(output: Output, seconds: float, wanted: float) -> Iterator[Check]:
    slack = 0.5 / output.recipe.sample_rate if output.recipe.format in PCM_FORMATS else _LENGTH_SLACK_S
    if abs(seconds - wanted) > slack:
        note = f"{wanted:.3f} s went in"
        yield Check(name="read_back_s", value=seconds, low=wanted - slack, high=wanted + slack, passed=False, note=note)


def _compare_heads(output: Output) -> Iterator[Check]:
    for found in find_differences(wanted_head(output), read_head(output.path, output)):
        yield Check(
            name=f"read_back_{found.name}",
            value=found.right,
            low=found.wanted,
            high=found.wanted,
            passed=False,
            note=found.note or "read back from the file",
        )
