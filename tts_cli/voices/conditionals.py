"""Conditionals as files: a state in the format that its engine's own tools read, beside a JSON that says what it is."""

from pathlib import Path

from tts_cli.errors import InputError, Problem, Source
from tts_cli.user_files import read_file
from tts_cli.voices.pt_file import MAX_BYTES, BadStateError, Tree, read_pt, write_pt
from tts_cli.voices.safetensors_file import read_safetensors, write_safetensors

SUFFIXES = (".pt", ".safetensors")


def read_state(path: Path) -> Tree:
    """Read a state that may come from anywhere; nothing in it is executed. Raises `InputError` at the file's place."""
    try:
        data = read_file(path, MAX_BYTES)
        return read_safetensors(data) if path.suffix.lower() == ".safetensors" else read_pt(data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise refusal(path, reason if reason.startswith("is ") else f"cannot be read: {reason}") from error
    except BadStateError as error:
        raise refusal(path, str(error), "only files of tensors that torch or safetensors saved can be read") from error


def write_state(state: Tree, suffix: str) -> bytes:
    """Return a state as the bytes of a `.pt` or a `.safetensors` file; raises `BadStateError` if it does not fit."""
    if suffix == ".pt":
        return write_pt(state)
    arrays = {}
    for module, entries in state.items() if isinstance(state, dict) else ():
        for name, value in entries.items() if isinstance(entries, dict) else ():
            arrays[f"{module}/{name}"] = value
    if not arrays:
        raise BadStateError("is not a state that safetensors can hold")
    return write_safetensors(arrays)


def refusal(path: Path | str, message: str, hint: str = "") -> InputError:
    """Make the error for a file that is not what it should be."""
    return InputError([Problem(Source(str(path), 1), message, hint)])
