"""Bytes of an authored file to text: size, encoding and control characters are checked, with places."""

import codecs
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tts_cli.errors import InputError, Problem, Source
from tts_cli.user_files import TooLargeError, is_file, read_file

if TYPE_CHECKING:
    from charset_normalizer.models import CharsetMatch

MAX_BYTES = 64 * 2**20

_MARKED = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CONTROL = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f\ud800-\udfff\ufffe\uffff]")


_LEGACY = (
    "cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "cp932", "gb18030", "big5", "cp949", "koi8_r",
    "mac_roman",
)  # fmt: skip
_ACCENTS = re.compile("[\u00c0-\u024f]{3}")
_MOST_GUESSED = 200_000
_MANY_ZEROS, _FEW_ZEROS = 0.4, 0.1


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text; its codec and byte order mark give the same bytes again. A `guessed` codec must be said."""

    text: str
    codec: str = "utf-8"
    mark: bytes = b""
    guessed: bool = False

    def encode(self, text: str) -> bytes:
        """Return another text in this file's encoding."""
        return self.mark + text.encode(self.codec)


def fault(name: str, line: int, column: int, message: str, hint: str = "") -> InputError:
    """Make the error for a file that cannot be read any further."""
    return InputError([Problem(Source(name, line, column), message, hint)])


def read_bytes(path: str, *, may_be_pipe: bool = False) -> bytes:
    """Read a whole authored file; raises `InputError` for what is missing, no file, or too large.

    What a user types on a command line may also be a pipe, as shells make them.
    """
    try:
        if may_be_pipe and not is_file(path) and not os.path.isdir(path):  # noqa: PTH112  never raises
            with open(path, "rb") as file:  # noqa: PTH123
                # One byte too many is enough to refuse it, and a device file has no end.
                return file.read(MAX_BYTES + 1)
        return read_file(path, MAX_BYTES)
    except FileNotFoundError:
        raise fault(path, 1, 1, "no such file") from None
    except TooLargeError as error:
        raise _too_large(path) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        said = reason if reason.startswith("is ") else f"cannot be read: {reason}"
        raise fault(path, 1, 1, said) from error


def _too_large(name: str) -> InputError:
    return fault(name, 1, 1, f"is larger than {MAX_BYTES // 2**20} MiB", "split it into several manifests")


def decode(data: bytes, name: str, encoding: str | None = None) -> Decoded:
    """Decode UTF-8 (with or without a mark) or marked UTF-16; raises `InputError` with the first bad place.

    With an `encoding` it is that one; an empty one lets the encoding be guessed where it is none of these.
    """
    if len(data) > MAX_BYTES:
        raise _too_large(name)
    mark, codec = next((pair for pair in _MARKED if data.startswith(pair[0])), (b"", "utf-8"))
    guessed = False
    if encoding:
        mark, codec = (mark, codec) if mark else (b"", _known_codec(encoding, name))
    elif encoding == "" and not mark and (guess := _guess_codec(data)):
        codec, guessed = guess, True
    try:
        text = data[len(mark) :].decode(codec)
    except UnicodeDecodeError as error:
        before = data[len(mark) : len(mark) + error.start].decode(codec, "ignore")
        place = place_at(before, len(before))
        raise fault(name, *place, f"is not {codec[:6].upper()} text", "save the file as UTF-8") from None
    if control := _CONTROL.search(text):
        raise fault(
            name,
            *place_at(text, control.start()),
            f"contains the control character U+{ord(control[0]):04X}",
            "delete it; it is invisible in most editors",
        )
    return Decoded(text, codec, mark, guessed)


def guess_warning(decoded: Decoded, name: str) -> list[Problem]:
    """Say that an encoding was guessed, if it was."""
    if not decoded.guessed:
        return []
    message = f"is not UTF-8: it is read as {decoded.codec}, which is a guess"
    return [Problem(Source(name, 1), message, "say it with --encoding, or save the file as UTF-8", "warning")]


def _known_codec(encoding: str, name: str) -> str:
    try:
        codec = codecs.lookup(encoding)
    except LookupError:
        codec = None
    # Codecs that are no encodings of text would run other code.
    if codec is None or not codec._is_text_encoding:  # noqa: SLF001  Python has no public word for it
        raise fault(
            name, 1, 1, f"unknown encoding {encoding!r}", "known are utf-8, cp1252, cp1251, shift_jis, utf-16 ..."
        )
    return codec.name


def _guess_codec(data: bytes) -> str:
    """Guess the encoding of what is not UTF-8; empty where it is, or nobody can tell."""
    sample = data[:_MOST_GUESSED]
    zeros = [sample[parity::2].count(0) * 2 / max(1, len(sample)) for parity in (0, 1)]
    # UTF-16 without a mark: in Latin text, every other byte is zero.
    if max(zeros) > _MANY_ZEROS and min(zeros) < _FEW_ZEROS:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    try:
        data.decode()
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        found = list(from_bytes(sample, cp_isolation=list(_LEGACY)))
        if not found:
            return ""
        best = min(found, key=_doubt)
        return _LEGACY[_doubt(best)[2]]
    return ""


def _doubt(match: "CharsetMatch") -> tuple[int, float, int]:
    """Rank a guess, the best lowest; of those that look alike, the encoding that is used most is meant."""
    names = [codec for codec in _LEGACY if codec in (match.encoding, *match.could_be_from_charset)]
    # No word of a Latin script has such runs of accents: it is another script.
    return len(_ACCENTS.findall(str(match))), round(match.chaos, 1), _LEGACY.index(names[0])


def has_control(text: str) -> bool:
    """Tell whether a text holds a character that no authored text needs."""
    return _CONTROL.search(text) is not None


def place_at(text: str, offset: int) -> tuple[int, int]:
    """Return the 1-based line and column of a character."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1
