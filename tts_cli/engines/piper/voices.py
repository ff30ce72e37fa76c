"""Piper's voices by name or by path, read by the CLI process, too: which there are, and which bytes speak.

A user writes `en_US-lessac-medium`, or a path that ends in `.onnx`, and perhaps `#SPEAKER` behind it. The full name
`SOURCE#NUMBER@DIGEST` also says which of its speakers is meant, and the digest of the network and its configuration.
"""

import functools
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tts_cli.engines.base import EngineVoice, Weights
from tts_cli.engines.piper.config import VoiceConfig, read_config
from tts_cli.engines.weights import Fetched, absent_files, hub_folder, read_record
from tts_cli.errors import InputError, MissingError, Problem, Source, UnknownNameError

ENGINE = "piper"
REPO = "rhasspy/piper-voices"
# A tag of the repository. Newer voices need `--revision`; what a voice is, is in its key by its bytes.
REVISION = "v1.0.0"
SUFFIX = ".onnx"
CARD = "MODEL_CARD"
_NAME = re.compile(r"(?P<language>[a-z]{2,3})_(?P<region>[A-Z]{2})-(?P<name>\w+)-(?P<quality>x_low|low|medium|high)")
_MEGABYTES = {"x_low": 28, "low": 63, "medium": 63, "high": 114}
_HOW = "a voice is a path to an .onnx file, or a name like en_US-lessac-medium after `tts-cli download piper:NAME`"


@dataclass(frozen=True, slots=True, kw_only=True)
class FullName:
    """A voice that was found; `digest` is empty for one that is yet to be downloaded."""

    source: str
    speaker: int = 0
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.source}#{self.speaker}@{self.digest}"

    @property
    def path(self) -> Path:
        """Where its network lies; raises `MissingError` for a downloaded voice that is gone."""
        return Path(self.source) if is_path(self.source) else _fetched_path(self.source)


def parse(voice: str) -> FullName:
    """Read a full name, as `resolve` has made it."""
    rest, _, digest = voice.rpartition("@")
    source, _, speaker = rest.rpartition("#")
    return FullName(source=source, speaker=int(speaker), digest=digest)


def identity(voice: str) -> str:
    """Return what of a full name changes the sound; raises `MissingError` for a voice that is not here."""
    name = parse(voice)
    if not name.digest:
        raise MissingError(
            f"the voice {name.source} of piper is not here", hint=f"tts-cli download {ENGINE}:{name.source}"
        )
    return f"#{name.speaker}@{name.digest}"


def voices() -> tuple[EngineVoice, ...]:
    """List the voices that were downloaded."""
    found = []
    for name, fetched in _all_fetched().items():
        config = _read_fetched(name, fetched).config
        speakers = f"{config.speaker_count} speakers, {name}#0 and so on; " if config.speaker_count > 1 else ""
        licence = f"licence: {fetched.licence or 'unknown'}"
        found.append(EngineVoice(name=name, language=config.language, description=f"{speakers}{licence}"))
    return tuple(found)


def resolve(voice: str, language: str) -> str:
    """Return the full name of a voice, of the first downloaded one in that language where none is named.

    Raises `UnknownNameError` for a name that cannot be, and `InputError` for a file that is no voice.
    """
    if not voice:
        voice = _first_in(language)
    if not voice:
        return ""
    source, speaker = _split_speaker(voice)
    if is_path(source):
        found = read_voice_at(Path(source))
    elif not _NAME.fullmatch(source):
        raise UnknownNameError("voice", source, _all_fetched(), hint=_HOW)
    elif fetched := _all_fetched().get(source):
        found = _read_fetched(source, fetched)
    else:
        # Not known to exist before it is downloaded: planning says so, so that a line may fall back on another engine.
        return str(FullName(source=source))
    try:
        number = found.config.find_speaker(speaker)
    except KeyError:
        known = found.config.speakers or map(str, range(found.config.speaker_count))
        raise UnknownNameError(f"speaker of {Path(source).name}", speaker, known) from None
    return str(FullName(source=source, speaker=number, digest=found.digest))


def find_weights_of(name: str) -> Weights:
    """Return what is to be downloaded for a voice; raises `UnknownNameError` for what is no voice's name."""
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise UnknownNameError("voice of piper", name, _all_fetched(), hint="names are like en_US-lessac-medium")
    folder = f"{parts['language']}/{parts['language']}_{parts['region']}/{parts['name']}/{parts['quality']}"
    return Weights(
        part=name,
        repo=REPO,
        revision=REVISION,
        files=(f"{folder}/{name}.onnx", f"{folder}/{name}.onnx.json", f"{folder}/{CARD}"),
        card=f"{folder}/{CARD}",
        megabytes=_MEGABYTES[parts["quality"]],
        licence="as its MODEL_CARD says",
        doc=f"the voice {name}",
    )


def is_path(source: str) -> bool:
    """Tell a path from a name."""
    return source.lower().endswith(SUFFIX)


# --- what lies there ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundVoice:
    """What planning needs of a voice's two files."""

    config: VoiceConfig
    digest: str


def config_path(network: Path) -> Path:
    """Return where a voice has its configuration."""
    return network.with_name(f"{network.name}.json")


def digest_of(network_sha256: str, config_sha256: str) -> str:
    """Name a voice by its bytes."""
    return hashlib.sha256(f"{network_sha256} {config_sha256}".encode()).hexdigest()[:32]


def read_voice_at(path: Path) -> FoundVoice:
    """Read a voice's configuration and hash both files; raises `InputError`."""
    try:
        states = [(found.st_mtime_ns, found.st_size) for found in (path.stat(), config_path(path).stat())]
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise _refusal(Path(error.filename), message, "a voice is an .onnx and the .onnx.json beside it") from error
    return _read_voice_at(path, tuple(states))


# A script names its voices for thousands of lines, and a network has a hundred megabytes.
@functools.lru_cache(maxsize=64)
def _read_voice_at(path: Path, states: tuple[tuple[int, int], ...]) -> FoundVoice:  # noqa: ARG001  a change is a miss
    data = config_path(path).read_bytes()
    with path.open("rb") as file:
        network = hashlib.file_digest(file, "sha256").hexdigest()
    return FoundVoice(config=_config(path, data), digest=digest_of(network, hashlib.sha256(data).hexdigest()))


@functools.lru_cache(maxsize=64)
def _config(path: Path, data: bytes) -> VoiceConfig:
    try:
        return read_config(data)
    except ValueError as error:
        raise _refusal(config_path(path), str(error)) from error


def _refusal(path: Path, message: str, hint: str = "") -> InputError:
    return InputError([Problem(Source(str(path), 1), message, hint)])


def _all_fetched() -> dict[str, Fetched]:
    """Return the downloaded voices that are whole, by name."""
    record = read_record(ENGINE)
    return {name: found[0] for name, found in sorted(record.items()) if found and not absent_files(found[0])}


def _read_fetched(name: str, fetched: Fetched) -> FoundVoice:
    network, config = find_weights_of(name).files[:2]
    path = hub_folder() / fetched.folder / network
    digest = digest_of(fetched.files[network].sha256, fetched.files[config].sha256)
    return FoundVoice(config=_config(path, config_path(path).read_bytes()), digest=digest)


def _fetched_path(name: str) -> Path:
    fetched = _all_fetched().get(name)
    if fetched is None:
        raise MissingError(f"the voice {name} of piper is not here", hint=f"tts-cli download {ENGINE}:{name}")
    return hub_folder() / fetched.folder / find_weights_of(name).files[0]


def _split_speaker(voice: str) -> tuple[str, str]:
    """Part a voice and its speaker; paths become absolute, as workers start elsewhere."""
    source, _, speaker = voice.rpartition("#")
    if not source or not (is_path(source) or _NAME.fullmatch(source)):
        source, speaker = voice, ""
    # Links stay: the configuration lies beside the link.
    return (os.path.abspath(source) if is_path(source) else source), speaker  # noqa: PTH100


def _first_in(language: str) -> str:
    """Return the first voice of the very language, else of its kin; "" where none is here at all."""
    here = voices()
    tag = language.lower().replace("_", "-")
    for wanted in (tag, tag.partition("-")[0]):
        if found := [voice.name for voice in here if voice.language == wanted]:
            return found[0]
    kin = [voice.name for voice in here if voice.language.partition("-")[0] == tag.partition("-")[0]]
    if here and not kin:
        languages = sorted({voice.language for voice in here})
        hint = f"the voices of piper that are here speak {', '.join(languages)}"
        raise UnknownNameError("language", language, languages, hint=hint)
    return kin[0] if kin else ""
