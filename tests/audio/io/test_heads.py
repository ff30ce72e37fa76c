"""Whatever chapters and tags are called, they stand in the file as they were written, and beside a cover."""

import functools
import subprocess
from pathlib import Path

import mutagen.id3
import mutagen.mp4
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tts_cli.audio.io.ffmpeg import ffmpeg_path, join_aac
from tts_cli.audio.io.files import open_outputs
from tts_cli.audio.io.heads import find_differences, read_head, wanted_head
from tts_cli.audio.io.outputs import Cover, Mark, Output
from tts_cli.pipeline.master.labels import tag_text
from tts_cli.recipe import Recipe

RATE = 24_000
FORMATS = {".m4b": "m4a", ".m4a": "m4a", ".mp3": "mp3", ".mka": "opus", ".opus": "opus", ".wav": "wav", ".flac": "flac"}
ENCODED = [".m4b", ".m4a", ".mp3", ".mka", ".opus"]
HEALTH = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

awkward = st.sampled_from(
    ["\\", "\\\\", "=", ";", "#", "\n", "\r", "\0", "\t", "[CHAPTER]", "title=x", "🎉", "👩‍🚀", "𝔸", "é", "\u202e"]
)
texts = st.lists(st.one_of(awkward, st.text(max_size=6)), min_size=1, max_size=8).map("".join).map(tag_text)
titles = texts.map(lambda text: text or "x")


@functools.cache
def cover() -> Cover:
    """A picture."""
    graph = ["-f", "lavfi", "-i", "testsrc=s=64x64", "-frames:v", "1", "-f", "image2pipe"]
    argv = [ffmpeg_path(), "-v", "error", *graph, "-c:v", "mjpeg", "-q:v", "2", "-"]
    return Cover(data=subprocess.run(argv, capture_output=True, check=True).stdout, mime="image/jpeg")


def output_for(path: Path, chapters: list[str], tags: dict[str, str], cover: Cover | None = None) -> Output:
    """Describe a file whose chapters are 40 ms long."""
    each = RATE // 25
    marks = [Mark(start=index * each, end=(index + 1) * each, title=title) for index, title in enumerate(chapters)]
    recipe = Recipe(name="t", format=FORMATS[path.suffix], sample_rate=RATE, bitrate_kbps=64)
    container = "matroska" if path.suffix == ".mka" else ""
    return Output(path=path, recipe=recipe, tags=tags, marks=tuple(marks), cover=cover, container=container)


def write(output: Output) -> list:
    """Write a file of noise; returns what does not read back."""
    frames = max(RATE // 5, output.marks[-1].end if output.marks else 0)
    noise = (0.1 * np.random.default_rng(0).standard_normal(frames)).astype(np.float32)
    with open_outputs([output], frames=frames) as writer:
        writer.write(noise)
    return list(find_differences(wanted_head(output), read_head(output.path, output)))


@pytest.mark.parametrize("suffix", ENCODED)
@HEALTH
@given(chapters=st.lists(titles, min_size=1, max_size=12), title=titles, comment=titles)
@example(chapters=["One", "Path C:\\", "\\", "a\\\\", "Three"], title="a\\", comment="=;#\\")
def test_any_titles_survive(suffix: str, chapters, title, comment, tmp_path: Path) -> None:
    tags = {
        "title": title,
        "artist": "A",
        "comment": comment,
        "description": title,
        "language": "de-AT",
        "track": "2/5",
    }
    assert write(output_for(tmp_path / f"x{suffix}", chapters, tags, cover())) == []


@pytest.mark.parametrize("count", [255, 256, 302])
@pytest.mark.parametrize("suffix", ENCODED)
def test_hundreds_of_chapters_survive(suffix: str, count: int, tmp_path: Path) -> None:
    chapters = [f"Kapitel {index} - 岸\\" for index in range(count)]
    output = output_for(tmp_path / f"x{suffix}", chapters, {"title": "t", "language": "en"})
    assert write(output) == []
    if suffix == ".mp3":
        head = mutagen.id3.ID3(output.path)
        frames = {frame.element_id: frame for frame in head.getall("CHAP")}
        tables = {frame.element_id: list(frame.child_element_ids) for frame in head.getall("CTOC")}
        assert max(map(len, tables.values())) <= 255
        listed = [name for entry in tables["toc"] for name in tables.get(entry, [entry])]
        assert [frames[name].sub_frames["TIT2"].text for name in listed] == [[title] for title in chapters]
        assert [frames[name].start_time for name in listed] == [40 * index for index in range(count)]
    if suffix in (".m4a", ".m4b"):
        # the short list has all or nothing
        listed = [chapter.title for chapter in mutagen.mp4.MP4(output.path).chapters or ()]
        assert listed == (chapters if count <= 255 else [])


def test_the_short_list_is_left_out_where_it_would_cut_a_title(tmp_path: Path) -> None:
    chapters = ["é" * 127 + "x", "b"]
    assert len(mutagen.mp4.MP4(written(tmp_path / "short.m4b", chapters)).chapters) == 2
    assert not mutagen.mp4.MP4(written(tmp_path / "long.m4b", ["é" * 128, "b"])).chapters


def written(path: Path, chapters: list[str]) -> Path:
    assert write(output_for(path, chapters, {})) == []
    return path


def test_joined_aac_has_the_same_head(tmp_path: Path) -> None:
    pieces = []
    for index in range(2):
        noise = (0.1 * np.random.default_rng(index).standard_normal(RATE)).astype(np.float32)
        recipe = Recipe(name="t", format="m4a", sample_rate=RATE, bitrate_kbps=64)
        piece = Output(path=tmp_path / f"{index}.aac", recipe=recipe, container="adts")
        with open_outputs([piece], frames=RATE) as writer:
            writer.write(noise)
        pieces.append(piece.path)
    tags = {"title": "back\\", "language": "ja"}
    output = output_for(tmp_path / "x.m4b", ["a\\", "b", "c;#="], tags, cover())
    join_aac(pieces, output)
    assert list(find_differences(wanted_head(output), read_head(output.path, output))) == []
    assert read_head(output.path, output).language == "jpn"


def test_an_mp3_has_its_texts_where_players_look(tmp_path: Path) -> None:
    tags = {
        "title": "Böok 🎉",
        "comment": "AI voice: ja",
        "grouping": "S <1>",
        "language": "en-GB",
        "date": "1908-05-12",
        "description": "long",
        "publisher": "Nobody",
    }
    path = tmp_path / "x.mp3"
    assert write(output_for(path, ["a", "b", "One 🎉"], tags, cover())) == []
    head = mutagen.id3.ID3(path, translate=False)
    assert head.version == (2, 3, 0)
    assert [(frame.lang, frame.desc, frame.text) for frame in head.getall("COMM")] == [("eng", "", ["AI voice: ja"])]
    assert (head["TXXX:SERIES"].text, head["TIT1"].text) == (["S <1>"], ["S <1>"])
    assert head["TLAN"].text == ["eng"]
    assert (head["TYER"].text, head["TDAT"].text) == (["1908"], ["1205"])
    assert head["TIT2"].text == ["Böok 🎉"]
    assert head["TPUB"].text == ["Nobody"]
    assert head.getall("APIC")[0].data == cover().data
    # ffmpeg's reading, which is not ours either
    argv = [ffmpeg_path(), "-v", "error", "-i", str(path), "-f", "ffmetadata", "-"]
    told = subprocess.run(argv, capture_output=True, check=True, text=True).stdout
    assert "comment=AI voice: ja" in told
    assert "title=One 🎉" in told


@pytest.mark.parametrize(("suffix", "language"), [(".m4b", "deu"), (".mka", "ger")])
def test_the_sound_has_its_language(suffix: str, language: str, tmp_path: Path) -> None:
    output = output_for(tmp_path / f"x{suffix}", [], {"language": "de"})
    assert write(output) == []
    said = subprocess.run([ffmpeg_path(), "-i", str(output.path)], capture_output=True, check=False, text=True).stderr
    assert f"({language}): Audio" in said


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@HEALTH
@given(title=titles, comment=titles)
def test_any_tags_survive_in_pcm(suffix: str, title: str, comment: str, tmp_path: Path) -> None:
    tags = {"title": title, "comment": comment, "publisher": "is not held"}
    assert write(output_for(tmp_path / f"x{suffix}", [], tags)) == []


# --- what does not read back is found ---------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ENCODED)
def test_every_kind_of_loss_is_found(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    right = output_for(path, ["one", "two"], {"title": "t", "artist": "a", "language": "en"}, cover())
    assert write(right) == []
    moved = Mark(start=right.marks[1].start + RATE // 100, end=right.marks[1].end, title="two")
    losses = {
        "chapters": output_for(path, ["one", "TWO"], dict(right.tags), cover()),
        "tags": output_for(path, ["one", "two"], {**right.tags, "artist": "b"}, cover()),
        "cover": output_for(path, ["one", "two"], dict(right.tags), Cover(data=cover().data + b"x", mime=cover().mime)),
    }
    for name, wanted in losses.items():
        found = list(find_differences(wanted_head(wanted), read_head(path, wanted)))
        assert name in [difference.name for difference in found]
        assert all(difference.right < difference.wanted for difference in found)
    for marks in ((right.marks[0], moved), right.marks[:1], (*right.marks, moved)):
        wanted = Output(path=path, recipe=right.recipe, marks=marks, cover=cover(), container=right.container)
        [difference, *_] = find_differences(wanted_head(wanted), read_head(path, wanted))
        assert difference.name == "chapters"
        assert difference.note.startswith("chapter ")
