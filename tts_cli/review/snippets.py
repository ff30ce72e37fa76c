"""A master, while it is read -> each line's own sound, as a data URL."""

import base64
from collections.abc import Iterable, Sequence

import numpy as np

from tts_cli.audio.io.readback import encode_snippet
from tts_cli.audio.samples import Samples
from tts_cli.review.model import ReviewedLine


class SnippetExtractor:
    """Cuts lines out of a master while it is read, and encodes each; only what is being cut is held."""

    def __init__(self, lines: Iterable[ReviewedLine]) -> None:
        self._coming = sorted(lines, key=lambda line: -line.start_s)
        self._cutting: list[tuple[ReviewedLine, list[Samples]]] = []
        self._sounds: dict[str, str] = {}
        self._rate = 0

    def __call__(self, start: int, block: Samples, sample_rate: int) -> None:
        self._rate = sample_rate
        end = start + len(block)
        while self._coming and self._coming[-1].start_s * sample_rate < end:
            self._cutting.append((self._coming.pop(), []))
        mono = block.mean(axis=1) if self._cutting else block
        for line, pieces in self._cutting:
            first = round(line.start_s * sample_rate)
            last = first + round(line.seconds * sample_rate)
            pieces.append(mono[max(0, first - start) : max(0, last - start)])
        still = [(line, pieces) for line, pieces in self._cutting if (line.start_s + line.seconds) * sample_rate > end]
        lasting = {line.id for line, _ in still}
        self._keep([cut for cut in self._cutting if cut[0].id not in lasting])
        self._cutting = still

    def finish(self) -> dict[str, str]:
        """Return the sounds by line id, as data URLs."""
        self._keep(self._cutting)
        return self._sounds

    def _keep(self, cuts: Sequence[tuple[ReviewedLine, list[Samples]]]) -> None:
        for line, pieces in cuts:
            data = encode_snippet(np.concatenate(pieces), self._rate)
            self._sounds[line.id] = f"data:audio/mpeg;base64,{base64.b64encode(data).decode()}"
