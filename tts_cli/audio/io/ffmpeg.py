"""The only place that runs ffmpeg: an encoder fed with samples, and a decoder that yields them."""

import os
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from tts_cli.audio.io.outputs import EXACT, Output, encoder_arguments, joining_arguments
from tts_cli.audio.samples import Samples
from tts_cli.errors import MissingError
from tts_cli.scratch import Scratch

ENVIRONMENT_VARIABLE = "TTS_CLI_FFMPEG"

_PIPE_BYTES = 1 << 20  # as much as an unprivileged process may ask for on Linux: the encoder never starves
_BLOCK_FRAMES = 1 << 16
_TAIL_LINES = 4
QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error")
DEMUXERS: Mapping[str, str] = {
    ".aac": "aac",
    ".ac3": "ac3",
    ".aif": "aiff",
    ".aiff": "aiff",
    ".amr": "amr",
    ".caf": "caf",
    ".flac": "flac",
    ".m4a": "mov",
    ".m4b": "mov",
    ".mka": "matroska",
    ".mkv": "matroska",
    ".mov": "mov",
    ".mp3": "mp3",
    ".mp4": "mov",
    ".oga": "ogg",
    ".ogg": "ogg",
    ".opus": "ogg",
    ".wav": "wav",
    ".webm": "matroska",
    ".wma": "asf",
}
"""The demuxer for each suffix. It is forced: ffmpeg's own guess would also open playlists that name other files."""


_ADDRESS = re.compile(r"\[[^\[\]]* @ 0x[0-9a-f]+\] ")


class FfmpegError(Exception):
    """ffmpeg failed; the message is the last lines of what it said."""


def ffmpeg_path() -> str:
    """Return the ffmpeg to run: the one named by TTS_CLI_FFMPEG, else the one that imageio-ffmpeg ships."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            hint = f"unset {ENVIRONMENT_VARIABLE} to use the bundled ffmpeg"
            raise MissingError(f"{ENVIRONMENT_VARIABLE} names no program: {named}", hint=hint)
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        hint = f"pip install imageio-ffmpeg, or set {ENVIRONMENT_VARIABLE} to an ffmpeg"
        raise MissingError("ffmpeg is missing", hint=hint) from error


def ffmpeg_version() -> str:
    """Ask the ffmpeg that would run for its version; raises MissingError when it does not run."""
    path = ffmpeg_path()
    try:
        said = subprocess.run([path, "-version"], capture_output=True, text=True, check=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingError(
            f"{path} does not run: {error}", hint="pip install --force-reinstall imageio-ffmpeg"
        ) from error
    return said.split()[2]


# --- encoding -------------------------------------------------------------------------------------------


class Encoder:
    """A running ffmpeg that turns float32 blocks [n, channels] into one or more encoded files at once.

    All of them have the first one's sample rate and channels.
    """

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._heads = Scratch()
        try:
            arguments = encoder_arguments(outputs, self._heads.path)
            self._process = FfmpegProcess([ffmpeg_path(), *QUIET, *arguments], stdin=subprocess.PIPE)
        except BaseException:
            self._heads.remove()
            raise

    def write(self, block: Samples) -> None:
        """Hand over one block; waits while the encoder is busy. Raises FfmpegError when it has died."""
        try:
            self._process.stdin.write(np.ascontiguousarray(block, "<f4").data)
        except BrokenPipeError:
            # This raises with ffmpeg's own words; the next line is for one that ended well.
            self._process.finish()
            raise FfmpegError("ffmpeg stopped reading") from None

    def close(self) -> None:
        """Let the encoder finish the files; raises FfmpegError when it could not."""
        with self._heads:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.finish()

    def kill(self) -> None:
        """Stop at once; the files are worthless."""
        with self._heads:
            self._process.kill()


def join_aac(pieces: Sequence[Path], output: Output) -> None:
    """Join raw AAC streams (ADTS), frame after frame and nothing encoded again, in one file with its head.

    Raises FfmpegError when it cannot be written.
    """
    with Scratch() as scratch:
        arguments = joining_arguments(output, scratch.path)
        process = FfmpegProcess([ffmpeg_path(), *QUIET, *arguments], stdin=subprocess.PIPE)
        try:
            for piece in pieces:
                with piece.open("rb") as file:
                    shutil.copyfileobj(file, process.stdin, _PIPE_BYTES)
            process.stdin.close()
        except BrokenPipeError:
            pass  # finish says why
        except BaseException:
            process.kill()
            raise
        process.finish()


# --- decoding -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A file being decoded: its rate and channels, and its blocks of float32 [n, channels]."""

    sample_rate: int
    channels: int
    blocks: Iterator[Samples]


@contextmanager
def decoding(path: Path, demuxer: str, stream: int = 0) -> Iterator[Decoded]:
    """Decode an audio stream of a file, the first one, as far as the caller reads; raises FfmpegError without one."""
    with _decoded(FfmpegProcess(_decoder_argv(path, demuxer, stream), stdout=subprocess.PIPE)) as decoded:
        yield decoded


@contextmanager
def decoding_stereo(path: Path, demuxer: str, sample_rate: int) -> Iterator[Decoded]:
    """Decode the first audio stream of a file to two channels at a rate; one that begins late, or has holes, keeps its
    times. Raises FfmpegError without one.
    """
    # `async` fills holes with silence and cuts overlaps; the first sample is that of time 0
    filters = f"aresample={sample_rate}:async=1:first_pts=0,aformat=sample_fmts=fltp:channel_layouts=stereo"
    argv = _decoder_argv(path, demuxer, 0, f"{filters},{_IN_LONG_PIECES}")
    with _decoded(FfmpegProcess(argv, stdout=subprocess.PIPE)) as decoded:
        yield decoded


@contextmanager
def decoding_steadily(path: Path, demuxer: str) -> Iterator[Decoded]:
    """Do the same with a file of one sound that never changes its rate or channels, at a third of the cost.

    One filter reads and decodes such a file; else each packet wanders through four threads of ffmpeg.
    """
    with path.open("rb") as file:  # as standard input: no path needs to be quoted in a filter's words
        process = FfmpegProcess(_steady_decoder_argv(demuxer), stdin=file, stdout=subprocess.PIPE)
    with _decoded(process) as decoded:
        yield decoded


@contextmanager
def _decoded(process: "FfmpegProcess") -> Iterator[Decoded]:
    try:
        sample_rate, channels = _read_header(process)
        yield Decoded(sample_rate=sample_rate, channels=channels, blocks=_read_blocks(process, channels))
    finally:
        # A caller that has read enough leaves ffmpeg waiting before a full pipe.
        process.kill()


@contextmanager
def copying_adts(path: Path) -> Iterator[IO[bytes]]:
    """Read the AAC frames of an MPEG-4 file as a raw stream, not decoded; raises FfmpegError when it has none."""
    import ffmpeg

    source = ffmpeg.input(f"file:{path}", f="mov", protocol_whitelist="file")
    graph = source.audio.output("pipe:1", f="adts", acodec="copy", **EXACT)
    process = FfmpegProcess(list(graph.compile(cmd=[ffmpeg_path(), *QUIET])), stdout=subprocess.PIPE)
    try:
        yield process.stdout
    finally:
        process.kill()


# AU, because its header is six big-endian numbers and states rate and channels without a length.
_AU = {"f": "au", "acodec": "pcm_f32be", **EXACT}
_IN_LONG_PIECES = f"asetnsamples=n={_BLOCK_FRAMES}:p=0"  # handing on short ones costs more than decoding them


def _decoder_argv(path: Path, demuxer: str, stream: int, filters: str = _IN_LONG_PIECES) -> list[str]:
    import ffmpeg

    source = ffmpeg.input(f"file:{path}", f=demuxer, protocol_whitelist="file")
    graph = source.output("pipe:1", map=f"0:a:{stream}", af=filters, **_AU)
    return list(graph.compile(cmd=[ffmpeg_path(), *QUIET]))


def _steady_decoder_argv(demuxer: str) -> list[str]:
    import ffmpeg

    read = f"amovie=filename=/dev/stdin:format_name={demuxer}:format_opts=protocol_whitelist=file"
    graph = ffmpeg.input(f"{read},{_IN_LONG_PIECES}", f="lavfi").output("pipe:1", **_AU)
    return list(graph.compile(cmd=[ffmpeg_path(), *QUIET]))


def _read_header(process: "FfmpegProcess") -> tuple[int, int]:
    """Read an AU header and return sample rate and channels."""
    fixed = process.stdout.read(24)
    if len(fixed) < 24:
        process.finish()
        raise FfmpegError("no audio in it")
    _magic, offset, _size, _encoding, sample_rate, channels = struct.unpack(">4s5I", fixed)
    process.stdout.read(offset - 24)
    return sample_rate, channels


def _read_blocks(process: "FfmpegProcess", channels: int) -> Iterator[Samples]:
    frame_bytes = 4 * channels
    while data := process.stdout.read(_BLOCK_FRAMES * frame_bytes):
        # A stream that was cut short may end inside a frame.
        whole = len(data) // frame_bytes * frame_bytes
        yield np.frombuffer(data[:whole], ">f4").astype(np.float32).reshape(-1, channels)
    process.finish()


# --- filters --------------------------------------------------------------------------------------------


def filtered(samples: Samples, sample_rate: int, name: str, **options: float | str) -> Samples:
    """Send mono samples [n] through one filter and return what comes out; raises FfmpegError when it fails."""
    import ffmpeg

    graph = ffmpeg.input("pipe:0", f="f32le", ar=sample_rate, ac=1).filter(name, **options)
    argv = graph.output("pipe:1", f="f32le").compile(cmd=[ffmpeg_path(), *QUIET])
    data = np.ascontiguousarray(samples, "<f4").tobytes()
    said = subprocess.run(argv, input=data, capture_output=True, check=False, process_group=0)
    if said.returncode:
        raise FfmpegError(_last_words(said.stderr) or f"ffmpeg ended with status {said.returncode}")
    return np.frombuffer(said.stdout, "<f4").astype(np.float32)


def run_graph(graph: Any, more: Sequence[str] = ()) -> None:
    """Run an ffmpeg-python graph from files to a file that it may overwrite; raises FfmpegError when it fails.

    `more` are options of the output, for which ffmpeg-python has no word: the same one more than once.
    """
    *argv, path, overwrite = graph.compile(cmd=[ffmpeg_path(), *QUIET], overwrite_output=True)
    process = FfmpegProcess([*argv, *more, path, overwrite])
    try:
        process.finish()
    except BaseException:
        process.kill()
        raise


def has_filter(name: str) -> bool:
    """Tell whether the ffmpeg that would run has a filter."""
    argv = [ffmpeg_path(), *QUIET, "-h", f"filter={name}"]
    said = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    return said.stdout.startswith(f"Filter {name}")


# --- the process ----------------------------------------------------------------------------------------


class FfmpegProcess:
    """An ffmpeg with one end of it in our hands, and what it complains about in a file."""

    def __init__(
        self, argv: list[str], *, stdin: int | IO[bytes] = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
    ) -> None:
        # A file, as a pipe that nobody reads fills up and stops ffmpeg.
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by _release
        # Its own process group: Ctrl-C must reach us alone, or ffmpeg would finish half a file.
        self._popen = subprocess.Popen(
            argv, stdin=stdin, stdout=stdout, stderr=self._complaints, pipesize=_PIPE_BYTES, process_group=0
        )
        _let_finish_turns(self._popen.pid)
        self.stdin = cast(IO[bytes], self._popen.stdin)
        self.stdout = cast(IO[bytes], self._popen.stdout)

    def finish(self) -> None:
        """Wait for the end; raise FfmpegError with its last words when it was not a good one."""
        code = self._popen.wait()
        self._complaints.seek(0)
        said = self._complaints.read()
        self._release()
        if code:
            raise FfmpegError(_last_words(said) or f"ffmpeg ended with status {code}")

    def kill(self) -> None:
        """End it now, if it has not ended."""
        self._popen.kill()
        self._popen.wait()
        self._release()

    def _release(self) -> None:
        self._complaints.close()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def _last_words(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return "\n".join(_ADDRESS.sub("", line) for line in lines[-_TAIL_LINES:])


def _let_finish_turns(pid: int) -> None:
    """Keep a process's threads from interrupting one another where the system can (Linux): a tenth off an encode.

    ffmpeg hands every frame through five threads, and each hand-over would otherwise wake the next one at once.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):  # it has ended already, or may not
            os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))
