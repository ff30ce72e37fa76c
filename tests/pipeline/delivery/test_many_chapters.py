"""An m4b of 300 chapters: every mark on its sample, and every chapter's first word where it should be."""

from pathlib import Path

import numpy as np
import pytest

RECIPE = """\
split: chapter
head_s: 0.1
tail_s: 0.1
sample_rate: 22050
loudness_lufs: -20
true_peak_dbtp: -2
deliver:
  - {kind: programme, file: "{name}.m4b", bitrate_kbps: 64, require: {seconds: 6..}}
"""


@pytest.mark.parametrize("chapters", [25, pytest.param(300, marks=pytest.mark.slow)])
def test_every_mark_is_right(cli, chapters: int, tmp_path: Path, decode, chapters_of) -> None:
    rows = "\n".join(f"Kapitel {index:03}; ä=ü,{'Bo' if index % 2 else 'Ta'}." for index in range(chapters))
    (tmp_path / "book.csv").write_text(f"chapter,text\n{rows}\n", encoding="utf-8")
    (tmp_path / "r.yaml").write_text(RECIPE)

    result = cli("export", "book.csv", "--recipe", "r.yaml", "-o", "out")

    assert result.code == 0, result.err
    path = tmp_path / "out" / "r" / "book.m4b"
    marks, samples = chapters_of(path), decode(path)
    assert [title for *_, title in marks] == [f"Kapitel {index:03}; ä=ü" for index in range(chapters)]
    starts = [start * 22_050 for start, *_ in marks]
    assert all(abs(start - round(start / 1024) * 1024) < 1e-3 for start in starts)
    assert round(marks[-1][1] * 22_050) == samples.size
    for start in map(round, starts):
        first = np.flatnonzero(np.abs(samples[start : start + 8_000]) > 0.01)[0]
        assert abs(first - 0.1 * 22_050) < 1024, start
