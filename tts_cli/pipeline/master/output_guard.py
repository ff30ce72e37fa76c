"""Every path that is written goes through here: never over an input, and never over a file that is not ours."""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from threading import Lock

from tts_cli.cache.blobs import write_atomically
from tts_cli.errors import OutputError, UsageError
from tts_cli.pipeline.master.file_names import check_writable, output_path

INDEX_FILE = ".tts-cli-files"
"""Lists the files that this tool wrote into a folder: a JSON string a line, each a path from that folder."""

_MOST_NAMED = 20


class OutputGuard:
    """Gives out the paths in one output folder, and refuses those that would cost a user a file.

    `inputs` are all files that the run reads. `listed` names files that an earlier run's report says it wrote; it is
    asked only where the index does not know a file. With `overwrite` files of others are replaced; inputs never are.
    """

    def __init__(
        self,
        out: Path,
        inputs: Iterable[str | Path] = (),
        *,
        overwrite: bool = False,
        listed: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.out = out
        self._inputs = tuple(inputs)
        self._overwrite = overwrite
        self._listed = listed
        self._own = set(_read_index(out))
        self._lock = Lock()

    def claim(self, names: Iterable[str]) -> None:
        """Check all names that a run is about to write, so that it is refused before any work.

        Raises `UsageError` where two files would have one name or one lies in another, where a file would replace an
        input, and where it would replace a file that is not ours; `OutputError` where a folder cannot be written.
        """
        names = list(names)
        _refuse_clashes(names)
        paths = {name: self._at(name) for name in names}
        if inputs := {name: found for name, path in paths.items() if (found := self._input_at(path))}:
            said = [
                str(found) if str(paths[name]) == str(found) else f"{found} (as {paths[name]})"
                for name, found in inputs.items()
            ]
            raise UsageError(f"this would write over its own input {_list(said)}", hint="choose another folder with -o")
        if blocked := [str(path) for path in paths.values() if _is_blocked(path)]:
            raise UsageError(
                f"no file can be written there, as a folder or a link is in its place: {_list(blocked)}",
                hint="remove it, or choose another folder with -o",
            )
        if foreign := [str(paths[name]) for name in names if not self._may_replace(name)]:
            raise UsageError(
                f"tts-cli did not write what is there: {_list(foreign)}",
                hint="choose another place, or replace what is there with --overwrite",
            )
        for path in {path.parent: path for path in paths.values()}.values():
            check_writable(path)

    def path(self, name: str) -> Path:
        """Return where a file goes, make its folder, and note that the file is ours from now on.

        Raises `OutputError` where it may not lie there; that is so only where `claim` was not asked, or where a file
        appeared since.
        """
        path = self._at(name)
        if self._input_at(path):
            raise OutputError(f"{path} is an input of this run", hint="choose another folder with -o")
        if not self._may_replace(name):
            raise OutputError(
                f"{path} appeared meanwhile, and tts-cli did not write it", hint="run it with --overwrite"
            )
        if not name.startswith(os.pardir):  # a file that was named by an option may lie anywhere
            path = output_path(self.out, name)
        self._note([name])
        return path

    def close(self) -> None:
        """Put the index in order, without the files that are gone."""
        with suppress(OSError), _locked(self.out):
            there = sorted({name for name in _read_index(self.out) if os.path.lexists(self._at(name))})
            write_atomically(self.out / INDEX_FILE, _lines(there))

    # --- what is there ------------------------------------------------------------------------------------

    def _at(self, name: str) -> Path:
        """Return where a name leads, which need not be inside; the folder itself need not be there yet."""
        return Path(os.path.normpath(self.out / name)) if name.startswith(os.pardir) else self.out / name

    @cached_property
    def _by_file(self) -> Mapping[tuple[int, int], str]:
        """The inputs by device and inode, which links of both kinds and other spellings share."""
        found = {}
        for path in self._inputs:
            with suppress(OSError, ValueError):
                status = os.stat(path)  # noqa: PTH116
                found[status.st_dev, status.st_ino] = str(path)
        return found

    @cached_property
    def _by_name(self) -> Mapping[str, str]:
        """The inputs by their real paths without case: on some systems names that differ in it are one file."""
        return {os.path.realpath(path).casefold(): str(path) for path in self._inputs}

    @cached_property
    def _real_out(self) -> str:
        return os.path.realpath(self.out)

    def _input_at(self, path: Path) -> str:
        """Return the input that lies at a path, by whatever name; empty where none does."""
        if not self._inputs:
            return ""
        with suppress(OSError, ValueError):
            status = path.stat()
            return self._by_file.get((status.st_dev, status.st_ino), "")
        real = os.path.normpath(os.path.join(self._real_out, os.path.relpath(path, self.out)))  # noqa: PTH118
        return self._by_name.get(real.casefold(), "")

    def _may_replace(self, name: str) -> bool:
        if self._overwrite or name in self._own or not os.path.lexists(self._at(name)):
            return True
        # Another run may write into this folder at this very time.
        self._own |= set(_read_index(self.out))
        if name not in self._own and name in set(self._listed()):
            self._note([name])
        return name in self._own

    def _note(self, names: Iterable[str]) -> None:
        """Add names to the index: a line is appended in one piece, whoever else appends."""
        with self._lock:
            new = [name for name in names if name not in self._own]
            self._own.update(new)
        if not new:
            return
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            with _locked(self.out), (self.out / INDEX_FILE).open("ab") as file:
                file.write(_lines(new))
        except OSError as error:
            raise OutputError(f"{self.out / INDEX_FILE} cannot be written: {error.strerror}") from error


def _read_index(out: Path) -> Iterator[str]:
    """Yield the names in an index; a line torn by a kill is passed over."""
    with suppress(OSError):
        for line in (out / INDEX_FILE).read_bytes().splitlines():
            with suppress(ValueError):
                name = json.loads(line)
                if isinstance(name, str):
                    yield name


def _lines(names: Iterable[str]) -> bytes:
    return "".join(f"{json.dumps(name)}\n" for name in names).encode()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder against other processes that change its index; disks that know no locks go without."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_blocked(path: Path) -> bool:
    """Say whether a file cannot lie there: it is a folder or a link, or a part of its path is a file."""
    if path.is_symlink() or path.is_dir():
        return True
    folder = next((parent for parent in path.parents if os.path.lexists(parent)), path.parent)
    return not folder.is_dir()


def _refuse_clashes(names: Iterable[str]) -> None:
    """Refuse two files of one name, and a file that is also the folder of another; case is not enough."""
    seen: dict[str, str] = {}
    for name in names:
        if (folded := name.casefold()) in seen:
            raise UsageError(f"several files would be called {name!r}", hint="put {number} or {id} into the name")
        seen[folded] = name
    for folded, name in seen.items():
        if folder := next((seen[str(one)] for one in PurePosixPath(folded).parents if str(one) in seen), ""):
            raise UsageError(f"{folder!r} would be a file, and the folder of {name!r}", hint="rename one of them")


def _list(found: list[str]) -> str:
    more = f" and {len(found) - _MOST_NAMED:,} more" if len(found) > _MOST_NAMED else ""
    return f"{', '.join(found[:_MOST_NAMED])}{more}"
