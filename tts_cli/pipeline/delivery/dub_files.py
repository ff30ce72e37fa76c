"""What a dub is delivered as beside its own track: over the original or over music, in the film; and its timing."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile

from tts_cli.audio.io.ffmpeg import decoding
from tts_cli.audio.io.files import drafting
from tts_cli.audio.io.outputs import Output
from tts_cli.audio.io.readback import measure_file
from tts_cli.audio.io.video import Track, add_track, film_demuxer, has_sound, read_film
from tts_cli.audio.mastering.bed import Bed, Mixdown, mix_over
from tts_cli.audio.meters.loudness import FileLevels, measure_blocks
from tts_cli.cache.keys import digest
from tts_cli.errors import UsageError
from tts_cli.pipeline.delivery.context import DeliveryContext
from tts_cli.pipeline.delivery.file_list import film_name
from tts_cli.pipeline.edit.dub import Dub, timing_csv
from tts_cli.pipeline.master.master import Written, file_sha256
from tts_cli.pipeline.master.read_back import find_lost_streams, find_misread
from tts_cli.pipeline.model import Deliverable
from tts_cli.pipeline.request import DubTarget
from tts_cli.recipe import Delivery
from tts_cli.user_files import open_file

_MOST_BED_GAIN_DB = 20.0
_SLACK_LU = 0.2
_MOST_CORRECTIONS = 2
_HEADROOM_DB = 0.1


def check_target(target: DubTarget) -> None:
    """Raise `UsageError`, before any work, where a film or a bed is no file, or has nothing to be heard under a dub."""
    for option, path in (("--video", target.video), ("--bed", target.bed)):
        try:
            if path:
                open_file(path).close()
        except OSError as error:
            raise UsageError(f"{option} {path} {error.strerror}", hint="name a file") from error
    if target.bed and not has_sound(target.bed):
        raise UsageError(f"--bed {target.bed} has no sound", hint="name a recording, or a film that has one")
    if target.under and target.under == target.video and not has_sound(target.video):
        hint = "leave --duck out, or name what is heard under the dub with --bed"
        raise UsageError(f"--duck: {target.video} has no sound to be turned down", hint=hint)


def deliver_timing(context: DeliveryContext, deliveries: Sequence[Delivery]) -> Iterator[Deliverable]:
    """Write how each line was fitted to its slot; its measures are how many lines miss the budget, and by how much."""
    dub = context.dub
    if not dub or not dub.placements:
        return
    rate = context.recipe.sample_rate
    measures = {
        "over_budget": float(sum(one.is_over_budget for one in dub.placements)),
        "drift_s": round(max(one.late for one in dub.placements) / rate, 3),
    }
    for delivery in deliveries:
        yield context.deliver_text(context.name(delivery), timing_csv(dub, rate).decode(), delivery, measures)


def deliver_mixes(context: DeliveryContext, deliveries: Sequence[Delivery]) -> Iterator[Deliverable]:
    """Write the dub over its bed, at the recipe's loudness; nothing where there is no bed."""
    track, bed = _track(context), context.target.under
    if not (context.dub and context.dub.timeline and track and bed):
        return
    for delivery in deliveries:
        name = context.name(delivery)
        about = [file_sha256(track), *_stamp(bed), context.target.ducking or ""]
        inputs = digest([*about, context.inputs([context.dub.timeline], delivery.sound, {})])
        kept = context.kept(name, inputs, delivery, [context.dub.timeline])
        yield kept or _deliver_mix(context, delivery, context.dub, track, inputs)


def deliver_films(context: DeliveryContext, deliveries: Sequence[Delivery]) -> Iterator[Deliverable]:
    """Write the film with the dub, or its mix, as the track of first choice, and with its subtitles."""
    video, track = context.target.video, _track(context)
    if not (context.dub and context.dub.timeline and track and video):
        return
    mixes = [path for path in _delivered(context, "mix") if context.target.under]
    audio = next(iter(mixes), track)
    subtitles = next((path for path in _delivered(context, "subtitles") if path.suffix == ".srt"), None)
    for delivery in deliveries:
        name = film_name(context.plan.manifest, delivery, context.target)
        texts = [file_sha256(path) for path in (audio, subtitles) if path]
        language = context.plan.manifest.metadata.get("language", "") or context.plan.lines[0].line.language
        title = "AI voice" if context.is_synthetic else "Dub"
        inputs = digest([*texts, *_stamp(video), language, title])
        kept = context.kept(name, inputs, delivery, [context.dub.timeline])
        if not kept:
            new = Track(audio=audio, language=language, title=title, subtitles=subtitles)
            written = _write_film(video, new, context.path(name))
            kept = context.describe(name, written, inputs, delivery, [context.dub.timeline])
        yield kept


def _write_film(video: Path, track: Track, path: Path) -> Written:
    """Write the film, and measure the new track in it."""
    film = read_film(video)
    with drafting([path]) as [draft]:
        add_track(film, track, draft.temporary)
    misread = find_lost_streams([*film.kept, *track.kinds], read_film(path).kept)
    with decoding(path, film_demuxer(path), film.count("audio")) as decoded:
        levels = measure_blocks(decoded.blocks, decoded.sample_rate, decoded.channels)
    return Written(path, levels, file_sha256(path), misread)


def _delivered(context: DeliveryContext, kind: str) -> list[Path]:
    """Return the files of a kind that are there."""
    names = [context.name(delivery) for delivery in context.recipe.deliver if delivery.kind == kind]
    return [path for name in names if (path := context.out / name).is_file()]


def _track(context: DeliveryContext) -> Path | None:
    """Return the dub alone, as it was delivered before all else."""
    return next((path for path in _delivered(context, "programme") if path.suffix == ".wav"), None)


def _stamp(path: Path) -> tuple[str, int, int]:
    """Tell one version of a large file from another, without reading it."""
    stat = path.stat()
    return str(path.resolve()), stat.st_size, stat.st_mtime_ns


# --- the mix --------------------------------------------------------------------------------------------


def _deliver_mix(context: DeliveryContext, delivery: Delivery, dub: Dub, track: Path, inputs: str) -> Deliverable:
    name = context.name(delivery)
    path = context.path(name)
    levels = _write_mix(track, _bed(context, delivery), path, delivery)
    info = soundfile.info(track)
    misread = find_misread(Output(path=path, recipe=delivery.sound), levels, info.frames / info.samplerate)
    written = Written(path, levels, file_sha256(path), misread)
    timelines = [dub.timeline] if dub.timeline else []
    return context.describe(name, written, inputs, delivery, timelines)


def _bed(context: DeliveryContext, delivery: Delivery) -> Bed:
    """Bring an original to the loudness of the dub; music and effects stay as loud as they are."""
    path = context.target.under
    if path is None:
        raise ValueError("nothing to mix a dub over")
    if not context.target.ducking:
        return Bed(path=path)
    with decoding(path, film_demuxer(path)) as decoded:
        lufs = measure_blocks(decoded.blocks, decoded.sample_rate, decoded.channels).lufs
    gain_db = max(-_MOST_BED_GAIN_DB, min(_MOST_BED_GAIN_DB, delivery.sound.loudness_lufs - lufs))
    return Bed(path=path, gain_db=gain_db, ducking=context.target.ducking)


def _write_mix(track: Path, bed: Bed, path: Path, delivery: Delivery) -> FileLevels:
    """Write the mix, judge it by the file, and write it again where its loudness is off."""
    sound, gain_db = delivery.sound, 0.0
    info = soundfile.info(track)
    length = round(info.frames * sound.sample_rate / info.samplerate)
    for _ in range(_MOST_CORRECTIONS + 1):
        mixdown = Mixdown(
            length=length,
            sample_rate=sound.sample_rate,
            bits=sound.bits,
            gain_db=gain_db,
            ceiling_dbtp=sound.true_peak_dbtp - _HEADROOM_DB,
        )
        mix_over(track, bed, path, mixdown)
        levels = measure_file(path)
        error_lu = levels.lufs - sound.loudness_lufs
        if abs(error_lu) <= _SLACK_LU:
            break
        gain_db -= error_lu
    return levels
