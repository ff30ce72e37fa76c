"""Speech made faster or slower at the same pitch, by ffmpeg: as long as it should be, to the sample."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tts_cli.audio.io.ffmpeg import FfmpegError, filtered
from tts_cli.audio.samples import Samples
from tts_cli.errors import OutputError

if TYPE_CHECKING:
    from tts_cli.types import Stretcher

# Of rubberband's ways only this one keeps both the pitch and the beginnings of sounds.
_OPTIONS: Mapping["Stretcher", Mapping[str, str]] = {
    "atempo": {},
    "rubberband": {"transients": "mixed"},
}
_AFTER_S = 0.2  # atempo ends up to 35 ms early or late; with silence behind it, nothing of the speech is missing


def stretch(samples: Samples, sample_rate: int, tempo: float, stretcher: "Stretcher") -> Samples:
    """Return mono samples [n] as [round(n / tempo)]; raises OutputError where ffmpeg cannot.

    Both keep the beginning where it is; atempo moves what follows by some 5 ms at most, rubberband by 15 ms.
    """
    length = round(samples.size / tempo)
    padded = np.append(samples, np.zeros(round(_AFTER_S * sample_rate), np.float32))
    try:
        faster = filtered(padded, sample_rate, stretcher, tempo=tempo, **_OPTIONS[stretcher])
    except FfmpegError as error:
        raise OutputError(f"a line cannot be stretched by {stretcher}: {error}") from error
    fitted = np.zeros(length, np.float32)
    fitted[: faster.size] = faster[:length]
    return fitted
