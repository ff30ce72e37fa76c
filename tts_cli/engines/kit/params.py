"""An engine's parameters as a request has them: filled up with defaults, and held against their ranges."""

from collections.abc import Mapping
from typing import NamedTuple

from tts_cli.engines.base import EngineSpec, Param, Params
from tts_cli.errors import TakeError


class Values(NamedTuple):
    """All parameters of an engine by name: those that are numbers, and those that are one of several `choices`."""

    numbers: Mapping[str, float]
    choices: Mapping[str, str]


def fill_params(spec: EngineSpec, given: Params) -> Values:
    """Return every parameter of the engine, as given or by default.

    Planning has checked what comes from a manifest. Emotions multiply and add, so the sum is checked here. Raises
    `TakeError` of kind "input" for a parameter that the engine lacks, and for a value that it does not take.
    """
    if unknown := sorted(set(given) - set(spec.params)):
        raise TakeError(f"{spec.name} has no parameter {unknown[0]!r}", kind="input")
    numbers: dict[str, float] = {}
    choices: dict[str, str] = {}
    for name, param in spec.params.items():
        value = given.get(name, param.default)
        if param.choices:
            choices[name] = _read_choice(name, param, value)
        else:
            numbers[name] = _read_number(name, param, value)
    return Values(numbers, choices)


def _read_choice(name: str, param: Param, value: float | str) -> str:
    if value not in param.choices:
        raise TakeError(f"{name} must be one of {', '.join(param.choices)}, not {value!r}", kind="input")
    return str(value)


def _read_number(name: str, param: Param, value: float | str) -> float:
    try:
        number = float(value)
    except ValueError as error:
        raise TakeError(f"{name} must be a number, not {value!r}", kind="input") from error
    # NaN lies in no range, so it is refused here, too.
    if not param.low <= number <= param.high:
        raise TakeError(f"{name} must be between {param.low:g} and {param.high:g}, not {number:g}", kind="input")
    return number
