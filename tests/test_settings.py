"""Which file may set what: a stranger's folder cannot name what is run, nor lead the cache elsewhere."""

import os
import stat
from pathlib import Path

import pytest

from tts_cli.engines import ownership
from tts_cli.engines.catalog import get_spec
from tts_cli.engines.environments import usable_environment
from tts_cli.errors import MissingError
from tts_cli.settings import load_settings, user_file


def test_a_projects_file_cannot_choose_the_home(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home holds environments: its python would be run."""
    monkeypatch.delenv("TTS_CLI_HOME")
    (tmp_path / "tts-cli.toml").write_text('home = "evil"\n')
    python = tmp_path / "evil" / "engines" / "kokoro" / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\ntouch {tmp_path}/PWNED\n")
    python.chmod(0o755)
    (tmp_path / "ok.yaml").write_text("lines: [{engine: kokoro, voice: af_heart, text: hi}]\n")

    for command in (["render", "ok.yaml", "-o", "o"], ["check", "ok.yaml"], ["engines"], ["doctor"]):
        result = cli(*command)
        assert result.code == 3
        assert result.err.startswith("tts-cli.toml:1:1: error: home: cannot be set")
        assert f"set home in {user_file()}" in result.err.replace("\n", " ")
    assert not (tmp_path / "PWNED").exists()


def test_the_users_own_file_sets_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TTS_CLI_HOME")
    monkeypatch.delenv("TTS_CLI_CACHE")
    user_file().parent.mkdir(parents=True)
    user_file().write_text('home = "/srv/voices"\ncache = "takes"\nworkers = 3\nrecipe = "acx"\n')
    (tmp_path / "tts-cli.toml").write_text("workers = 2\n")

    settings = load_settings()

    assert settings.home == Path("/srv/voices")
    assert settings.cache == user_file().parent / "takes"
    assert (settings.worker_options.workers, settings.recipe) == (2, "acx")


@pytest.mark.parametrize("cache", ["../elsewhere", "/tmp/x", "~/x", "link/x", "takes/../../x"])
def test_a_projects_cache_stays_in_its_folder(cli, tmp_path: Path, cache: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path.parent)
    (tmp_path / "tts-cli.toml").write_text(f'cache = "{cache}"\n')

    result = cli("cache", "stat")

    assert result.code == 3
    assert "is not inside the working directory" in result.err


def test_a_settings_file_that_is_no_file_is_refused(cli, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "tts-cli.toml")

    result = cli("cache", "stat")

    assert result.code == 3
    assert "is a pipe or a device" in result.err


def test_a_home_that_others_can_write_to_is_refused(cli, tmp_path: Path) -> None:
    venv = tmp_path / "home" / "engines" / "kokoro" / "venv" / "bin"
    venv.mkdir(parents=True)
    for path in (tmp_path / "home", venv.parent, venv):
        before = stat.S_IMODE(path.stat().st_mode)
        path.chmod(0o777)
        with pytest.raises(MissingError, match="can be written by everybody"):
            usable_environment(get_spec("kokoro"))
        result = cli("doctor", "--json")
        [home] = [check for check in result.json["checks"] if check["name"] == "home"]
        assert not home["ok"]
        assert str(path) in home["detail"]
        assert "go-w" in home["hint"]
        path.chmod(before)
    ownership.check_home("kokoro")


def test_who_can_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    assert ownership.open_to_others(tmp_path) == ""
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    if tmp_path.stat().st_uid:
        assert ownership.open_to_others(tmp_path) == "belongs to somebody else"
    monkeypatch.undo()
    tmp_path.chmod(0o775)
    monkeypatch.setattr(ownership, "_is_private", lambda *_: False)
    assert ownership.open_to_others(tmp_path) == "can be written by a group of users"


def test_the_variable_goes_before_the_users_own_file(tmp_path: Path) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text('home = "/srv/voices"\n')

    assert load_settings().home == tmp_path / "home"
