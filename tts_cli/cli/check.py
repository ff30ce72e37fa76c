"""`tts-cli check`: all problems of a manifest, without rendering."""

from tts_cli.cli import output
from tts_cli.cli.options import FormatOpt, JsonOpt, ManifestArg
from tts_cli.cli.streams import read_stdin
from tts_cli.settings import load_settings

EXAMPLE = "Example: [bold]tts-cli check book.yaml[/bold]"


def check(manifest: ManifestArg, format_: FormatOpt = None, as_json: JsonOpt = False) -> None:
    """Check a manifest: every problem at once, each with its place (exit 3)."""
    from tts_cli import api

    checked = api.check(manifest, stdin=read_stdin(manifest), format=format_, settings=load_settings())
    speakers = {line.speaker for line in checked.lines if line.speaker}
    if as_json:
        warnings = [output.problem_json(warning) for warning in checked.warnings]
        output.print_json(
            {"status": "ok", "lines": len(checked.lines), "speakers": len(speakers), "warnings": warnings}
        )
        return
    output.print_problems(checked.warnings)
    counts = {"line": len(checked.lines), "speaker": len(speakers), "chapter": len(checked.chapters)}
    found = ", ".join(output.counted(number, noun) for noun, number in counts.items() if number or noun == "line")
    warned = output.counted(len(checked.warnings), "warning") if checked.warnings else "no problems"
    output.results().say("{}: {}, {}", manifest, found, warned)
