"""The server that an engine speaks on: where it is, who we are to it, and how hard it may be asked. Plain data."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What planning and a worker must know of a server.

    `url`, `model` and `credential` are names of environment variables, never values. The first holds the server's
    address. The second may name the model, so that planning need not ask for it by `ask_model`, which returns the
    model's identity and raises `MissingError`. The third holds what is sent as a bearer token, "" if none is.

    A run has at most `concurrency` requests at a time. A connection must stand after `connect_s`, and show life every
    `read_s`. A request that fails for a passing reason (429, 5xx, a lost connection) is repeated, up to `attempts` in
    all; it takes no longer than `total_s`, waiting included.
    """

    url: str
    ask_model: "Callable[[Server], str]"
    model: str = ""
    credential: str = ""
    concurrency: int = 4
    connect_s: float = 5.0
    read_s: float = 60.0
    attempts: int = 5
    total_s: float = 120.0
