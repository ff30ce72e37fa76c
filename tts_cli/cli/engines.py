"""`tts-cli engines`: who can speak here, and what that takes."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from tts_cli.cli import output
from tts_cli.cli.everywhere import complete_engines
from tts_cli.cli.options import JsonOpt
from tts_cli.settings import load_settings

if TYPE_CHECKING:
    from tts_cli.install.status import Installed

EXAMPLE = "Example: [bold]tts-cli engines --json[/bold]"

FEW = 16


class _Engines(TyperGroup):
    """`engines NAME` shows one engine, as `engines show NAME` does."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        known = not args or args[0] in self.commands or args[0].startswith("-")
        return super().resolve_command(ctx, args if known else ["show", *args])


app = typer.Typer(cls=_Engines, invoke_without_command=True, epilog=EXAMPLE)


@app.callback()
def engines(context: typer.Context, as_json: JsonOpt = False) -> None:
    """List the engines: whether they are ready, their voices, languages, abilities, parameters and emotions."""
    if context.invoked_subcommand:
        return
    from tts_cli.install.status import describe_all

    load_settings()
    found = describe_all()
    if as_json:
        output.print_json({"status": "ok", "engines": [_to_json(engine) for engine in found]})
    else:
        _show(found)


@app.command(epilog="Example: [bold]tts-cli engines kokoro[/bold]")
def show(
    name: Annotated[str, typer.Argument(metavar="ENGINE", help="The engine's name.", autocompletion=complete_engines)],
    as_json: JsonOpt = False,
) -> None:
    """Show one engine; `engines NAME` is short for it."""
    from tts_cli.engines.catalog import get_spec
    from tts_cli.install.status import describe_all

    load_settings()
    get_spec(name)  # an unknown name is told with what was meant
    [found] = [engine for engine in describe_all() if engine.spec.name == name]
    if as_json:
        output.print_json({"status": "ok", "engine": _to_json(found)})
    else:
        _show_engine(found)


@app.command(epilog="Example: [bold]tts-cli engines remove kokoro[/bold]")
def remove(
    name: Annotated[str, typer.Argument(metavar="ENGINE", help="Whose environment and weights to delete.")],
    as_json: JsonOpt = False,
) -> None:
    """Delete what `download` has made for an engine; what other engines use, too, is kept."""
    from tts_cli.install.status import remove as remove_engine

    load_settings()
    freed = remove_engine(name)
    if as_json:
        output.print_json({"status": "ok", "engine": name, "bytes": freed})
    else:
        output.results().say("{}: {}", name, f"{output.size(freed)} freed" if freed else "nothing to delete")


def _to_json(engine: "Installed") -> dict[str, Any]:
    """Return what there is of an engine beside what its spec says, which is all but its functions."""
    plain = asdict(engine, dict_factory=lambda items: {name: value for name, value in items if not callable(value)})
    spec: dict[str, Any] = plain.pop("spec")
    return spec | plain


def _show(found: "list[Installed]") -> None:
    output.print_table(
        ("engine", "ready", "environment", "weights", "disk", "voices"),
        [
            (
                engine.spec.name,
                "yes" if engine.ready else "no",
                engine.environment,
                engine.weights,
                output.size(engine.disk) if engine.disk else "",
                f"{engine.voices:,}",
            )
            for engine in found
        ],
        right=("disk", "voices"),
    )
    for engine in found:
        _show_engine(engine)


def _show_engine(engine: "Installed") -> None:
    spec, console = engine.spec, output.results()
    console.say("\n[bold]{}[/bold]  {}", spec.name, spec.summary)
    if engine.lacks:
        console.say("not ready: {}", "; ".join(engine.lacks))
        output.print_hint(f"tts-cli download {spec.name}", output.talk())
    facts = {
        "licence": spec.licence,
        "packages": ", ".join(f"{name} {version}" for name, version in engine.versions.items()),
        "languages": _few(engine.languages),
        "abilities": ", ".join(engine.abilities),
        "emotions": ", ".join(spec.emotions),
    }
    for name, fact in facts.items():
        if fact:
            console.say("{}: {}", name, fact)
    if spec.params:
        output.print_table(
            ("parameter", "default", "range", "meaning"),
            [
                (name, f"{param.default}", ", ".join(param.choices) or f"{param.low:g} to {param.high:g}", param.doc)
                for name, param in spec.params.items()
            ],
        )


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= FEW else f"{len(names)}, among them {', '.join(names[:FEW])}"
