"""Bytes of an authored file to text: size, encoding and control characters are checked, with places."""

import codecs
import os
import re
from dataclasses import dataclass

from tts_cli.errors import InputError, Problem, Source
from tts_cli.user_files import TooLargeError, is_file, read_file

MAX_BYTES = 64 * 2**20

_MARKED = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CONTROL = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text; its codec and byte order mark give the same bytes again."""

    text: str
    codec: str = "utf-8"
    mark: bytes = b""

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


def decode(data: bytes, name: str) -> Decoded:
    """Decode UTF-8 (with or without a mark) or marked UTF-16; raises `InputError` with the first bad place."""
    if len(data) > MAX_BYTES:
        raise _too_large(name)
    mark, codec = next((pair for pair in _MARKED if data.startswith(pair[0])), (b"", "utf-8"))
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
    return Decoded(text, codec, mark)


def has_control(text: str) -> bool:
    """Tell whether a text holds a character that no authored text needs."""
    return _CONTROL.search(text) is not None


def place_at(text: str, offset: int) -> tuple[int, int]:
    """Return the 1-based line and column of a character."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1
