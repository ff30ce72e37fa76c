"""Audio files: takes to and from FLAC bytes, and masters written whole or not at all."""

import fcntl
import glob
import io
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt
import soundfile

from tts_cli.audio.io.containers import format_fault
from tts_cli.audio.io.ffmpeg import Encoder, FfmpegError
from tts_cli.audio.io.outputs import PCM_TAGS, Output
from tts_cli.audio.samples import Samples
from tts_cli.errors import OutputError, TakeError, refused

if TYPE_CHECKING:
    from tts_cli.recipe import Recipe

Subtype = Literal["PCM_16", "PCM_24"]

_BLOCK_FRAMES = 1 << 16
_COPIED_BYTES = 1 << 20
_LONGEST_TAKE = 1 << 30  # samples: three hours at the highest rate

# --- takes ----------------------------------------------------------------------------------------------


def encode_take(samples: Samples, sample_rate: int, subtype: Subtype) -> bytes:
    """Return mono samples [frames] as FLAC; equal samples give equal bytes.

    What lies outside -1..1 is clipped. Raises TakeError for samples that are not finite numbers.
    """
    if not np.isfinite(samples).all():
        raise TakeError("the engine returned samples that are not numbers (NaN or infinite)")
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", sample_rate, 1, subtype, format="FLAC") as file:
        # Piece by piece, as the integers of an hour are as large as its floats.
        for start in range(0, samples.size, _BLOCK_FRAMES):
            file.write(_as_integers(samples[start : start + _BLOCK_FRAMES], 16 if subtype == "PCM_16" else 24))
    return buffer.getvalue()


def _as_integers(samples: Samples, bits: int) -> npt.NDArray[np.int32]:
    """Return samples as the upper bits of 32-bit integers.

    Not left to libsndfile, which multiplies floats by 32767: 16-bit speech would not come back as it was.
    """
    full_scale = np.float32(2 ** (bits - 1))  # a power of two: nothing is lost in 32-bit floats
    scaled = np.clip(np.rint(samples.astype(np.float32) * full_scale), -full_scale, full_scale - 1)
    return np.asarray(scaled.astype(np.int32) << (32 - bits), np.int32)


def decode_take(data: bytes, most_frames: int = _LONGEST_TAKE) -> tuple[Samples, int]:
    """Return mono float32 samples [frames] and the sample rate; raises TakeError when it is no mono FLAC.

    A file that says it is longer than `most_frames` is not decoded any further than one sample beyond.
    """
    try:
        samples, sample_rate = soundfile.read(io.BytesIO(data), frames=most_frames + 1, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise TakeError(f"the take cannot be decoded: {error.error_string}") from error
    if samples.ndim != 1:
        raise TakeError("the take is not mono")
    return samples, sample_rate


class SequentialFile(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is read from its beginning to its end.

    soundfile itself seeks after each read, which makes an mp3 decoder forget its bit reservoir: slow, and wrong.
    """

    def __init__(self, file: Path | IO[bytes]) -> None:
        # As bytes: soundfile encodes a name strictly, and a name may hold bytes that are no text.
        super().__init__(os.fsencode(file) if isinstance(file, Path) else file)

    def seekable(self) -> bool:
        return False

    def each_block(self, frames: int) -> Iterator[Samples]:
        """Yield float32 blocks [n, channels] of up to so many frames."""
        while (block := self.read(frames, dtype="float32", always_2d=True)).size:
            yield block


# --- masters --------------------------------------------------------------------------------------------

PCM_FORMATS = ("wav", "flac")
_RF64_BYTES = 0xFFFF_0000  # a plain WAV counts its bytes in 32 bits


class _Sink(Protocol):
    """What writes one file: a soundfile.SoundFile or an Encoder."""

    def write(self, block: Samples, /) -> None: ...

    def close(self) -> None: ...


class _PcmFile(soundfile.SoundFile):  # type: ignore[misc]
    """A PCM file that is given integers, which costs a third of what libsndfile takes to convert floats."""

    def __init__(self, path: Path, recipe: "Recipe", kind: str) -> None:
        super().__init__(os.fsencode(path), "w", recipe.sample_rate, recipe.channels, f"PCM_{recipe.bits}", format=kind)
        self._bits = recipe.bits

    def write(self, block: Samples) -> None:
        # a float has 24 bits; of 32 libsndfile makes more than a shift would
        super().write(block if self._bits > 24 else _as_integers(block, self._bits))


class Draft:
    """A file in the making: a locked temporary file beside its name, which it takes over when it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # In the same folder, as a rename is atomic within one file system only.
        self.temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _sweep(path)
            # Opened for exclusive creation: two runs never write into one file.
            self._file = self.temporary.open("xb")
            with suppress(OSError):  # some network disks have no locks; then leftovers stay
                fcntl.flock(self._file, fcntl.LOCK_EX)

    def reopen(self) -> IO[bytes]:
        """Open the unfinished file for reading along; it stays readable when it is published."""
        return self.temporary.open("rb")

    def publish(self) -> None:
        """Make the file durable and give it its name."""
        with _translated(self.path), self._file:
            # Before the rename: after a power cut the name would stand for an empty file.
            os.fsync(self._file)
            self.temporary.replace(self.path)
            _sync_folder(self.path.parent)

    def refusal(self) -> OSError | None:
        """Return why the system lets nobody write on, which libsndfile and ffmpeg do not say; it spoils the file."""
        try:
            self._file.seek(0, os.SEEK_END)
            self._file.write(bytes(_BLOCK_FRAMES))
            self._file.flush()
        except OSError as error:
            return error
        return None

    def discard(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):  # what it still holds may not fit on the disk
            self._file.close()
        self.temporary.unlink(missing_ok=True)


@contextmanager
def drafting(paths: Sequence[Path]) -> Iterator[list[Draft]]:
    """Give a draft for each path; all appear under their names at the end, or none of them when something fails."""
    drafts: list[Draft] = []
    try:
        drafts.extend(map(Draft, paths))
        yield drafts
        # Renamed only when all are whole, as one failed encoder must not leave half of a set.
        for draft in drafts:
            draft.publish()
    except BaseException:
        for draft in drafts:
            draft.discard()
        raise


class MasterWriter:
    """One programme being written to one or more files: PCM by libsndfile, all others by one ffmpeg."""

    def __init__(self, outputs: Sequence[Output], drafts: Sequence[Draft], frames: int) -> None:
        self._channels = outputs[0].recipe.channels
        self._drafts = drafts
        self._sinks: list[_Sink] = []
        self._heads = {index: output.id3 for index, output in enumerate(outputs) if output.id3}
        self._bodies: dict[int, Draft] = {}
        try:
            # What gets a head from us is encoded to a file beside its draft: there a sound begins with its first byte.
            for index in self._heads:
                self._bodies[index] = Draft(drafts[index].path)
            placed = [
                replace(output, path=self._bodies.get(index, drafts[index]).temporary)
                for index, output in enumerate(outputs)
            ]
            # One ffmpeg encodes all of them, so the samples cross one pipe.
            encoded = [output for output in placed if output.recipe.format not in PCM_FORMATS]
            with _translated(drafts[0].path):
                for output in placed:
                    if output not in encoded:
                        self._sinks.append(_open_pcm(output, frames))
                if encoded:
                    self._sinks.append(Encoder(encoded))
        except BaseException:
            self.kill()
            raise

    def write(self, block: Samples) -> None:
        """Append a float32 block, mono [n] or [n, channels]; mono goes to every channel."""
        if block.ndim == 1 and self._channels > 1:
            block = np.repeat(block[:, None], self._channels, axis=1)
        with _translated(self._drafts[0].path, self._drafts):
            for sink in self._sinks:
                sink.write(block)

    def reopen(self, index: int = 0) -> IO[bytes]:
        """Open the sound of one of the unfinished files for reading along, without the head that it will have."""
        return self._bodies.get(index, self._drafts[index]).reopen()

    def close(self) -> None:
        """Finish the files."""
        with _translated(self._drafts[0].path, self._drafts):
            for sink in self._sinks:
                sink.close()
            for index, head in self._heads.items():
                with self._drafts[index].temporary.open("wb") as file, self._bodies[index].reopen() as body:
                    file.write(head)
                    shutil.copyfileobj(body, file, _COPIED_BYTES)
        self._discard_bodies()

    def kill(self) -> None:
        """Stop at once; the files are worthless."""
        for sink in self._sinks:
            with suppress(OSError, soundfile.LibsndfileError):
                sink.kill() if isinstance(sink, Encoder) else sink.close()
        self._discard_bodies()

    def _discard_bodies(self) -> None:
        for body in self._bodies.values():
            body.discard()


@contextmanager
def open_outputs(outputs: Sequence[Output], *, frames: int) -> Iterator[MasterWriter]:
    """Write files of about `frames` samples per channel that appear under their names whole, or not at all.

    All have one sample rate and one number of channels. A PCM file has the tags `copyright` and `comment` alone.

    Raises OutputError when one cannot be written, and when its format cannot do what the recipe asks.
    """
    for output in outputs:
        if fault := format_fault(output.recipe):
            raise OutputError(f"cannot write {output.path}: {fault[1]}")
    _check_room(outputs, frames)
    with drafting([output.path for output in outputs]) as drafts:
        writer = MasterWriter(outputs, drafts, frames)
        try:
            yield writer
            writer.close()
        except BaseException:
            writer.kill()
            raise


def _check_room(outputs: Sequence[Output], frames: int) -> None:
    """Raise OutputError where a disk has less room than these files need, before anything is written to it."""
    needed: dict[Path, float] = {}
    for output in outputs:
        recipe = output.recipe
        folder = next((folder for folder in output.path.absolute().parents if folder.is_dir()), Path("/"))
        pcm = frames * recipe.channels * recipe.bits / 8
        # FLAC of speech is about half as large; of silence it is next to nothing.
        encoded = frames / recipe.sample_rate * recipe.bitrate_kbps * 100
        size = {"wav": pcm, "flac": pcm / 10}.get(recipe.format, encoded)
        needed[folder] = needed.get(folder, 0.0) + size
    for folder, size in needed.items():
        free = shutil.disk_usage(folder).free
        if free < size:
            said = f"{folder} has {free / 1e6:,.1f} MB free, and {size / 1e6:,.1f} MB are needed"
            raise OutputError(f"cannot write {outputs[0].path}: {said}", hint="make room, or write elsewhere with -o")


def _open_pcm(output: Output, frames: int) -> _Sink:
    recipe = output.recipe
    huge = recipe.format == "wav" and frames * recipe.channels * recipe.bits // 8 > _RF64_BYTES
    sink = _PcmFile(output.path, recipe, "RF64" if huge else recipe.format.upper())
    for name in PCM_TAGS:
        if name in output.tags:
            setattr(sink, name, output.tags[name])
    return sink


@contextmanager
def _translated(path: Path, drafts: Sequence[Draft] = ()) -> Iterator[None]:
    """Turn what goes wrong while writing into an OutputError that names the file."""
    try:
        yield
    except OSError as error:
        raise refused(path, "be written", error) from error
    except (FfmpegError, soundfile.LibsndfileError) as error:
        for draft in drafts:
            if found := draft.refusal():
                raise refused(draft.path, "be written", found) from error
        raise OutputError(f"{path} cannot be written: {error}") from error


def _sweep(path: Path) -> None:
    """Remove what a killed run left beside `path`: temporary files that nobody holds locked any more."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError), leftover.open("rb") as file:
            # This raises while the writer lives.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, on disks that can."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
