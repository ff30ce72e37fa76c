"""`tts-cli voices`: whose voice a line can have."""

from typing import Annotated

import typer

from tts_cli.cli import output
from tts_cli.cli.options import EngineOpt, JsonOpt

app = typer.Typer(help="See the voices there are.", no_args_is_help=True)


@app.callback()
def voices() -> None:
    """Keep `list` a command of its own even while it is the only one."""


@app.command("list", epilog="Example: [bold]tts-cli voices list --language pt[/bold]")
def list_(
    engine: EngineOpt = "espeak",
    language: Annotated[str, typer.Option("--language", help="Only voices of this language, e.g. pt or en-gb.")] = "",
    as_json: JsonOpt = False,
) -> None:
    """List an engine's own voices."""
    from tts_cli.engines.catalog import get_spec, list_voices

    wanted = language.lower()
    found = [
        voice
        for voice in list_voices(get_spec(engine))
        if not wanted or voice.language.lower() == wanted or voice.language.lower().startswith(f"{wanted}-")
    ]
    if as_json:
        listed = [{"name": voice.name, "language": voice.language, "description": voice.description} for voice in found]
        output.print_json({"status": "ok", "engine": engine, "voices": listed})
        return
    output.print_table(
        ("voice", "language", "description"), [(voice.name, voice.language, voice.description) for voice in found]
    )
