"""Ways to damage a file, and to see that whoever reads it stays within bounds."""

import random
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LONGEST_S = 10.0
MOST_MB = 500

_ODD = (
    *(
        b"\0",
        b"\xff",
        b"\x1b[31m",
        b"\r",
        b"\n\n",
        b"\t",
        b"{",
        b"}",
        b"[",
        b"]",
        b": ",
        b"- ",
        b"&a ",
        b"*a",
        b"<<: ",
        b"!!x ",
    ),
    *(
        b'"',
        b"'",
        b"|",
        b">",
        b"#",
        b"%",
        b"../",
        b"/etc/passwd",
        b"\\",
        b"-1",
        b"1e999",
        b"9" * 400,
        b"nan",
        b"~",
        b"null",
    ),
    *(
        b"\xe2\x80\xae",
        b"\xf0\x9f\x9a\x97",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"-->",
        b"<v ",
        b"{\\",
        b"&#",
        b" " * 500,
        b"a" * 2000,
    ),
)


def mutate(data: bytes, draw: random.Random, words: Sequence[bytes] = ()) -> bytes:
    """Change a file in one to five places: bits, pieces that are lost, doubled or moved, and odd words."""
    for _ in range(draw.randint(1, 5)):
        start, end = sorted((draw.randrange(len(data) + 1), draw.randrange(len(data) + 1)))
        end = min(end, start + draw.choice((1, 2, 8, 40, 400)))
        kind = draw.randrange(6)
        if kind == 0 and start < len(data):
            data = data[:start] + bytes([data[start] ^ 1 << draw.randrange(8)]) + data[start + 1 :]
        elif kind == 1:
            data = data[:start] + data[end:]
        elif kind == 2:
            data = data[:end] + data[start:end] * draw.choice((1, 2, 50)) + data[end:]
        elif kind == 3:
            place = draw.randrange(len(data) + 1)
            data = data[:place] + data[start:end] + data[place:]
        elif kind == 4:
            data = data[:start] + draw.choice((*_ODD, *words)) + data[start:]
        else:
            data = data[:start] + draw.choice((*_ODD, *words)) + data[end:]
    return data


@contextmanager
def bounded(seconds: float = LONGEST_S) -> Iterator[None]:
    """Fail where so many seconds of processor time are not enough: other programs may take the rest."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"it takes more than {seconds:g} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def little_memory(most_mb: int = MOST_MB) -> Iterator[None]:
    """Fail where this process grows by more than so many megabytes; Linux alone tells the peak of a while."""
    before = _peak_mb(reset=True)
    yield
    grown = _peak_mb() - before
    assert grown < most_mb, f"{grown:.0f} MB more"


def _peak_mb(*, reset: bool = False) -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def files_outside(folder: Path, *own: str) -> dict[str, bytes]:
    """Return all files of a folder but those of its own parts, with their bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in own
    }
