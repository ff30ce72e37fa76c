"""No file that a run reads is written over, and none that this tool did not write."""

import os
from pathlib import Path

import pytest

from tts_cli.errors import OutputError, UsageError
from tts_cli.pipeline.master.output_guard import INDEX_FILE, OutputGuard

OUT = Path("out")


@pytest.fixture(autouse=True)
def _folder() -> None:
    OUT.mkdir()


def refusal(guard: OutputGuard, *names: str) -> str:
    with pytest.raises(UsageError) as caught:
        guard.claim(names)
    return caught.value.message


def test_an_input_is_refused_by_each_of_its_names() -> None:
    clip = Path("clip.wav")
    clip.write_bytes(b"mine")
    os.link(clip, OUT / "hard.wav")
    (OUT / "soft.wav").symlink_to(clip.resolve())
    (OUT / "Own.wav").write_bytes(b"mine too")
    guard = OutputGuard(OUT, [clip, OUT / "Own.wav"], overwrite=True)
    for name in ("hard.wav", "soft.wav", "Own.wav", "own.WAV", "../clip.wav"):
        assert "its own input" in refusal(guard, name), name
        with pytest.raises(OutputError, match="is an input"):
            guard.path(name)
    guard.claim(["other.wav"])


def test_what_others_wrote_is_named_all_at_once_and_replaced_only_when_told_to() -> None:
    for name in ("a.wav", "b.wav"):
        (OUT / name).write_bytes(b"theirs")
    said = refusal(OutputGuard(OUT), "a.wav", "b.wav", "c.wav")
    assert "out/a.wav, out/b.wav" in said
    assert "c.wav" not in said
    OutputGuard(OUT, overwrite=True).claim(["a.wav"])
    with pytest.raises(OutputError, match="did not write it"):
        OutputGuard(OUT).path("a.wav")


def test_what_it_gave_out_once_is_ours_from_then_on() -> None:
    OutputGuard(OUT).path("sub/a.wav").write_bytes(b"ours")
    OutputGuard(OUT).claim(["sub/a.wav"])
    assert (OUT / INDEX_FILE).read_text() == '"sub/a.wav"\n'


def test_a_name_that_was_only_claimed_is_not_ours() -> None:
    OutputGuard(OUT).claim(["a.wav"])
    (OUT / "a.wav").write_bytes(b"made by hand, as the run failed")
    assert "a.wav" in refusal(OutputGuard(OUT), "a.wav")


def test_the_index_is_sorted_in_the_end_and_forgets_what_is_gone() -> None:
    guard = OutputGuard(OUT)
    for name in ("b.wav", "a.wav", "gone.wav"):
        guard.path(name).touch()
    (OUT / "gone.wav").unlink()
    guard.close()
    assert (OUT / INDEX_FILE).read_text() == '"a.wav"\n"b.wav"\n'
    (OUT / "gone.wav").write_bytes(b"theirs")
    assert "gone.wav" in refusal(OutputGuard(OUT), "gone.wav")


def test_a_report_stands_in_for_a_lost_index_and_a_torn_line_is_passed_over() -> None:
    (OUT / "a.wav").touch()
    (OUT / "b.wav").touch()
    (OUT / INDEX_FILE).write_bytes(b'"b.wav"\n"a.w')
    guard = OutputGuard(OUT, listed=lambda: ["a.wav"])
    guard.claim(["a.wav", "b.wav"])
    OutputGuard(OUT).claim(["b.wav"])


def test_two_runs_know_of_each_others_files() -> None:
    first, second = OutputGuard(OUT), OutputGuard(OUT)
    first.path("a.wav").touch()
    second.claim(["a.wav"])
    second.path("b.wav").touch()
    first.close()
    OutputGuard(OUT).claim(["a.wav", "b.wav"])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["x.wav", "X.wav"], "several files would be called 'X.wav'"),
        (["x.wav", "x.wav/y.wav"], "'x.wav' would be a file, and the folder of 'x.wav/y.wav'"),
        (["folder"], "in its place: out/folder"),
        (["file/y.wav"], "in its place: out/file/y.wav"),
        (["dangling.wav"], "in its place: out/dangling.wav"),
    ],
)
def test_names_that_cannot_be_files_are_refused_before_any_work(names: list[str], said: str) -> None:
    (OUT / "folder").mkdir()
    (OUT / "file").touch()
    (OUT / "dangling.wav").symlink_to("nowhere.wav")
    assert said in refusal(OutputGuard(OUT), *names)
