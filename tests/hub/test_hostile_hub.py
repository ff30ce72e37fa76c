"""A mirror that means harm: what it announces is refused on arrival, and no file of others is opened or deleted."""

from dataclasses import replace
from pathlib import Path

import pytest
from loopback_hub import Hub, Repo

from tts_cli.engines import catalog
from tts_cli.engines.base import Install, Weights
from tts_cli.engines.espeak.spec import ESPEAK
from tts_cli.errors import MissingError
from tts_cli.install import hub as hub_module
from tts_cli.install.hub_errors import redact
from tts_cli.install.hub_files import check_announced, check_commit

NAME = "someone/lark"
PRECIOUS = b"precious"
SHA = "2" * 40


@pytest.fixture
def repo(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """The weights of an engine, on a hub."""
    repo = hub.add(NAME, {"config.json": b"{}", "lark.pth": b"m" * 5000, "voices/ann.pt": b"a" * 2000})
    weights = Weights(repo=NAME, revision=repo.commit, files=("config.json", "*.pth", "voices/*.pt"), licence="x")
    monkeypatch.setitem(catalog.BUILT_IN, "lark", replace(ESPEAK, name="lark", install=Install(weights=(weights,))))
    return repo


@pytest.fixture
def victims(tmp_path: Path) -> list[Path]:
    """Files at each height above the snapshot that a listing may point to."""
    snapshot = tmp_path / "home" / "weights" / "models--someone--lark" / "snapshots" / ("c" * 40)
    snapshot.mkdir(parents=True)
    found = [folder / "victim.pt" for folder in snapshot.parents if folder.is_relative_to(tmp_path)]
    for path in found:
        path.write_bytes(PRECIOUS)
    return found


def untouched(victims: list[Path]) -> bool:
    return all(path.read_bytes() == PRECIOUS for path in victims)


def entry(path: object, **more: object) -> dict[str, object]:
    return {"type": "file", "path": path, "size": 8, "oid": SHA, **more}


@pytest.mark.parametrize("times", [1, 1000], ids=["first listing", "all listings"])
def test_a_listed_path_cannot_name_a_file_elsewhere(cli, hub, repo, victims, times: int) -> None:
    for up in range(1, 8):
        repo.more, repo.more_times = [entry("voices/" + "../" * up + "victim.pt")], times

        result = cli("download", "lark", "--endpoint", hub.url)

        assert result.code == 4, result.err
        assert "announces a file of the name" in result.err
        assert "Traceback" not in result.err
        assert untouched(victims)


@pytest.mark.parametrize(
    "more",
    [
        *(entry(path) for path in ("/etc/x.pth", "a\\..\\x.pth", "voices//x.pt", "voices/\x1b[31m.pt", "x\n.pth")),
        *(entry(path) for path in (7, None, ["x.pth"], "voices/" + "x" * 300 + ".pt", "voices/*.pt")),
        entry("x.pth", size="8"),
        entry("x.pth", size=-1),
        entry("x.pth", oid="../../x"),
        entry("x.pth", lfs={"oid": "../" * 21 + "x", "size": 8, "pointerSize": 1}),
        {"type": "file"},
        {"type": "other", "path": "x"},
        7,
    ],
    ids=repr,
)
def test_an_odd_entry_is_refused_with_words(cli, hub, repo, tmp_path: Path, more: object) -> None:
    repo.more = [more]

    result = cli("download", "lark", "--endpoint", hub.url)

    assert result.code == 4, result.err
    assert "Traceback" not in result.err
    assert "\x1b" not in result.err
    assert not [path for path in tmp_path.rglob("*.pth") if path.name != "lark.pth"]


@pytest.mark.parametrize("sha", ["../../../../x", "/abs", "a/../..", "\x1b[31mX", "main", 7, ["x"], "A" * 40])
def test_a_revision_is_a_commit(cli, hub, repo, tmp_path: Path, sha: object) -> None:
    repo.sha = sha
    before = sorted(tmp_path.iterdir())

    result = cli("download", "lark", "--endpoint", hub.url, "--revision", "main")

    assert result.code == 4
    assert "announces a commit" in result.err
    assert "\x1b" not in result.err
    assert [path for path in sorted(tmp_path.iterdir()) if path not in before] in ([], [tmp_path / "home"])


@pytest.mark.parametrize(
    "headers",
    [{"ETag": '"../../../victim.pt"', "X-Linked-Etag": '"../../../victim.pt"'}, {"X-Repo-Commit": "../../../x"}],
    ids=["etag", "commit"],
)
def test_a_header_cannot_name_a_file_elsewhere(cli, hub, repo, victims, headers: dict[str, str]) -> None:
    repo.headers = headers

    result = cli("download", "lark", "--endpoint", hub.url)

    assert result.code == 4, result.err
    assert "the hub announces" in result.err
    assert untouched(victims)


def test_what_a_second_listing_adds_is_not_fetched(cli, hub, repo, monkeypatch) -> None:
    """The hub's client lists anew; of what it is told then, only what was checked is taken."""
    listed = hub_module._list

    def list_then_grow(*arguments):
        found = listed(*arguments)
        repo.files["voices/more.pt"] = b"x" * 3000
        return found

    monkeypatch.setattr(hub_module, "_list", list_then_grow)

    assert cli("download", "lark", "--endpoint", hub.url).code == 0
    assert not any("more.pt" in path for _, _, path, _ in hub.requests)


def test_a_listing_without_end_is_refused(cli, hub, repo, monkeypatch) -> None:
    monkeypatch.setattr(hub_module, "MOST_ENTRIES", 50)
    repo.more = [entry(f"voices/{number}.pt") for number in range(100)]

    result = cli("download", "lark", "--endpoint", hub.url)

    assert result.code == 4
    assert "lists more than 50 files" in result.err


def test_what_hubs_have_is_taken() -> None:
    for path in ("config.json", "voices/af_heart.pt", "a/b/c-d.e_f/9 x.safetensors", "ünïcode/é.pt", ".gitattributes"):
        assert check_announced(NAME, path, 8, SHA).hash == SHA
        assert check_announced(NAME, path, 0, "").size == 0
    assert check_commit(NAME, SHA) == SHA
    for path in ("", "..", ".", "a/..", "a/./b", "a/", "/a", "a\x00", "a/" * 20 + "b"):
        with pytest.raises(MissingError):
            check_announced(NAME, path, 8, SHA)


@pytest.mark.parametrize(
    "address",
    ["http://user:pass-word@127.0.0.1:1/", "http://u:pass-word@x@127.0.0.1:1", "http://127.0.0.1:1/?token=pass-word"],
)
def test_a_secret_in_an_address_is_never_printed(cli, repo, monkeypatch, address: str) -> None:
    # The client waits longer and longer before it asks again, 23 s in all.
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    for options in ((), ("--json",)):
        result = cli("download", "lark", "--endpoint", address, *options)

        assert result.code == 4
        assert "pass-word" not in result.out + result.err


def test_sentences_are_left_as_they_are() -> None:
    assert redact("what is it? nobody knows") == "what is it? nobody knows"
    assert redact("see https://h/a?b=c&d=e now") == "see https://h/a?... now"
