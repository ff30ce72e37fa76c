"""Who else could change what is run: programs and weights of the home are taken only where nobody else can write."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from tts_cli.engines.weights import engine_folder, home, hub_folder
from tts_cli.errors import MissingError


def check_home(engine: str = "") -> None:
    """Look at the home, and at the environment of an engine in it; raises `MissingError` where others can write."""
    folder = engine_folder(engine) if engine else None
    places = [home(), hub_folder(), home() / "engines"]
    if folder:
        packages = folder.glob("venv/lib/python3.*/site-packages")
        places += [folder, folder / "venv", folder / "venv/bin", folder / "venv/bin/python", *packages]
    for path in _present(places):
        if why := open_to_others(path):
            raise MissingError(
                f"{path} {why}, and programs are run from there",
                hint=f"chmod -R go-w {home()}, or set TTS_CLI_HOME to a folder of your own",
            )


def open_to_others(path: Path) -> str:
    """Return why somebody else than the user and root can change a file or a folder; empty where nobody can."""
    status = path.stat()
    mine = {os.getuid(), 0}
    # Root works on folders of others, as containers do that mount them; whoever is root trusts them.
    if status.st_uid not in mine and os.getuid() != 0:
        return "belongs to somebody else"
    if status.st_mode & stat.S_IWOTH:
        return "can be written by everybody"
    if status.st_mode & stat.S_IWGRP and not _is_private(status.st_gid, status.st_uid):
        return "can be written by a group of users"
    return ""


def _is_private(group: int, owner: int) -> bool:
    """Say whether a group has no other member than the owner, as many systems give each user one of their own."""
    import grp
    import pwd

    if group == 0:
        return True
    try:
        user = pwd.getpwuid(owner)
        members = set(grp.getgrgid(group).gr_mem)
    except KeyError:
        # Nobody knows of them, as in containers: then they are this process's alone.
        return group == os.getgid()
    return user.pw_gid == group and members <= {user.pw_name}


def _present(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.exists())
