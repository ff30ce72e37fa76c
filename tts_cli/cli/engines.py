"""`tts-cli engines`: who can speak here."""

from dataclasses import asdict

from tts_cli.cli import output
from tts_cli.cli.options import JsonOpt

EXAMPLE = "Example: [bold]tts-cli engines --json[/bold]"


def engines(as_json: JsonOpt = False) -> None:
    """List the engines: what they are, their voices, parameters and emotions."""
    from tts_cli.engines.catalog import engine_names, get_spec, list_voices, package_version

    specs = [get_spec(name) for name in engine_names()]
    if as_json:
        listed = [asdict(spec) | {"package_version": package_version(spec)} for spec in specs]
        output.print_json({"status": "ok", "engines": listed})
        return
    output.print_table(
        ("engine", "summary", "voices", "imitates", "package", "licence"),
        [
            (
                spec.name,
                spec.summary,
                f"{len(list_voices(spec)):,}",
                "yes" if spec.conditioner else "no",
                package_version(spec),
                spec.licence,
            )
            for spec in specs
        ],
        right=("voices",),
    )
    for spec in filter(lambda spec: spec.params, specs):
        output.results().print(f"\n[bold]{spec.name}[/bold] parameters")
        output.print_table(
            ("name", "default", "range", "meaning"),
            [
                (name, f"{param.default}", ", ".join(param.choices) or f"{param.low:g} to {param.high:g}", param.doc)
                for name, param in spec.params.items()
            ],
        )
        output.results().print(f"\n[bold]{spec.name}[/bold] emotions: {', '.join(spec.emotions)}")
