"""Weights from a hub: listed, fetched by its own client, and checked byte by byte, which the client does not do.

A hub announces a sha256 for each large file and git's sha1 for each small one; hashes that a spec pins win over both.
"""

import contextlib
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tts_cli.engines.weights import Fetched, FetchedFile, hub_folder
from tts_cli.errors import MissingError
from tts_cli.install.hub_errors import OutOfReachError, redact, translated
from tts_cli.install.hub_files import (
    COMMIT,
    Announced,
    FetchRequest,
    OnProgress,
    check_announced,
    check_answer,
    check_commit,
    check_file,
    check_room,
    hash_file,
    is_wanted,
    repo_folder,
)

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoFile, RepoFolder

TRIES = 2
_GLOB = re.compile(r"[*?\[]")
MOST_ENTRIES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """The files of a commit that are wanted; `token` is what the hub was asked with, if it was."""

    commit: str
    files: Mapping[str, Announced]
    token: str | Literal[False] = field(default=False, repr=False)


def fetch(request: FetchRequest) -> Fetched:
    """Have all files of a part here, and sound; what is here already is checked and kept.

    Raises `MissingError`, with the next step to take, where that cannot be.
    """
    from filelock import FileLock

    repo = repo_folder(request.weights.repo)
    with translated(request.weights, _endpoint(request)), _quiet():
        repo.mkdir(parents=True, exist_ok=True)
        # The client guards each file, but not the repository as a whole.
        with FileLock(repo / "tts-cli.lock"):
            _remove_orphans(repo)
            try:
                # Inside as well, so that a dead network arrives as `OutOfReachError`, which can be made up for.
                with translated(request.weights, _endpoint(request)):
                    listing = _ask(request)
            except OutOfReachError as error:
                return _take_local(request, error)
            return _download(request, listing)


def is_known(request: FetchRequest, fetched: Fetched | None) -> bool:
    """Return whether what was fetched is what is wanted, and still has the same bytes: no hub need be asked."""
    if fetched is None or request.asked not in {fetched.asked, fetched.revision}:
        return False
    folder = hub_folder() / fetched.folder
    return all(_is_sound(folder / path, file, request.pins.get(path)) for path, file in fetched.files.items())


# --- asking ---------------------------------------------------------------------------------------------


def _ask(request: FetchRequest) -> _Listing:
    """Ask the hub what the part consists of; raises `OutOfReachError` where it cannot be asked."""
    from huggingface_hub import is_offline_mode
    from huggingface_hub.errors import HfHubHTTPError

    if request.offline or is_offline_mode():
        raise OutOfReachError(
            f"{request.weights.repo} is not here as a whole", hint="run the command without --offline"
        )
    *first, last = _tokens(request)
    for token in first:
        try:
            return _list(request, token)
        except HfHubHTTPError as error:
            # A hub hides what one may not see as if it were missing: the next token may see it.
            if error.response.status_code not in {401, 403, 404}:
                raise
    return _list(request, last)


def _tokens(request: FetchRequest) -> list[str | Literal[False]]:
    """Return with which tokens to ask, in turn: without one first, unless the weights are known to be gated.

    A stored login is for the hub that it was made at, and goes to no mirror; HF_TOKEN goes where its owner points us.
    """
    from huggingface_hub import get_token

    own_hub = not request.endpoint or request.endpoint == _default_endpoint()
    token = get_token() if own_hub else os.environ.get("HF_TOKEN", "").strip()
    if not token:
        return [False]
    return [token] if request.weights.gated else [False, token]


def _list(request: FetchRequest, token: str | Literal[False]) -> _Listing:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=_endpoint(request), token=token, library_name="tts-cli")
    repo, commit = request.weights.repo, request.asked
    if not COMMIT.fullmatch(commit):
        # A branch may move on while we list and fetch, a commit cannot.
        with _readable(repo):
            commit = check_commit(repo, api.repo_info(repo, revision=commit).sha)
    with _readable(repo):
        files = _announced(api.list_repo_tree(repo, recursive=True, revision=commit), request)
    listing = _Listing(commit=commit, files=files, token=token)
    for path, pin in request.pins.items():
        if (found := files.get(path)) is None or (len(found.hash) == 64 and found.hash != pin):
            raise MissingError(
                f"{redact(_endpoint(request))} has another {path} in {repo} than the one that tts-cli was tested with",
                hint="it is refused; --revision takes a revision of your own choice instead",
            )
    named = [path for path in request.weights.files if not _GLOB.search(path) and path != request.weights.card]
    if absent := [path for path in named if path not in files]:
        raise MissingError(f"{repo} has no {absent[0]}", hint="check the name, or try another --revision")
    if not files:
        raise MissingError(f"{repo} has no file like {', '.join(request.weights.files)}", hint="try another --revision")
    return listing


def _announced(tree: "Iterable[RepoFile | RepoFolder]", request: FetchRequest) -> dict[str, Announced]:
    files: dict[str, Announced] = {}
    repo = request.weights.repo
    for number, entry in enumerate(tree):
        if number >= MOST_ENTRIES:
            raise MissingError(f"the hub lists more than {MOST_ENTRIES:,} files in {repo}", hint="use --from DIR")
        size = getattr(entry, "size", None)
        if size is not None and (not isinstance(entry.path, str) or is_wanted(entry.path, request.weights)):
            large = getattr(entry, "lfs", None)
            sha, size = (large.sha256, large.size) if large else (getattr(entry, "blob_id", ""), size)
            files[entry.path] = check_announced(repo, entry.path, size, sha)
    return files


def _endpoint(request: FetchRequest) -> str:
    return (request.endpoint or _default_endpoint()).rstrip("/")


def _default_endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


# --- fetching -------------------------------------------------------------------------------------------


def _download(request: FetchRequest, listing: _Listing) -> Fetched:
    folder = repo_folder(request.weights.repo) / "snapshots" / listing.commit
    total = sum(file.size for file in listing.files.values())
    present = sum(file.size for path, file in listing.files.items() if (folder / path).exists())
    # Asked beforehand, as a full disk in the middle of gigabytes helps nobody.
    check_room(hub_folder(), total - present, request.weights.repo)
    bad: list[str] = []
    for _ in range(TRIES):
        counter = _counter(request.on_progress, total)
        _snapshot(request, listing.commit, files=listing.files, token=listing.token, progress=counter)
        # The client trusts what it has fetched, so every byte is read once more.
        fetched, bad = _check(request, folder, listing.files)
        if not bad:
            request.on_progress(total, total)
            return fetched
        _delete(folder, bad)
    raise MissingError(
        f"{bad[0]} of {request.weights.repo} came {TRIES} times with other bytes than were announced, and was deleted",
        hint="a proxy or a mirror on the way may be at fault: try another network, or --from DIR",
    )


def _take_local(request: FetchRequest, cause: OutOfReachError) -> Fetched:
    """Make do with what an earlier download left here, if that is all of it; else raise the cause."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(_snapshot(request, request.asked, local_files_only=True))
    except LocalEntryNotFoundError as error:
        raise cause from error
    fetched, bad = _check(request, folder, _found(request, folder))
    if bad:
        _delete(folder, bad)
        raise OutOfReachError(f"{bad[0]} of {request.weights.repo} was damaged; {cause.message}", hint=cause.hint)
    return fetched


def _found(request: FetchRequest, folder: Path) -> dict[str, Announced]:
    """List what lies there; the cache names a blob by its hash."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    names = dict.fromkeys((*request.pins, *(name for name in paths if is_wanted(name, request.weights))))
    return {
        name: Announced(size=0, hash=paths[name].resolve().name if name in paths and paths[name].is_symlink() else "")
        for name in names
    }


def _snapshot(
    request: FetchRequest, revision: str, *, files: Iterable[str] = (), progress: Any = None, **options: Any
) -> str:
    from huggingface_hub import snapshot_download

    _check_answers(request.weights.repo)
    # The client lists anew, and might be told of other files than those that were checked.
    patterns = [*files] or list(request.weights.files)
    with _readable(request.weights.repo):
        folder: str = snapshot_download(
            request.weights.repo,
            revision=revision,
            cache_dir=hub_folder(),
            allow_patterns=patterns,
            endpoint=_endpoint(request),
            library_name="tts-cli",
            tqdm_class=progress or _counter(request.on_progress, 0),
            **options,
        )
    return folder


@contextlib.contextmanager
def _readable(repo: str) -> Iterator[None]:
    """Raise `MissingError` where the client stumbles over an answer that is of another form than a hub's."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise MissingError(
            f"the hub's answers about {repo} cannot be read: {type(error).__name__} {redact(str(error))}",
            hint="it may be no hub: check --endpoint, or use --from DIR",
        ) from error


def _check_answers(repo: str) -> None:
    """Have each answer looked at before the client makes names of files of its headers."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def look(answer: Any) -> None:
        headers = answer.headers
        tags = [headers[name] for name in ("X-Linked-Etag", "ETag") if name in headers]
        check_answer(repo, headers.get("X-Repo-Commit"), tags)

    def make() -> Any:
        client = default_client_factory()
        client.event_hooks = {**client.event_hooks, "response": [*client.event_hooks["response"], look]}
        return client

    set_client_factory(make)


def _check(request: FetchRequest, folder: Path, files: Mapping[str, Announced]) -> tuple[Fetched, list[str]]:
    """Hash every file; returns what is sound, and the names of what is not."""
    checked = {path: check_file(folder / path, request.pins.get(path, file.hash)) for path, file in files.items()}
    fetched = Fetched(
        repo=request.weights.repo,
        revision=folder.name,
        asked=request.asked,
        pinned=request.weights.revision,
        folder=folder.relative_to(hub_folder().resolve()).as_posix(),
        files={path: file for path, file in sorted(checked.items()) if file},
    )
    return fetched, [path for path, file in checked.items() if file is None]


def _delete(folder: Path, paths: list[str]) -> None:
    for path in paths:
        # The blob as well as the link to it, or the client would take the blob for sound.
        blob = (folder / path).resolve()
        if blob.is_relative_to(hub_folder().resolve()):
            blob.unlink(missing_ok=True)
        (folder / path).unlink(missing_ok=True)


def _is_sound(path: Path, file: FetchedFile, pin: str | None) -> bool:
    return (
        path.is_file() and path.stat().st_size == file.size and hash_file(path) == file.sha256 == (pin or file.sha256)
    )


def _remove_orphans(repo: Path) -> None:
    """Delete what a killed download left: the client never takes it up again, and we hold the repository's lock."""
    for orphan in repo.glob("blobs/*.incomplete"):
        orphan.unlink(missing_ok=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the client's own talk (advice to log in, warnings on links) off the terminal."""
    # Its first import sets the level anew, and would undo ours.
    from huggingface_hub.utils import logging as _  # noqa: F401

    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _counter(on_progress: OnProgress, total: int) -> Any:
    """Make the class of progress bars that the client wants: it shows nothing and tells `on_progress`."""
    from tqdm.auto import tqdm

    class Counter(tqdm):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self.counted = 0
            # The client also makes a bar that counts files.
            self.counts_bytes = options.get("unit") == "B"
            super().__init__(*arguments, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            self.counted += int(n or 0)
            if self.counts_bytes and total:
                on_progress(min(self.counted, total), total)

    return Counter
