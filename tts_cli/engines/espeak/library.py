"""The espeak-ng library by ctypes: one call speaks one text, and the same call gives the same bytes, always.

espeak-ng keeps state between texts that no reset clears, so each text gets a fresh copy of the library's memory: a
private file is loaded and unloaded around it (0.5 ms). It must be private, because an open library is shared.
"""

import _ctypes
import contextlib
import ctypes
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from tts_cli.engines.espeak.voices import EspeakVoice, data_directory
from tts_cli.errors import MissingError, TakeError

SAMPLE_RATE = 22_050
RANDOM_SEED = 1
FASTEST_WPM = 449  # beyond it espeak-ng speaks otherwise
MAX_HOME_BYTES = 120  # espeak-ng has 160 for the whole path of a data file and cuts the rest off

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_INITIALIZE_PHONEME_EVENTS = 0x0003  # named in IPA
_BUFFER_MS = 1000  # it changes the sound of voices with an echo: that ends where the last buffer does
_POS_CHARACTER = 1
_CHARS_UTF8 = 1
_PHONEMES_IPA = 2
_EVENT_NONE, _EVENT_WORD, _EVENT_END, _EVENT_PHONEME = 0, 1, 5, 7


class Setting(IntEnum):
    """What `espeak_SetParameter` can set, by its number."""

    RATE_WPM = 1
    VOLUME = 2
    PITCH = 3
    RANGE = 4
    WORD_GAP_10MS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """Mono 16-bit PCM at `SAMPLE_RATE`; `words` are (0-based character, sample), clauses end at the samples `ends`."""

    pcm: bytes
    words: tuple[tuple[int, int], ...]
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """What espeak-ng reads at once: its phonemes in IPA, and the text that it took for them.

    Unless it is the last clause, the first character after it is taken with it.
    """

    phonemes: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A text as espeak-ng reads it: its clauses, and where each audible word begins, as a 0-based character.

    A number becomes several words, some of which begin at the same character.
    """

    clauses: tuple[Clause, ...]
    words: tuple[int, ...]


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


# CTRL-A starts a command inside the text, and a NUL ends it unnoticed.
_CONTROLS = {code: " " if chr(code).isspace() else None for code in (*range(32), *range(0x7F, 0xA0))}

_LIBC = ctypes.CDLL(None)
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


class Library:
    """A private copy of the library and a private view of its data, in a short temporary directory."""

    def __init__(self) -> None:
        self._home = _make_home()
        # Kept here, as ctypes would free it while the library may still call it.
        self._callback = _CALLBACK(self._receive)
        self._pcm: list[bytes] = []
        self._words: list[tuple[int, int]] = []
        self._ends: list[int] = []
        self._audible: list[int] = []
        self._mute: list[int] = []
        self._out_of_memory = False

    def read(self, text: str, voice: EspeakVoice) -> Reading:
        """Read plain text without speaking it; raises `TakeError` where the library refuses."""
        name = self._link_voice(voice, "")
        self._forget()
        data = text.encode() + b"\0"
        with self._fresh(_INITIALIZE_PHONEME_EVENTS) as library:
            _demand(library.espeak_SetVoiceByName(name), f"load the voice {voice.name}")
            clauses = tuple(_read_clauses(library, data))
            # Only speaking tells where words begin, so it is done as fast as can be.
            _demand(library.espeak_SetParameter(int(Setting.RATE_WPM), FASTEST_WPM, 0), "read fast")
            self._synthesize(library, data)
        return Reading(clauses=clauses, words=tuple(self._audible))

    def speak(self, text: str, voice: EspeakVoice, lines: str, settings: Mapping[Setting, int]) -> Spoken:
        """Speak plain text; `lines` are voice-file lines that overrule the voice's own.

        Raises `TakeError` where the library refuses.
        """
        name = self._link_voice(voice, lines)
        self._forget()
        data = text.encode() + b"\0"
        with self._fresh() as library:
            _demand(library.espeak_SetVoiceByName(name), f"load the voice {voice.name}")
            for setting, value in settings.items():
                _demand(library.espeak_SetParameter(int(setting), value, 0), f"set {setting.name} to {value}")
            self._synthesize(library, data)
        return Spoken(pcm=b"".join(self._pcm), words=tuple(self._words), ends=tuple(self._ends))

    def close(self) -> None:
        """Remove the private directory."""
        shutil.rmtree(self._home, ignore_errors=True)

    def _forget(self) -> None:
        self._pcm, self._words, self._ends, self._out_of_memory = [], [], [], False
        self._audible, self._mute = [], []

    def _synthesize(self, library: Any, data: bytes) -> None:
        library.espeak_SetSynthCallback(self._callback)
        status = library.espeak_Synth(data, len(data), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
        _demand(status, "speak")
        _demand(library.espeak_Synchronize(), "finish")
        if self._out_of_memory:
            raise TakeError("out of memory while speaking", kind="oom")

    @contextlib.contextmanager
    def _fresh(self, options: int = 0) -> Iterator[Any]:
        """Load the library and unload it again also after an error: a copy left open would be shared by the next."""
        library = _declare(_load(self._home))
        try:
            rate = library.espeak_Initialize(
                _AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS, os.fsencode(self._home), _INITIALIZE_DONT_EXIT | options
            )
            if rate != SAMPLE_RATE:
                raise TakeError(f"espeak-ng did not start on its data (it answered {rate})")
            # Breath draws from the library's own generator, seeded with the time of day; two klatt voices from libc's.
            library.espeak_ng_SetRandSeed(RANDOM_SEED)
            _LIBC.srand(RANDOM_SEED)
            try:
                yield library
            finally:
                library.espeak_Terminate()
        finally:
            _ctypes.dlclose(library._handle)  # noqa: SLF001  ctypes has no public way to unload

    def _receive(self, samples: int | None, count: int, events: Any) -> int:
        """Keep one buffer; an exception would be lost in C, so memory trouble is noted and stops the synthesis."""
        try:
            if samples and count > 0:
                self._pcm.append(ctypes.string_at(samples, 2 * count))
            for event in events:
                if event.type == _EVENT_NONE:
                    break
                if event.type == _EVENT_WORD:
                    self._words.append((event.text_position - 1, event.sample))
                    self._mute = [event.text_position - 1]
                elif event.type == _EVENT_PHONEME and event.id:
                    # The first sound of a word makes it an audible one.
                    self._audible += self._mute
                    self._mute = []
                elif event.type == _EVENT_END:
                    self._ends.append(event.sample)
        except MemoryError:
            self._out_of_memory = True
        return int(self._out_of_memory)

    def _link_voice(self, voice: EspeakVoice, lines: str) -> bytes:
        """Put the voice where the library looks first, and return its name there.

        Found at once, a voice costs 0.1 ms; by any other name the library reads all 245 voice files.
        """
        folder = self._home / "espeak-ng-data" / "voices"
        language = folder / voice.language.name
        if not language.exists():
            language.symlink_to(voice.language.path)
        if voice.variant is None and not lines:
            return voice.language.name.encode()
        own = voice.variant.path.read_bytes() if voice.variant else b"language variant\n"
        content = own + b"\n" + lines.encode()
        # The name is the content's: the same lines are written once, and different ones never share a file.
        variant = folder / "!v" / f"v{hashlib.sha256(content).hexdigest()[:16]}"
        if not variant.exists():
            variant.write_bytes(content)
        return f"{voice.language.name}+{variant.name}".encode()


def _read_clauses(library: Any, data: bytes) -> Iterator[Clause]:
    buffer = ctypes.create_string_buffer(data, len(data) + 4)  # it looks a little further than the end
    place, start = ctypes.c_void_p(ctypes.addressof(buffer)), 0
    while place.value is not None:
        phonemes = library.espeak_TextToPhonemes(ctypes.byref(place), _CHARS_UTF8, _PHONEMES_IPA) or b""
        end = len(data) - 1 if place.value is None else place.value - ctypes.addressof(buffer)
        yield Clause(phonemes=phonemes.decode(), text=data[start:end].decode("utf-8", "replace"))
        start = end


def plain(text: str) -> str:
    """Return the text without what the library would obey, cut off at or choke on."""
    # Half of a surrogate pair has no form in UTF-8.
    return text.translate(_CONTROLS).encode("utf-8", "ignore").decode()


def _demand(status: int, what: str) -> None:
    if status != 0:
        raise TakeError(f"espeak-ng could not {what} (status {status:#x})")


def _declare(library: Any) -> Any:
    """Tell ctypes the types that its defaults get wrong."""
    library.espeak_Synth.argtypes = [
        *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
        *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
    ]
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int]
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
    return library


def _load(home: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(home / "espeak-ng.so"))


def _make_home() -> Path:
    """Make the private directory in the first place that is short enough and lets libraries be loaded."""
    problem = "no temporary directory"
    for place in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")):  # noqa: S108
        if len(os.fsencode(place)) > MAX_HOME_BYTES:
            problem = f"the path of the temporary directory {place} is too long"
            continue
        try:
            return _fill_home(place)
        except OSError as error:
            problem = str(error)
    raise MissingError(
        f"the engine espeak cannot be made ready: {problem}", hint="set TMPDIR to a directory of your own"
    )


def _fill_home(place: str) -> Path:
    import espeakng_loader

    data = data_directory()
    home = Path(tempfile.mkdtemp(prefix="tts-cli-espeak-", dir=place))
    try:
        shutil.copyfile(espeakng_loader.get_library_path(), home / "espeak-ng.so")
        (home / "espeak-ng-data" / "voices" / "!v").mkdir(parents=True)
        for path in data.iterdir():
            # That folder is our own, as voices are put into it.
            if path.name != "voices":
                (home / "espeak-ng-data" / path.name).symlink_to(path)
        _prove_unloading(home)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    return home


def _prove_unloading(home: Path) -> None:
    """Load and unload once: a system that keeps libraries would make audio that depends on what came before."""
    _ctypes.dlclose(_load(home)._handle)  # noqa: SLF001
    # RTLD_NOLOAD fails where the library is gone, and here it must be.
    with contextlib.suppress(OSError):
        ctypes.CDLL(str(home / "espeak-ng.so"), mode=os.RTLD_NOLOAD)
        raise MissingError("the engine espeak cannot work here: this system does not unload libraries")
