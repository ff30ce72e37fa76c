"""Damaged files of every kind: no traceback, no hang, little memory, and nothing outside of the output folder."""

import contextlib
import io
import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from mutations import bounded, files_outside, little_memory, mutate

from tts_cli import api
from tts_cli.errors import InputError
from tts_cli.settings import load_settings
from tts_cli.voices.pack import BadPackError, read_pack, write_pack
from tts_cli.voices.pt_file import BadStateError, read_pt, write_pt
from tts_cli.voices.safetensors_file import read_safetensors, write_safetensors

MANIFEST = b"""\
project: {title: The River, language: en, seed: 7}
defaults: {engine: tone, speed: 1.1}
pauses: {sentence: 300ms, paragraph: 0.6}
emotions:
  odd: {speed: 1.2, pitch: -2st, volume: 3db, params: {a: 1}}
speakers:
  mole: {voice: low, gain: -3db, emotions: {odd: {speed: 0.9}}}
  rat: &rat {voice: high}
  toad: {<<: *rat, speed: 120%}
chapters:
  - title: One
    lines:
      - mole: "Hello [pause:500ms] there, 'friend'."
      - {rat: Good day., emotion: odd, file: "{speaker}/{id}.wav", tags: [a, b], seed: 3, take: 2}
      - {text: Nobody, start: "00:01.000", end: 2.5s, id: x1, skip: true}
  - title: Two
    lines: [One., {text: Two., pause_after: 2s, audio: clip.wav}]
"""
SRT = b"1\n00:00:01,000 --> 00:00:02,500\nMOLE: Hello, <i>there</i>.\n\n2\n00:00:03,000 --> 00:00:04,000\n- Good.\n- Day!\n"
VTT = (
    b"WEBVTT\n\nNOTE x\n\nSTYLE\n::cue {}\n\nid\n00:01.000 --> 00:02.000 align:start\n<v Mole>Hello <c.x>there</c> &amp; you"
    b"\n\n00:03.000 --> 00:04.000\n[door] <00:03.500>Go. (laughs)\n"
)
ASS = (
    b"[Script Info]\nTitle: x\n\n[V4+ Styles]\nFormat: Name\nStyle: a\n\n[Events]\nFormat: Layer, Start, End, Style, Name, Text\n"
    b"Dialogue: 0,0:00:01.00,0:00:02.00,a,Mole,{\\b1}Hello\\Nthere\nDialogue: 0,0:00:03.00,0:00:04.00,a,,{\\p1}m 0 0\n"
)
CSV = b'id,speaker,text,emotion,start,end\na,mole,Hello there.,odd,0:01,0:02\nb,rat,"Good, day",,3,4.5s\n'


def count(few: int, many: int) -> pytest.MarkDecorator:
    """Do it a few times, and many times where somebody has the time."""
    slow = pytest.param(many, marks=pytest.mark.slow, id=str(many))
    return pytest.mark.parametrize("times", [pytest.param(few, id=str(few)), slow])


def check_all(sources: dict[str, bytes], times: int) -> None:
    """Check damaged files as `tts-cli check` does, without its start-up; only what is expected may be raised."""
    settings = load_settings()
    for number in range(times):
        draw = random.Random(number)
        name = draw.choice(sorted(sources))
        Path(name).write_bytes(mutate(sources[name], draw, (b"[pause:", b"Dialogue: ", b"WEBVTT", b"text", b"lines")))
        with bounded(), contextlib.suppress(InputError):
            api.check(name, settings=settings)


@count(80, 2000)
def test_manifests(tmp_path: Path, times: int) -> None:
    Path("clip.wav").write_bytes(b"")
    before = files_outside(tmp_path, "book.yaml", "book.csv")
    with little_memory():
        check_all({"book.yaml": MANIFEST, "book.csv": CSV}, times)
    assert files_outside(tmp_path, "book.yaml", "book.csv") == before


@count(120, 1000)
def test_subtitles(times: int) -> None:
    with little_memory():
        check_all({"a.srt": SRT, "a.vtt": VTT, "a.ass": ASS}, times)


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.mark.filterwarnings("ignore")
@count(200, 2000)
def test_packs_and_states(times: int) -> None:
    numbers = {"a": np.arange(12, dtype=np.float32).reshape(3, 4), "b": [np.zeros(3, np.int64), "x", 1.5, None]}
    state, tensors = write_pt(numbers), write_safetensors({"a": numbers["a"]})
    with zipfile.ZipFile(io.BytesIO(state)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    [pickle] = [name for name in members if name.endswith("data.pkl")]
    pack = write_pack({"name": "nora"}, {"voice.yaml": b"name: nora\n", "a.flac": bytes(100)})
    with little_memory():
        for number in range(times):
            draw = random.Random(number)
            # A pickle that is damaged inside of a sound archive passes its checksum.
            inside = zipped({**members, pickle: mutate(members[pickle], draw, (b"cos\nsystem\n", b"R", b"(", b"2"))})
            for read, data in (
                (read_pack, mutate(pack, draw)),
                (read_pt, mutate(state, draw)),
                (read_pt, inside),
                (read_safetensors, mutate(tensors, draw)),
            ):
                with bounded(), contextlib.suppress(BadPackError, BadStateError):
                    read(data)


TITLES = (
    *(
        "..",
        ".",
        "",
        "/",
        "../../x",
        "/etc/x",
        "a/b",
        "a\\b",
        "C:\\x",
        "con",
        "NUL.txt",
        "~",
        "$HOME",
        "`x`",
        ";x",
        "-rf",
        "%s",
    ),
    *(
        "x" * 300,
        "é" * 150,
        "漢" * 120,
        "🚗" * 90,
        "\u202ex",
        "a\u0301",
        "x.",
        " x ",
        "[/x]",
        ":car:",
        "{id}",
        "{x",
        "=1+1",
        "#'\"",
        "a\tb",
    ),
)


@count(1, 12)
def test_titles(cli, tmp_path: Path, times: int) -> None:
    """Twenty-five titles at a time: whatever they are, all that is written lies in the output folder."""
    for number in range(times):
        draw = random.Random(number)
        titles = [draw.choice(TITLES) + draw.choice(("", *TITLES)) for _ in range(25)]
        speakers = [json.dumps(title.replace("\t", "")[:60].strip() or "x", ensure_ascii=False) for title in titles]
        quoted = [json.dumps(title, ensure_ascii=False) for title in titles]
        chapters = [
            f"  - title: {title}\n    lines: [{{text: Hi {place}., speaker: {speakers[place]}}}]\n"
            for place, title in enumerate(quoted)
        ]
        manifest = f"project: {{title: {quoted[0]}}}\ndefaults: {{engine: tone}}\nchapters:\n{''.join(chapters)}"
        Path("book.yaml").write_text(manifest)
        before = files_outside(tmp_path, "out", "cache", "home")
        with bounded():
            result = cli("render", "book.yaml", "-o", "out/here", "--recipe", draw.choice(("default", "web")))
        assert result.code == 0, (number, result)
        assert "Traceback" not in result.err
        assert files_outside(tmp_path, "out", "cache", "home") == before
        assert [path.name for path in (tmp_path / "out").glob("*")] in ([], ["here"])
