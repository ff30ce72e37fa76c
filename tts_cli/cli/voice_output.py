"""Clips, states and voices, told to a person or to a program."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_cli.cli import output

if TYPE_CHECKING:
    from tts_cli.voices.reference import CheckedClip
    from tts_cli.voicework.precompute import Precomputed

STYLES = {"computed": "green", "cached": "cyan", "failed": "red"}


def clip_json(clip: "CheckedClip") -> dict[str, Any]:
    """Flatten a checked clip, without its samples."""
    return {
        "path": clip.path,
        "start_s": round(clip.start_s, 3),
        "seconds": round(clip.seconds, 3),
        "quality": asdict(clip.quality),
        "findings": [asdict(finding) for finding in clip.diagnostics],
    }


def show_clips(clips: "Iterable[CheckedClip]") -> None:
    """Show what was measured of each clip."""
    output.print_table(
        ("clip", "kept", "speech", "noise floor", "peak"),
        [
            (
                clip.path,
                f"{clip.seconds:.1f} of {clip.quality.seconds:.1f} s",
                f"{clip.quality.speech_dbfs:.1f} dBFS",
                f"{clip.quality.noise_dbfs:.1f} dBFS",
                f"{clip.quality.peak_dbfs:.1f} dBFS",
            )
            for clip in clips
        ],
        right=("kept", "speech", "noise floor", "peak"),
    )


def precomputed_json(result: "Precomputed") -> dict[str, Any]:
    """Flatten what became of a state."""
    return {
        "voice": result.conditionals_request.voice.name,
        "engine": result.conditionals_request.engine,
        "key": result.conditionals_request.key,
        "status": result.status,
        "wall_s": result.wall_s,
        "bytes": result.found.size if result.found else 0,
        "error": result.error,
    }


def show_used_clips(results: "Iterable[Precomputed]") -> None:
    """Say of which clips an engine made a voice, and whether it imitates them or takes its own voice next to them."""
    from tts_cli.engines.catalog import get_spec

    for result in results:
        request = result.conditionals_request
        clones = get_spec(request.engine).abilities.clones
        if result.status == "failed" or clones is None:
            continue
        used = ", ".join(Path(reference.path).name for reference in request.voice.references[: clones.max_clips])
        how = (
            "matches {}: it speaks with the one of its own voices that is nearest" if clones.matches else "imitates {}"
        )
        output.results().say("{} {}", request.engine, how.format(used))


def show_precomputed(results: "Iterable[Precomputed]") -> None:
    """Say of each state what became of it."""
    for result in results:
        took = f" in {result.wall_s:.1f} s, {result.found.size:,} bytes" if result.wall_s and result.found else ""
        whose = f"{result.conditionals_request.voice.name} for {result.conditionals_request.engine}"
        status = output.Styled(result.status, STYLES[result.status])
        output.results().say("conditionals of {}: {}{}", whose, status, took)
        if result.error:
            output.talk().say("[red]error:[/red] {}", result.error)
