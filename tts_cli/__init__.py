"""tts-cli: source -> script -> plan -> takes -> edit -> master -> delivery.

`tts_cli.check`, `tts_cli.render` and `tts_cli.export` do from Python what the command line does; see `tts_cli.api`.
"""

from typing import TYPE_CHECKING, Any

from tts_cli.about import __version__

if TYPE_CHECKING:
    from tts_cli.api import check, export, render

__all__ = ["__version__", "check", "export", "render"]


def __getattr__(name: str) -> Any:
    """Import the API when it is asked for: workers and `--help` do without it."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("tts_cli.api"), name)
    raise AttributeError(f"module 'tts_cli' has no attribute {name!r}")
