"""The JSON files that a run leaves in its output folder: a typed model -> JSON, and back, strictly.

A model is a dataclass with a `version`; its fields are the file's keys. What is read has every key that the model gives
no default, and the types that the model says, or it is refused with the place of the first value that does not fit.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, PlainValidator, TypeAdapter, ValidationError, with_config

from tts_cli.errors import RunFileError, Source
from tts_cli.pipeline.model import Failure

Model = TypeVar("Model")
json_file = with_config(ConfigDict(allow_inf_nan=False))
"""Marks the model of a whole file: its numbers, and those of all that it holds, are finite."""

_SOURCE = re.compile(r"(.*):([1-9]\d{0,8}):([1-9]\d{0,8})", re.DOTALL)


def _parse_source(value: object) -> Source | None:
    """Read `file:line:column` back; the file's name may have colons."""
    if value is None:
        return None
    if not isinstance(value, str) or not (found := _SOURCE.fullmatch(value)):
        raise ValueError("should be file:line:column")
    return Source(found[1], int(found[2]), int(found[3]))


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRow(Failure):
    """A failure as files have it: its source is `file:line:column`."""

    source: Annotated[Source | None, PlainValidator(_parse_source)]


def failure_rows(failures: Iterable[Failure]) -> tuple[FailureRow, ...]:
    """Describe failures as files have them."""
    return tuple(FailureRow(line=one.line, error=one.error, source=one.source) for one in failures)


def to_json(model: Any) -> Any:
    """Turn a model into what JSON knows: objects, arrays, strings, numbers."""
    if isinstance(model, Source):
        return str(model)
    if is_dataclass(model):
        return {field.name: to_json(getattr(model, field.name)) for field in fields(model)}
    if isinstance(model, Mapping):
        return {name: to_json(value) for name, value in model.items()}
    if isinstance(model, tuple):
        return [to_json(value) for value in model]
    # JSON has no NaN and no infinity, and a reader that is not Python's stops at them.
    return None if isinstance(model, float) and not math.isfinite(model) else model


def encode(model: Any) -> bytes:
    """Lay a file out for people."""
    return to_utf8(json.dumps(to_json(model), indent=2, ensure_ascii=False) + "\n")


def to_utf8(text: str) -> bytes:
    """Encode a file; the bytes of a path that are no UTF-8, which JSON cannot hold, become question marks."""
    return text.encode("utf-8", "replace")


def from_json(model: type[Model], data: bytes) -> Model:
    """Read JSON as a model; raises pydantic's `ValidationError`, which is a `ValueError`."""
    kind: Any = model  # mypy does not take the type of a type variable for hashable
    read: Model = _adapter(kind).validate_json(data, strict=True)
    return read


def read_file(path: Path, model: type[Model], *, absent: str, again: str) -> Model:
    """Read a file as its model; the hints say what to do where it is absent, or does not fit.

    Raises `RunFileError` for a file that cannot be read, is of another version or is damaged.
    """
    try:
        return from_json(model, path.read_bytes())
    except OSError as error:
        raise RunFileError(path, f"cannot be read: {error.strerror}", hint=absent) from error
    except ValidationError as error:
        raise RunFileError(path, _describe(error), hint=again) from error


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def _describe(error: ValidationError) -> str:
    """Say what is wrong with a file: its version, which explains the rest, or the first value that does not fit."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    if any(problem["loc"] == ("version",) for problem in problems):
        return "is of another version of tts-cli"
    first = problems[0]
    place = ".".join(map(str, first["loc"]))
    return f"is damaged: {place}{': ' if place else ''}{first['msg']}"
