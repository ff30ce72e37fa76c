"""export.json: what an export delivered by one recipe."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from tts_cli.cache.blobs import write_atomically
from tts_cli.pipeline.master.file_names import EXPORT_FILE
from tts_cli.pipeline.master.json_files import FailureRow, encode, failure_rows, json_file, read_file, to_json
from tts_cli.pipeline.master.output_guard import OutputGuard
from tts_cli.pipeline.model import Deliverable, ExportReport

EXPORT_VERSION = 1
"""The form of export.json."""

_ABSENT = "name a folder that `tts-cli export` has written, such as out/book/acx"
_AGAIN = "export again: what nobody touched since is made anew, and the takes are cached"


@json_file
@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFile(ExportReport):
    """What export.json says: all that an export's report does."""

    version: Annotated[int, Field(ge=EXPORT_VERSION, le=EXPORT_VERSION)]
    failures: tuple[FailureRow, ...]
    quality_issues: tuple[FailureRow, ...] = ()
    over_budget: tuple[FailureRow, ...] = ()
    missing: int
    notices: tuple[str, ...]
    wall_seconds: float


def write_export(guard: OutputGuard, report: ExportReport) -> None:
    """Keep the report of an export in its folder."""
    write_atomically(guard.path(EXPORT_FILE), encode(export_to_json(report)))


def read_export(out: Path) -> ExportFile:
    """Read the report of an export's folder; raises `RunFileError` for one absent, of another version or damaged."""
    return read_file(out / EXPORT_FILE, ExportFile, absent=_ABSENT, again=_AGAIN)


def exported_files(out: Path) -> tuple[Deliverable, ...]:
    """Return the files that an export wrote; raises `RunFileError` where its folder does not say."""
    report = read_export(out)
    return (*filter(None, [report.timeline]), *report.outputs)


def export_to_json(report: ExportReport) -> dict[str, Any]:
    """Flatten the report of an export into the form of export.json, its version first."""
    said = {field.name: getattr(report, field.name) for field in fields(report)}
    rows = {name: failure_rows(said[name]) for name in ("failures", "quality_issues", "over_budget")}
    file = ExportFile(**{**said, **rows, "version": EXPORT_VERSION})
    return {"version": file.version, **to_json(file)}
