"""`tts-cli download` against a hub on the loopback interface, asked by the real client."""

import errno
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tts_cli.engines import catalog
from tts_cli.engines.base import EngineSpec, Install, Weights
from tts_cli.engines.espeak.spec import ESPEAK
from tts_cli.engines.weights import find_weights, hub_folder, read_record
from tts_cli.install import hub_files

REPO = "someone/lark"
MODEL = bytes(range(256)) * 40
FILES = {"config.json": b"{}", "lark.pth": MODEL, "voices/ann.pt": b"a" * 2000, "README.md": b"not wanted"}
WANTED = {"config.json", "lark.pth", "voices/ann.pt"}
SECRET = "hf_secret0123456789"


@pytest.fixture
def lark(hub, monkeypatch) -> EngineSpec:
    """An engine whose weights lie on the hub."""
    repo = hub.add(REPO, dict(FILES))
    hub.add("someone/lark-extra", {"more.pth": b"m" * 5000}, token=SECRET, gated=True, commit="e" * 40)
    spec = replace(
        ESPEAK,
        name="lark",
        install=Install(
            weights=(
                Weights(
                    repo=REPO,
                    revision=repo.commit,
                    files=("config.json", "*.pth", "voices/*.pt"),
                    sha256={"lark.pth": hashlib.sha256(MODEL).hexdigest()},
                    licence="CC BY 4.0",
                ),
                Weights(
                    repo="someone/lark-extra", revision="e" * 40, gated=True, part="extra", doc="more", licence="own"
                ),
            )
        ),
    )
    monkeypatch.setitem(catalog.BUILT_IN, "lark", spec)
    return spec


@pytest.fixture
def fetch(cli, hub):
    """Run `tts-cli download` against the hub."""

    def run(*arguments: str):
        return cli("download", *(arguments or ("lark",)), "--endpoint", hub.url)

    return run


@pytest.fixture
def impatient(monkeypatch) -> None:
    """The client waits longer and longer before it asks again, 23 s in all."""
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)


def bodies(hub) -> int:
    return sum(origin == "cdn" and method == "GET" for origin, method, *_ in hub.requests)


def test_the_files_that_the_engine_wants_are_here_afterwards(fetch, lark) -> None:
    result = fetch()

    folder = find_weights(lark)
    assert result.code == 0, result.err
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == WANTED
    assert all((folder / path).read_bytes() == FILES[path] for path in WANTED)
    assert "licence CC BY 4.0" in result.err


def test_json_is_one_object(fetch, lark) -> None:
    (said,) = fetch("lark", "--json").json["downloads"]

    assert said["name"] == "lark"
    assert said["state"] == "fetched"
    assert said["size"] == sum(len(FILES[path]) for path in WANTED)


@pytest.mark.parametrize("more", [(), ("--offline",), ("--revision", "main")], ids=["plain", "offline", "by name"])
def test_what_is_here_needs_no_request(fetch, hub, lark, more) -> None:
    fetch("lark", *(more if "main" in more else ()))
    hub.requests.clear()

    result = fetch("lark", *more, "--json")

    assert result.json["downloads"][0]["state"] == "ready"
    assert hub.requests == []


def test_what_is_here_is_kept_when_the_hub_is_gone(cli, fetch, hub, lark, impatient) -> None:
    fetch()
    (hub_folder().parent / "engines" / "lark" / "weights.json").unlink()  # so that the hub would be asked

    result = cli("download", "lark", "--endpoint", f"http://127.0.0.1:{free_port()}", "--json")

    assert result.json["downloads"][0]["state"] == "fetched"
    assert set(read_record("lark")[""][0].files) == WANTED


@pytest.mark.parametrize("file", sorted(WANTED))
def test_a_file_that_rotted_on_disk_is_fetched_anew(fetch, lark, file: str) -> None:
    fetch()
    path = find_weights(lark) / file
    path.write_bytes(b"x" * path.stat().st_size)

    result = fetch()

    assert result.code == 0, result.err
    assert (find_weights(lark) / file).read_bytes() == FILES[file]


def test_a_missing_file_is_fetched_alone(fetch, hub, lark) -> None:
    fetch()
    (find_weights(lark) / "voices/ann.pt").resolve().unlink()
    hub.requests.clear()

    assert fetch().code == 0
    assert bodies(hub) == 1


def test_wrong_bytes_of_the_right_size_are_fetched_once_more(fetch, hub, lark) -> None:
    hub.repos[REPO].corrupt = 1

    result = fetch()

    assert result.code == 0, result.err
    assert (find_weights(lark) / "lark.pth").read_bytes() == MODEL


def test_wrong_bytes_that_stay_wrong_are_deleted_and_told(fetch, hub, lark) -> None:
    hub.repos[REPO].corrupt = 100

    result = fetch()

    assert result.code == 4
    assert "came 2 times with other bytes than were announced" in result.err
    assert "hint: a proxy or a mirror" in result.err
    assert not list(hub_folder().rglob("*.pth"))
    assert read_record("lark") == {}


def test_a_small_file_is_checked_by_its_git_hash(fetch, hub, lark) -> None:
    hub.repos[REPO].announce["config.json"] = b"[]"

    result = fetch()

    assert result.code == 4
    assert "config.json of someone/lark came 2 times" in result.err


def test_a_hub_with_another_file_than_the_pinned_one_is_refused_before_it_is_fetched(fetch, hub, lark) -> None:
    hub.repos[REPO].files["lark.pth"] = MODEL[::-1]

    result = fetch()

    assert result.code == 4
    assert "another lark.pth" in result.err
    assert bodies(hub) == 0


def test_another_revision_is_taken_at_its_word(fetch, hub, lark) -> None:
    hub.repos[REPO].files["lark.pth"] = MODEL[::-1]

    result = fetch("lark", "--revision", "main")

    assert result.code == 0, result.err
    assert (find_weights(lark) / "lark.pth").read_bytes() == MODEL[::-1]


def test_a_body_that_breaks_off_is_taken_up_again(fetch, hub, lark) -> None:
    hub.repos[REPO].cut = 1

    assert fetch().code == 0
    assert (find_weights(lark) / "lark.pth").read_bytes() == MODEL


def test_what_is_tried_again_is_tried_without_a_word(hub, lark, tmp_path: Path) -> None:
    """In a process of its own, as the client sets itself up when it is first imported."""
    hub.repos[REPO].cut = 1
    script = (
        "from tts_cli.install import hub, hub_files\n"
        "from tts_cli.engines.base import Weights\n"
        "from tts_cli.engines.espeak.spec import ESPEAK\n"
        f"weights = Weights(repo={REPO!r}, revision={hub.repos[REPO].commit!r})\n"
        f"hub.fetch(hub_files.FetchRequest(spec=ESPEAK, weights=weights, endpoint={hub.url!r}))\n"
    )

    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert bodies(hub) == 3  # two large files, and the rest of one of them


def test_orphans_of_a_killed_download_are_removed(fetch, lark) -> None:
    blobs = hub_folder() / "models--someone--lark" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "abc.123.incomplete").write_bytes(b"half")

    assert fetch().code == 0
    assert not list(blobs.glob("*.incomplete"))


def test_a_download_that_is_killed_leaves_nothing_that_looks_whole(hub, lark, tmp_path: Path) -> None:
    """As kill -9 would: the process is gone in the middle of a body."""
    script = (
        "import os, sys\n"
        "from tts_cli.install import hub, hub_files\n"
        "from tts_cli.engines.base import Weights\n"
        "from tts_cli.engines.espeak.spec import ESPEAK\n"
        f"weights = Weights(repo={REPO!r}, revision={hub.repos[REPO].commit!r})\n"
        "gone = lambda done, total: os._exit(9)\n"
        f"request = hub_files.FetchRequest(spec=ESPEAK, weights=weights, endpoint={hub.url!r}, on_progress=gone)\n"
        "hub.fetch(request)\n"
    )

    died = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)

    assert died.returncode == 9, died.stderr
    assert read_record("lark") == {}


@pytest.mark.usefixtures("lark", "impatient")
@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"token": SECRET, "gated": True}, "is gated", "accept its licence at {url}/someone/lark"),
        ({"token": SECRET}, "has no someone/lark, or does not show it", "for a private repository"),
        ({"error": 500}, "fails: ", "later, run the command again"),
        ({"error": 403}, "forbids to read", "the token needs the permission"),
        ({"error": 429}, "too many requests", "later"),
        ({"fail": 100}, "fails: ", "later, run the command again: finished files are kept"),
    ],
    ids=["gated", "private", "500", "403", "429", "500 on a body"],
)
def test_refusals_are_told_apart(fetch, hub, change, message: str, hint: str) -> None:
    for name, value in change.items():
        setattr(hub.repos[REPO], name, value)

    result = fetch()

    assert result.code == 4
    assert message in result.err
    assert f"hint: {hint.format(url=hub.url)}" in result.err
    assert "Traceback" not in result.err


def test_a_repository_that_is_not_there(fetch, hub, lark) -> None:
    del hub.repos[REPO]

    result = fetch()

    assert result.code == 4
    assert "has no someone/lark" in result.err


def test_a_revision_that_is_not_there(fetch, lark) -> None:
    result = fetch("lark", "--revision", "v9")

    assert result.code == 4
    assert "no such revision" in result.err


def test_a_hub_that_does_not_answer(cli, lark, impatient) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    result = cli("download", "lark", "--endpoint", url)

    assert result.code == 4
    assert f"{url} cannot be reached" in result.err
    assert "hint: check the network, or use a mirror" in result.err


def test_offline_with_nothing_here_asks_nobody(fetch, hub, lark) -> None:
    result = fetch("lark", "--offline")

    assert result.code == 4
    assert "not here as a whole" in result.err
    assert "without --offline" in result.err
    assert hub.requests == []


def test_offline_after_half_a_download(fetch, hub, lark) -> None:
    hub.repos[REPO].corrupt = 100
    fetch()

    result = fetch("lark", "--offline")

    assert result.code == 4
    assert "not here as a whole" in result.err


def test_the_clients_own_offline_switch(fetch, hub, lark, monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    assert fetch().code == 4
    assert hub.requests == []


def test_a_path_that_leaves_the_folder_is_refused(fetch, hub, lark, tmp_path: Path) -> None:
    hub.repos[REPO].files["voices/../../../../../evil.pt"] = b"e" * 2000

    result = fetch()

    assert result.code == 4
    assert not list(tmp_path.rglob("evil.pt"))


def test_too_little_room_is_found_before_anything_is_fetched(fetch, hub, lark, monkeypatch) -> None:
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(hub_files.shutil, "disk_usage", lambda _: usage._replace(free=10_000))

    result = fetch()

    assert result.code == 4
    assert "GB free" in result.err
    assert bodies(hub) == 0


def test_what_will_be_fetched_is_said_and_what_is_here_is_not(fetch, lark, monkeypatch) -> None:
    known = replace(lark.install.weights[0], megabytes=5)
    monkeypatch.setitem(catalog.BUILT_IN, "lark", replace(lark, install=Install(weights=(known,))))

    first, again = fetch().err, fetch().err

    assert "lark: weights someone/lark, about 5.0 MB\nto fetch: 5.0 MB in all\non the disk of " in first
    assert "to fetch" not in again


def test_weights_that_the_disk_cannot_hold_are_not_asked_for(fetch, hub, lark, monkeypatch) -> None:
    known = replace(lark.install.weights[0], megabytes=5)
    monkeypatch.setitem(catalog.BUILT_IN, "lark", replace(lark, install=Install(weights=(known,))))
    usage = shutil.disk_usage(".")
    free = hub_files.SPARE_BYTES + 4_000_000  # the files themselves would fit
    monkeypatch.setattr(hub_files.shutil, "disk_usage", lambda _: usage._replace(free=free))

    result = fetch()

    assert result.code == 4
    assert "the download needs 0.3 GB, and " in result.err
    assert hub.requests == []


@pytest.mark.parametrize(
    ("number", "message"), [(errno.ENOSPC, "no space left"), (errno.EACCES, "no permission to write")]
)
def test_a_disk_that_refuses(fetch, lark, monkeypatch, number: int, message: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/there/file")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)

    result = fetch()

    assert result.code == 4
    assert f"/there/file: {message}" in result.err


# --- tokens ---------------------------------------------------------------------------------------------


def test_a_token_opens_a_gated_part_and_stays_a_secret(fetch, hub, lark, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)

    result = fetch("lark:extra", "--json")

    assert result.code == 0, result.err
    assert {token for origin, *_, token in hub.requests if origin == "hub"} == {SECRET}
    assert {token for origin, *_, token in hub.requests if origin == "cdn"} == {""}
    assert SECRET not in result.out + result.err
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_public_weights_are_asked_for_without_a_token(fetch, hub, lark, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)

    assert fetch().code == 0
    assert {token for *_, token in hub.requests} == {""}


def test_a_stored_login_is_not_sent_to_a_mirror(fetch, hub, lark, tmp_path: Path, monkeypatch) -> None:
    stored = tmp_path / "token"
    stored.write_text(SECRET)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(stored))

    assert fetch("lark:extra").code == 4
    assert {token for *_, token in hub.requests} == {""}


def test_a_token_that_the_hub_does_not_know(fetch, lark, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_unknown")

    result = fetch("lark:extra")

    assert result.code == 4
    assert "does not know the token" in result.err
    assert "hf_unknown" not in result.err


def test_a_password_in_the_address_of_a_mirror_stays_a_secret(cli, hub, lark) -> None:
    del hub.repos[REPO]

    result = cli("download", "lark", "--endpoint", hub.url.replace("//", "//user:pass-word@"))

    assert result.code == 4
    assert "//...@127.0.0.1" in result.err
    assert "pass-word" not in result.out + result.err


def test_a_token_that_was_not_let_in(fetch, hub, lark, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_somebody")

    result = fetch("lark:extra")

    assert "is gated, and this account has not been let in" in result.err


# --- several, and folders -------------------------------------------------------------------------------


def test_one_failure_does_not_stop_the_others(fetch, lark) -> None:
    result = fetch("lark:all", "--json")

    assert result.code == 4
    assert [(said["name"], said["state"]) for said in result.json["downloads"]] == [
        ("lark", "fetched"),
        ("lark:extra", "failed"),
    ]


def test_all_is_every_engine_without_its_parts(fetch, lark, monkeypatch) -> None:
    monkeypatch.setattr(catalog, "BUILT_IN", {"lark": lark})

    said = fetch("all", "--json").json["downloads"]

    assert [(found["name"], found["state"]) for found in said] == [("lark", "fetched")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written(fetch, lark, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o500)

    result = fetch()

    assert result.code == 4
    assert "no permission to write" in result.err


@pytest.mark.parametrize(("name", "hint"), [("lrak", "did you mean 'lark'?"), ("lark:extr", "did you mean 'extra'?")])
def test_unknown_names(fetch, hub, lark, name: str, hint: str) -> None:
    result = fetch("lark", name)

    assert result.code == 3
    assert hint in result.err
    assert hub.requests == []


def test_no_name_is_a_usage_error(cli) -> None:
    assert cli("download").code == 2


def test_a_folder_of_files_will_do(cli, lark, hub, tmp_path: Path) -> None:
    source = put(FILES, tmp_path / "usb")

    result = cli("download", "lark", "--from", source)

    assert result.code == 0, result.err
    assert (find_weights(lark) / "lark.pth").read_bytes() == MODEL
    assert cli("download", "lark", "--offline").code == 0
    assert hub.requests == []


def test_a_clients_cache_will_do(cli, fetch, lark, tmp_path: Path) -> None:
    fetch()
    shutil.move(hub_folder(), tmp_path / "cache")
    shutil.rmtree(tmp_path / "home")

    assert cli("download", "lark", "--from", tmp_path / "cache").code == 0
    assert (find_weights(lark) / "lark.pth").read_bytes() == MODEL


def test_a_folder_with_another_model_is_refused_unless_it_gets_a_name_of_its_own(cli, lark, tmp_path: Path) -> None:
    source = put(FILES | {"lark.pth": MODEL[::-1]}, tmp_path / "usb")

    refused = cli("download", "lark", "--from", source)
    taken = cli("download", "lark", "--from", source, "--revision", "mine")

    assert refused.code == 4
    assert "is not the file that tts-cli was tested with" in refused.err
    assert taken.code == 0, taken.err
    assert (find_weights(lark) / "lark.pth").read_bytes() == MODEL[::-1]


def test_a_folder_that_lacks_files(cli, lark, tmp_path: Path) -> None:
    source = put({"config.json": b"{}"}, tmp_path / "usb")

    result = cli("download", "lark", "--from", source)

    assert result.code == 4
    assert "has no lark.pth" in result.err


def test_list_says_what_there_is_and_what_is_here(cli, fetch, lark) -> None:
    fetch()

    said = {row["name"]: row for row in cli("download", "--list", "--json").json["weights"]}

    assert said["lark"]["here"]
    assert not said["lark:extra"]["here"]
    assert said["lark:extra"]["gated"]
    assert "lark:extra" in cli("download", "--list").out


# --- what it is for -------------------------------------------------------------------------------------


def test_a_line_needs_the_weights_and_its_key_knows_them(cli, fetch, lark, hub, tmp_path: Path) -> None:
    """`lark` speaks with the embedded engine's adapter, so that its lines can be rendered."""
    (tmp_path / "book.yaml").write_text("lines: [{text: Hello., engine: lark}]\n")

    before = cli("render", "book.yaml")
    fetch()
    first = cli("render", "book.yaml", "--json").json["lines"]
    fetch("lark:all")
    second = cli("render", "book.yaml", "--json").json["lines"]
    hub.repos[REPO].files["lark.pth"] = MODEL[::-1]
    fetch("lark", "--revision", "main")
    third = cli("render", "book.yaml", "--json").json["lines"]

    assert before.code == 4
    assert "the weights of lark are not here" in before.err
    assert "hint: tts-cli download lark" in before.err
    assert (first["rendered"], second["cached"], third["rendered"]) == (1, 1, 1)


def put(files: dict[str, bytes], folder: Path) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_the_record_is_plain_and_versioned(fetch, lark) -> None:
    fetch()

    data = json.loads((hub_folder().parent / "engines" / "lark" / "weights.json").read_text())

    assert data["version"] == 1
    assert data["parts"][""][0]["files"]["lark.pth"]["sha256"] == hashlib.sha256(MODEL).hexdigest()


# --- engines --------------------------------------------------------------------------------------------


def test_engines_says_what_is_ready_and_what_lacks(cli, fetch, lark) -> None:
    before = next(engine for engine in cli("engines", "--json").json["engines"] if engine["name"] == "lark")
    said = cli("engines")
    fetch()
    after = next(engine for engine in cli("engines", "--json").json["engines"] if engine["name"] == "lark")

    assert not before["ready"]
    assert before["lacks"] == ["its weights are not here"]
    assert "hint: tts-cli download lark" in said.err
    assert after["ready"]
    assert after["disk"] > sum(len(FILES[path]) for path in WANTED)


def test_remove_deletes_what_only_this_engine_uses(cli, fetch, lark, monkeypatch) -> None:
    fetch()
    neighbour = replace(lark, name="finch", install=Install(weights=lark.install.weights[:1]))
    with monkeypatch.context() as context:
        context.setitem(catalog.BUILT_IN, "finch", neighbour)
        shared = cli("engines", "remove", "lark", "--json").json["bytes"]
        assert list(hub_folder().rglob("lark.pth"))
    fetch()
    alone = cli("engines", "remove", "lark", "--json").json["bytes"]

    assert 0 < shared < len(MODEL) < alone
    assert not list(hub_folder().rglob("lark.pth"))
    assert cli("engines", "remove", "lark").out == "lark: nothing to delete\n"


def test_a_part_may_need_one_repository_at_several_commits(lark) -> None:
    from tts_cli.install.plan import DownloadRequest, plan

    first = lark.install.weights[0]
    second = replace(first, revision="b" * 40, files=("tokenizer.json",))

    steps = plan([(lark, (first, second, first))], DownloadRequest(names=("lark",)), lambda _: None)

    assert [step.weights for step in steps if step.weights] == [first, second]
