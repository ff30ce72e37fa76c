"""An engine that does what its text says: speaks, prints, fails, crashes, hangs. A worker finds it on PYTHONPATH."""

# ruff: noqa: T201

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import numpy as np

from tts_cli.engines.base import EngineSpec, Speech
from tts_cli.errors import MissingError, TakeError
from tts_cli.types import Word

RATE = 8000


def spec(name="faulty", adapter="faulty_engine:Faulty"):
    """What a third party would put behind its entry point."""
    return EngineSpec(
        name=name,
        summary="does what its text says",
        adapter=adapter,
        version=1,
        package="tts-cli",
        voices=tuple,
        resolve=lambda voice, language: voice,
        sample_rate=RATE,
        subtype="PCM_16",
    )


class Faulty:
    def load(self, device):
        print("loading, says the library on stdout")
        os.write(1, b"and so does its C code\n")
        return ()

    def condition(self, clips, language):
        getattr(self, f"do_{clips[0].transcript.partition(' ')[0]}", self.do_speak)("")
        level = float("nan") if clips[0].transcript == "nan" else float(np.abs(clips[0].samples).max())
        return {"level": np.array([level], np.float32), "language": language}

    def speak(self, requests):
        """Yield an error that costs its own line, and let the others cost the call."""
        for number, request in enumerate(requests):
            try:
                result = self.speak_one(request)
            except TakeError as error:
                result = error
            yield number, result

    def speak_one(self, request):
        what, _, rest = request.text.partition(" ")
        if what == "once":  # go wrong the first time only; the rest is "<marker file> <what>"
            marker, _, rest = rest.partition(" ")
            what, _, rest = rest.partition(" ")
            if Path(marker).exists():
                what = "speak"
            Path(marker).touch()
        getattr(self, f"do_{what}", self.do_speak)(rest)
        seconds = float(request.params.get("seconds", 0.1))
        level = request.state["level"][0] if request.state else 0.25
        samples = np.resize(np.array([level, -level], np.float32), round(seconds * RATE))
        return Speech(samples=samples, sample_rate=RATE, words=(Word(text=request.text, start=0, end=len(samples)),))

    def do_speak(self, rest):
        pass

    def do_slow(self, seconds):
        time.sleep(float(seconds))

    def do_print(self, rest):
        print('{"event":"done"}')
        os.write(1, b'{"event":"take"}\n' * 100)
        os.system("echo from a child of mine")
        print("stdin holds", len(sys.stdin.read()), "characters")

    def do_refuse(self, rest):
        raise TakeError("too hard to say", kind="input", hint="say something else")

    def do_lack(self, rest):
        raise MissingError("the weights are gone")

    def do_bug(self, rest):
        raise KeyError("oops")

    def do_memory(self, rest):
        raise MemoryError

    def do_exit(self, code):
        print("last words on stdout")
        print("last words on stderr", file=sys.stderr)
        os._exit(int(code))

    def do_segfault(self, rest):
        os.kill(os.getpid(), signal.SIGSEGV)

    def do_die(self, rest):
        """Be killed as the system kills who takes too much memory; the rest is "<counter file> <times>"."""
        counter, _, times = rest.partition(" ")
        be_killed(Path(counter), int(times))

    def do_hang(self, pid_file):
        """Hang with a child of its own, and leave both process numbers for the test to check."""
        child = subprocess.Popen(["sleep", "600"])
        if pid_file:
            Path(pid_file).write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)

    def close(self):
        pass


def be_killed(counter, times):
    """Die by SIGKILL until the counter has reached so many times."""
    done = len(counter.read_text()) if counter.exists() else 0
    if done < times:
        with counter.open("a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)


class KilledAtStart(Faulty):
    """Killed from outside six times before it gets to work."""

    def load(self, device):
        be_killed(Path("starts"), 6)
        return ()


class AlwaysKilledAtStart(Faulty):
    def load(self, device):
        be_killed(Path("starts"), 1_000_000)
        return ()


class EndsWhenAsked(Faulty):
    """Ends its worker before that can say what it begins."""

    def load(self, device):
        with Path("starts").open("a") as counter:
            counter.write("x")
        sys.modules["__main__"]._answer = lambda *_: os._exit(9)
        return ()


class Slow(Faulty):
    def load(self, device):
        return ("works one by one here",)


class Shapeless(Faulty):
    """Returns what no take can be made of."""

    RETURNS: ClassVar = {
        "stereo": np.zeros((10, 2), np.float32),
        "double": np.zeros(10, np.float64),
        "empty": np.zeros(0, np.float32),
        "nan": np.full(10, np.nan, np.float32),
    }

    def speak_one(self, request):
        return Speech(samples=self.RETURNS[request.text], sample_rate=RATE)


class Unusable(Faulty):
    def load(self, device):
        raise MissingError("no weights here", hint="tts-cli download unusable")


class DiesAtStart(Faulty):
    def load(self, device):
        with Path("starts").open("a") as counter:
            counter.write("x")
        print("cannot find libwhatever.so", file=sys.stderr)
        os._exit(3)


class HangsAtStart(Faulty):
    def load(self, device):
        time.sleep(600)


class BrokenLoad(Faulty):
    def load(self, device):
        raise RuntimeError("load has a bug")
