"""Who else could change what is run: groups, and the folders that are looked at."""

import grp
import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from tts_cli.engines import ownership
from tts_cli.engines.weights import home, hub_folder
from tts_cli.errors import MissingError


@pytest.mark.parametrize(
    ("group", "first_group", "members", "private"),
    [
        (1000, 1000, [], True),
        (1000, 1000, ["ann"], True),
        (1000, 1000, ["ann", "bob"], False),
        (1000, 1000, ["bob"], False),
        (1000, 100, [], False),  # a group that the owner was put into
        (0, 100, ["bob"], True),  # root's: who is in it may do all that root may
    ],
)
def test_a_group_is_private_where_nobody_else_is_in_it(
    monkeypatch: pytest.MonkeyPatch, group: int, first_group: int, members: list[str], private: bool
) -> None:
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="ann", pw_gid=first_group))
    monkeypatch.setattr(grp, "getgrgid", lambda _: SimpleNamespace(gr_mem=members))

    assert ownership._is_private(group, 1000) is private


def test_a_group_that_nobody_knows_is_ours_alone_where_we_are_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(os, "getgid", lambda: 4321)

    assert ownership._is_private(4321, 1000)
    assert not ownership._is_private(4322, 1000)


def test_a_folder_of_a_private_group_is_trusted_and_one_of_another_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o775)
    for private in (True, False):
        monkeypatch.setattr(ownership, "_is_private", lambda *_, private=private: private)

        assert (ownership.open_to_others(tmp_path) == "") is private


@pytest.mark.parametrize("place", [home, hub_folder, lambda: home() / "engines"], ids=["home", "weights", "engines"])
def test_every_folder_that_programs_and_weights_lie_in_is_looked_at(place) -> None:
    place().mkdir(parents=True)
    ownership.check_home()
    place().chmod(0o777)

    with pytest.raises(MissingError, match="can be written by everybody"):
        ownership.check_home()
