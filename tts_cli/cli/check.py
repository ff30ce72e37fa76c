"""`tts-cli check`: all problems of a manifest, without rendering."""

from tts_cli.cli import output
from tts_cli.cli.options import (
    ChapterPatternOpt,
    DefaultEngineOpt,
    DefaultVoiceOpt,
    EncodingOpt,
    FormatOpt,
    HeadingsOpt,
    HeadingsSpoken,
    JsonOpt,
    KeepOpt,
    SheetOpt,
    SourcesArg,
    read_options,
)
from tts_cli.cli.streams import read_stdin
from tts_cli.settings import load_settings

EXAMPLE = "Example: [bold]tts-cli check book.yaml[/bold]"


def check(
    sources: SourcesArg,
    engine: DefaultEngineOpt = "",
    voice: DefaultVoiceOpt = "",
    format_: FormatOpt = None,
    keep: KeepOpt = None,
    headings: HeadingsOpt = HeadingsSpoken.SPOKEN,
    chapter_pattern: ChapterPatternOpt = "",
    encoding: EncodingOpt = "",
    sheet: SheetOpt = "",
    as_json: JsonOpt = False,
) -> None:
    """Check a manifest, a book or a text: every problem at once, each with its place (exit 3)."""
    from tts_cli import api
    from tts_cli.cli.summary import show_cast

    checked = api.check(
        sources[0],
        more=sources[1:],
        stdin=read_stdin(sources),
        format=format_,
        reading=read_options(keep, headings, chapter_pattern, encoding, sheet),
        settings=load_settings(engine=engine, voice=voice),
    )
    speakers = {line.speaker for line in checked.lines if line.speaker}
    if as_json:
        warnings = [output.problem_json(warning) for warning in checked.warnings]
        output.print_json(
            {"status": "ok", "lines": len(checked.lines), "speakers": len(speakers), "warnings": warnings}
        )
        return
    output.print_problems(checked.warnings)
    speaking = dict.fromkeys((line.speaker, line.engine) for line in checked.lines if line.speaker in checked.dealt)
    show_cast([(name, engine, checked.dealt[name]) for name, engine in speaking])
    counts = {"line": len(checked.lines), "speaker": len(speakers), "chapter": len(checked.chapters)}
    found = ", ".join(output.counted(number, noun) for noun, number in counts.items() if number or noun == "line")
    warned = output.counted(len(checked.warnings), "warning") if checked.warnings else "no problems"
    output.results().say("{}: {}, {}", " ".join(sources), found, warned)
