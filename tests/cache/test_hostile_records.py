"""Records that somebody else has written, or a bad disk has changed: a miss, never another master, nothing outside."""

import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tts_cli.cache import prune
from tts_cli.cache.blobs import STATE, blob_path, read_blob, write_blob
from tts_cli.cache.records import decode_record
from tts_cli.cache.shard_run import ShardRun
from tts_cli.cache.store import Cache, Missing
from tts_cli.errors import OutputError
from tts_cli.types import Take

ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 7, 1.5, 10**400, float("nan"), float("inf"), 2**63, 48_001),
    *("", "x", "../victim", "0" * 64, "/etc/passwd", "\ud800", [], [[]], [1], ["a", 1, 2], [["a", 1, 2]], {}, {"a": 1}),
]
VICTIM = b"precious"


def sealed(fields: dict[str, Any]) -> bytes:
    """Return a record as an attacker writes it: its hash is right."""
    body = json.dumps(fields, separators=(",", ":")).encode()
    return b'{"sha256":"' + hashlib.sha256(body).hexdigest().encode() + b'",' + body[1:]


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Change a record in one way: a bit, a piece of text, or a field, with or without the right hash."""
    fields = decode_record(data)
    kind = draw.choice(["bit", "cut", "digit", "field", "forged", "gone"])
    if kind == "bit":
        place = draw.randrange(len(data))
        return data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]
    if kind == "cut":
        return data[: draw.randrange(len(data))]
    if kind == "digit":
        places = [place for place in range(len(data)) if data[place : place + 1].isdigit()]
        place = draw.choice(places)
        return data[:place] + str((data[place] - 47) % 10).encode() + data[place + 1 :]
    name = draw.choice(sorted(fields))
    old = fields.pop(name)
    if kind != "gone":
        # Numbers in place of numbers are a forgery that only another measurement could tell.
        others = [odd for odd in ODD if type(odd) is not type(old) and {type(odd), type(old)} != {int, float}]
        fields[name] = draw.choice(others)
    # Without a new hash, any change of a field is a change of bytes.
    return sealed(fields) if kind in {"forged", "gone"} else data[:76] + sealed(fields)[76:]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a manifest of 25 lines, its output, its cache, and a file that is none of the cache's business."""
    folder = tmp_path_factory.mktemp("made")
    lines = "\n".join(f"  - line number {number} of the book" for number in range(25))
    (folder / "book.yaml").write_text(f"defaults: {{engine: tone}}\nlines:\n{lines}\n")
    (folder / "victim.flac").write_bytes(VICTIM)
    command = [sys.executable, "-m", "tts_cli", "render", "book.yaml", "-o", "out", "--cache", "cache"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def rendered(made: Path, tmp_path: Path) -> Path:
    """The cache of such a folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "cache"


def records(cache: Path) -> list[Path]:
    return sorted((cache / "ac").glob("*/*.json"))


@pytest.mark.parametrize("rounds", [pytest.param(2, id="50"), pytest.param(20, id="500", marks=pytest.mark.slow)])
def test_changed_records_never_change_the_master(cli, rendered: Path, rounds: int) -> None:
    master = Path("out/book.wav").read_bytes()
    for number in range(rounds):
        draw = random.Random(number)
        for path in records(rendered):
            path.write_bytes(mutated(path.read_bytes(), draw))
        result = cli("render", "book.yaml", "-o", f"out{number}")
        assert result.code == 0, result.err
        assert "Traceback" not in result.err
        assert Path(f"out{number}/book.wav").read_bytes() == master, f"seed {number}"
        assert Path("victim.flac").read_bytes() == VICTIM


def test_every_changed_byte_of_a_record_is_damage(rendered: Path) -> None:
    path = records(rendered)[0]
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert Cache(rendered).find(path.stem) is Missing.DAMAGED


def test_a_field_of_a_wrong_type_is_damage_although_its_hash_is_right(rendered: Path) -> None:
    path = records(rendered)[0]
    fields = decode_record(path.read_bytes())
    for name in fields:
        for odd in ODD:
            path.write_bytes(sealed(fields | {name: odd}))
            found = Cache(rendered).find(path.stem)
            # What is left is a take that could be.
            if isinstance(found, Take):
                assert name not in {"key", "blob"}
                assert type(odd) is type(fields[name]) or type(odd) in {int, float, type(None)}, (name, odd)


def test_a_record_cannot_name_a_file_outside_the_cache(cli, rendered: Path) -> None:
    names = ("../victim", "../../victim", "ab", "/victim", "AB" * 32, "0" * 63 + "\n")
    for path, name in zip(records(rendered), names, strict=False):
        path.write_bytes(sealed(decode_record(path.read_bytes()) | {"blob": name, "size": len(VICTIM)}))

    for command in ("stat", "verify", "gc"):
        cli("cache", command)
    assert cli("render", "book.yaml", "-o", "out").code == 0
    assert Path("victim.flac").read_bytes() == VICTIM
    for name in names:
        assert read_blob(rendered, name) is None
        with pytest.raises(ValueError, match="no name"):
            blob_path(rendered, name)


def test_a_take_of_another_length_is_recorded_anew(cli, rendered: Path) -> None:
    master = Path("out/book.wav").read_bytes()
    path = records(rendered)[0]
    fields = decode_record(path.read_bytes())
    path.write_bytes(sealed(fields | {"frames": fields["frames"] + 1000, "offset": fields["frames"] + 900}))

    assert cli("render", "book.yaml", "-o", "out2").code == 0
    assert Path("out2/book.wav").read_bytes() == master


def test_what_is_no_file_in_a_files_place_heals(cli, rendered: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    places = []
    for number, record in enumerate(records(rendered)[:6]):
        blob = blob_path(rendered, decode_record(record.read_bytes())["blob"])
        place = blob if number % 2 else record
        kept = elsewhere / str(number)
        place.rename(kept)
        places.append(place)
        if number < 2:
            place.mkdir()
            (place / "inside").write_bytes(b"x")
        elif number < 4:
            os.mkfifo(place)
        else:
            place.symlink_to(kept)

    result = cli("render", "book.yaml", "-o", "out2")

    assert result.code == 0, result.err
    assert all(place.is_file() and not place.is_symlink() for place in places)
    assert len(list(elsewhere.iterdir())) == 6
    assert Path("out2/book.wav").read_bytes() == Path("out/book.wav").read_bytes()


def test_a_bomb_in_a_takes_place_is_not_decoded(cli, rendered: Path) -> None:
    """A FLAC that says it holds 2^36 samples: what the record says bounds what is decoded."""
    record = records(rendered)[0]
    fields = decode_record(record.read_bytes())
    data = bytearray(blob_path(rendered, fields["blob"]).read_bytes())
    (form,) = struct.unpack_from(">Q", data, 18)
    struct.pack_into(">Q", data, 18, form >> 36 << 36 | (1 << 36) - 1)
    bomb = write_blob(rendered, bytes(data))
    record.write_bytes(sealed(fields | {"blob": bomb, "size": len(data)}))

    assert cli("render", "book.yaml", "-o", "out2").code == 0
    assert Path("out2/book.wav").read_bytes() == Path("out/book.wav").read_bytes()


def test_a_record_of_conditionals_is_checked_like_one_of_a_take(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c")
    key, blob = "cd" * 32, cache.put_blob(b"state", STATE)
    path = cache.record_path(key)
    path.parent.mkdir(parents=True)
    sound = {
        "version": 2,
        "kind": "conditionals",
        "key": key,
        "blob": blob,
        "size": 5,
        "engine": "e",
        "model": "m",
        "made_from": ["aa"],
        "wall_s": 0.5,
    }
    path.write_bytes(sealed(sound))
    assert not isinstance(cache.find_conditionals(key), Missing)

    for name in sound:
        for odd in ("../victim", None, True, [1], {}, -1, float("nan")):
            if name not in {"engine", "model"} or not isinstance(odd, str):
                path.write_bytes(sealed(sound | {name: odd}))
                assert cache.find_conditionals(key) is Missing.DAMAGED, (name, odd)


def test_damaged_files_of_shards_are_none(tmp_path: Path) -> None:
    run = ShardRun(tmp_path / "cache", "book")
    run.join("work", 2)
    (run.folder / "x.done").touch()
    (run.folder / "run.json").write_text('{"work": "work", "shards": "2", "project": "book"}')

    assert run.finished() == frozenset()
    assert run.count("work") == 0
    run.join("work", 3)
    assert run.count("work") == 3


def test_a_record_of_shards_that_cannot_be_removed_ends_with_words(tmp_path: Path) -> None:
    run = ShardRun(tmp_path / "cache", "book")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "run.json").write_text("{")
    run.folder.parent.mkdir(parents=True)
    run.folder.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OutputError, match="made anew"):
        run.join("work", 3)


def test_verify_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    blob = write_blob(cache.root, b"sound")
    stray = cache.root / "cas" / "notes.txt"
    stray.write_text("mine")

    assert blob not in prune.verify(cache)[1]
    assert stray.exists()
