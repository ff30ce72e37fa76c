"""Weights from a folder on this machine: a copy of a repository, or a hub client's cache of it."""

import os
import shutil
from pathlib import Path

from tts_cli.engines.weights import Fetched, FetchedFile, hub_folder
from tts_cli.errors import MissingError
from tts_cli.install.hub_errors import translated
from tts_cli.install.hub_files import COMMIT, FetchRequest, check_file, check_room, is_wanted, repo_folder


def take_over(request: FetchRequest, source: Path) -> Fetched:
    """Copy the part's files, each checked against its pinned hash if it has one; raises `MissingError`."""
    folder = _find(request, source)
    with translated(request.weights, str(source)):
        files = _check(request, folder)
        into = repo_folder(request.weights.repo) / "snapshots" / _name(request, files)
        into.mkdir(parents=True, exist_ok=True)
        total, done = sum(file.size for file in files.values()), 0
        check_room(into, total, request.weights.repo)
        for path, file in files.items():
            if check_file(into / path, file.sha256) is None:
                _copy(folder / path, into / path)
                if check_file(into / path, file.sha256) is None:
                    raise MissingError(f"{folder / path} was changed while it was copied", hint="run the command again")
            done += file.size
            request.on_progress(done, total)
    name = into.relative_to(hub_folder().resolve()).as_posix()
    return Fetched(
        repo=request.weights.repo,
        revision=into.name,
        asked=request.asked,
        pinned=request.weights.revision,
        folder=name,
        files=files,
    )


def _find(request: FetchRequest, source: Path) -> Path:
    """Return the folder of the repository's files: in a cache the snapshot of the revision, or its only one."""
    if not source.is_dir():
        raise MissingError(f"--from {source} is not a folder", hint="name the folder that has the weights' files")
    snapshots = source / repo_folder(request.weights.repo).name / "snapshots"
    found = sorted(snapshots.iterdir()) if snapshots.is_dir() else []
    named = [folder for folder in found if folder.name == request.asked]
    return (named or found or [source])[0]


def _check(request: FetchRequest, folder: Path) -> dict[str, FetchedFile]:
    paths = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    wanted = sorted(path for path in paths if is_wanted(path, request.weights))
    if absent := [path for path in request.pins if path not in paths] or (
        [] if wanted else list(request.weights.files)
    ):
        hint = f"it must hold the files of {request.weights.repo}"
        raise MissingError(f"{folder} has no {', '.join(absent)}", hint=hint)
    checked = {path: check_file(folder / path, request.pins.get(path, "")) for path in wanted}
    if bad := [path for path, file in checked.items() if file is None]:
        raise MissingError(
            f"{folder / bad[0]} is not the file that tts-cli was tested with (its sha256 differs)",
            hint="take it from another place, or say --revision NAME to use it under a name of your own",
        )
    return {path: file for path, file in checked.items() if file}


def _name(request: FetchRequest, files: dict[str, FetchedFile]) -> str:
    """Name the snapshot by the commit, or by its content where no commit is known."""
    if COMMIT.fullmatch(request.asked):
        return request.asked
    import hashlib

    content = "".join(f"{path} {file.sha256}\n" for path, file in sorted(files.items()))
    return f"local-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # Under another name until it is whole: a torn copy would look like a file of weights.
    new = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, new)
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
