"""Two thousand broken manifests: each one loads, or is refused with places; nothing else may happen."""

import csv
import io
import random
import re
import shutil
import time
from pathlib import Path

import pytest
import yaml

from tts_cli.errors import InputError
from tts_cli.pipeline.script.resolve import load_manifest, load_script
from tts_cli.pipeline.script.source import ScriptSource

EXAMPLES = Path(__file__).parents[3] / "manifests"
ALL_FIELDS = """\
project: {title: Rich, author: A, language: en-GB, seed: 7, recipe: default}
include: [cast.yaml]
extends: cast.yaml
pauses: {comma: 100ms, speaker_change: 0.7}
defaults: &d {speed: 1.1, params: {range: 60}, tags: [a, b], pause_after: 300ms}
emotions:
  soft: {like: calm, volume: -3dB, params: {breath: 0.1}}
speakers:
  ann: {voice: en-us+f3, gain_db: -2, emotions: {soft: {like: soft, pitch: +2st}}}
  bob: en+m3
chapters:
  - {id: one, title: First, speaker: ann, lines: [Hello there., {bob: "Hi [pause:500ms] Ann.", emotion: happy}]}
  - title: Second
    lines:
      - {<<: *d, id: x-1, text: "Fine.", speaker: bob, intensity: 0.5, emotion: soft, start: "00:00:01,500", end: 4.5}
      - {text: 12:30:00, say: half past twelve, file: "{speaker}/{id}.wav", lock: yes, take: 2, fit: pad}
      - {text: No, skip: "yes"}
lines:
  - {text: A closing line., speaker: ann, volume: 80%, pitch: -5%, notes: "null", seed: 3, direction: softly}
"""
ALL_COLUMNS = """\
line_id;Character;text;Emotion;intensity;voice;chapter;start_time;end;pause_after;rate;pitch;volume;param.range;tags;skip
a1;Ann;"Hello; there";happy;0.5;+f3;1;0;2.5;300ms;+10%;1.1;-3dB;60;x,y;
a2;Bob;NA;;;en-us+m3;1;00:00:03,000;4;;;;;;;
;Bob;"two
lines";sad;1;;2;;;;;;;;;no
"""
TOKENS = [
    *(b"&a ", b"*a", b"<<: ", b"!!python/object ", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"---\n", b"...\n"),
    *(b"\t", b"'", b'"', b"[", b"]", b"{", b"}", b": ", b"- ", b"#", b"|\n", b">\n", b"%", b"@", b"`", b"? "),
    *(b",", b";", b"\r", b"\n", b"\r\n", b"\n\n", b"../../x", b"/etc/passwd", b"[pause:", b"[break]", b"~", b"null"),
    *(b"nan", b"inf", b"-1", b"1e999", b"9" * 400, b"\xc3\x28", b"\xf0\x9f\x98\x80", b"\xe2\x80\xae", b"\\ud800"),
    *(
        b"include: self.yaml\n",
        b"extends: self.yaml\n",
        b"lines: self.csv\n",
        b"speakers:\n",
        b"text",
        b"{id.__class__}",
    ),
]
WORDS = [
    *(
        "",
        " ",
        "~",
        "null",
        "x" * 5000,
        "nan",
        "-0",
        "1e400",
        "../..",
        "CON",
        "a\nb",
        "\U0001f600",
        "\u202e",
        "{id}",
        "{",
    ),
    *(
        "*",
        "500ms",
        "99:99:99",
        "recording",
        "espeak",
        "whisper",
        "narrator",
        "\u0301",
        "[pause:x]",
        "0" * 30,
        "-",
        "=",
    ),
]
PLACE = re.compile(r"[^\n:]*(?:yaml|csv|srt|stdin):\d+:\d+: \S")


def mutate_bytes(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice([0, 0, 1, 1, 2, 8, 40, 200]))
        new = chance.choice(
            [b"", chance.choice(TOKENS), chance.randbytes(chance.randint(1, 4)), data[start:end] * 2, data[:end][-30:]]
        )
        data = data[:start] + new + data[end:]
    return data


def mutate_tree(chance: random.Random, node: object) -> object:
    """Return a copy in which a few nodes are something else."""
    if chance.random() < 0.02:
        return chance.choice([*WORDS, [], {}, [node], {"x": node}, [[node]], {"text": node}, None, [None, node]])
    if isinstance(node, dict):
        items = [(mutate_key(chance, key), mutate_tree(chance, value)) for key, value in node.items()]
        chance.random() < 0.1 and chance.shuffle(items)
        return dict(items[chance.random() < 0.05 :])
    if isinstance(node, list):
        items = [mutate_tree(chance, item) for item in node]
        return items * 2 if chance.random() < 0.05 else items
    return node


def mutate_key(chance: random.Random, key: str) -> str:
    if chance.random() > 0.02:
        return key
    return chance.choice(
        [key.upper(), key[:-1], key + "s", *WORDS, "text", "speaker", "like", "lines", "params.x", "id"]
    )


def mutate_rows(chance: random.Random, data: bytes) -> bytes:
    text = data.decode()
    rows = list(csv.reader(io.StringIO(text), delimiter=";" if text.count(";") > text.count(",") else ","))
    for _ in range(chance.randint(1, 6)):
        row = chance.choice(rows)
        place = chance.randrange(len(row) + 1)
        row[place : place + chance.randint(0, 2)] = chance.choice(
            [[], [chance.choice(WORDS)], [chance.choice(row or [""])]]
        )
        if chance.random() < 0.1:
            rows.insert(chance.randrange(len(rows)), chance.choice([[], row, ["", ""]]))
    out = io.StringIO()
    csv.writer(out, delimiter=chance.choice(",;\t|")).writerows(rows)
    return out.getvalue().encode()


def samples() -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in sorted(EXAMPLES.glob("*.*"))}
    return {**found, "all.yaml": ALL_FIELDS.encode(), "all.csv": ALL_COLUMNS.encode()}


@pytest.mark.parametrize(
    "name",
    [
        "all.yaml",
        "all.csv",
        "quickstart.yaml",
        "audiobook.yaml",
        "languages.yaml",
        "dialogue.csv",
        "dub.yaml",
        "dub.srt",
    ],
)
def test_the_samples_themselves_are_sound(name, tmp_path):
    shutil.copy(EXAMPLES / "cast.yaml", tmp_path)
    shutil.copy(EXAMPLES / "dub.srt", tmp_path)
    (tmp_path / name).write_bytes(samples()[name])
    assert load_manifest(str(tmp_path / name)).lines


def test_two_thousand_mutated_manifests_never_end_in_a_traceback(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(EXAMPLES / "cast.yaml", tmp_path)
    shutil.copy(EXAMPLES / "dub.srt", tmp_path)
    shutil.copy(EXAMPLES / "dialogue.csv", tmp_path / "self.csv")
    chance = random.Random(20261120)
    outcomes = {"loaded": 0, "refused": 0}
    begun = time.perf_counter()
    for number in range(2000):
        name, data = chance.choice(list(samples().items()))
        suffix = name.rpartition(".")[2]
        if number % 2 or suffix == "srt":
            data = mutate_bytes(chance, data)
        elif suffix == "csv":
            data = mutate_rows(chance, data)
        else:
            data = yaml.safe_dump(mutate_tree(chance, yaml.load(data, yaml.BaseLoader)), allow_unicode=True).encode()
        outcomes[attempt(data, suffix, number)] += 1
    assert outcomes["loaded"] > 200
    assert outcomes["refused"] > 800
    assert time.perf_counter() - begun < 60


def attempt(data: bytes, suffix: str, number: int) -> str:
    """Load it as a file, or every third time from stdin with the format left open."""
    Path(f"self.{suffix}").write_bytes(data)
    problems = None
    try:
        load_script(ScriptSource(paths=["-"], stdin=data), None) if number % 3 == 0 else load_manifest(f"self.{suffix}")
    except InputError as error:
        problems = [str(problem) for problem in error.problems]
    assert problems != [], "an error without a problem says nothing"
    assert [problem for problem in problems or [] if not PLACE.match(problem)] == []
    return "refused" if problems else "loaded"
