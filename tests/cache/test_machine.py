"""A cache that is written, damaged, aged, collected and read in any order never serves wrong bytes, and heals."""

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from tts_cli.cache import prune
from tts_cli.cache.blobs import write_blob
from tts_cli.cache.store import Cache, Missing
from tts_cli.errors import DamagedTakeError
from tts_cli.types import Measures, Take

MEASURES = Measures(onset=0, offset=1, energy_lufs=(-20.0,), peak_dbfs=(-3.0,))
KEYS = st.integers(0, 5).map(lambda number: f"{number:02x}" * 32)
SOUNDS = st.binary(min_size=1, max_size=40)


class CacheMachine(RuleBasedStateMachine):
    """`truth` is what was committed last under each key; what may be missing is still never wrong."""

    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.cache = Cache(self.root)
        self.truth: dict[str, set[bytes]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def take(self, key: str, data: bytes) -> Take:
        blob = write_blob(self.root, data)
        return Take(key=key, blob=blob, size=len(data), frames=1, sample_rate=8000, measures=MEASURES)

    def files(self, pattern: str) -> list[Path]:
        return sorted(path for path in self.root.glob(pattern) if path.is_file())

    # --- what is done to it -----------------------------------------------------------------------------

    @rule(target=keys, key=KEYS, data=SOUNDS)
    def put(self, key: str, data: bytes) -> str:
        self.cache.put(self.take(key, data))
        self.truth.setdefault(key, set()).add(data)
        found = self.cache.find(key)
        assert isinstance(found, Take)
        assert self.cache.read(found) == data
        return key

    @rule(key=KEYS, data=SOUNDS)
    def write_without_commit(self, key: str, data: bytes) -> None:
        self.take(key, data)

    @rule(choice=st.integers(0, 99), bit=st.integers(0, 400))
    def flip_a_bit_of_a_blob(self, choice: int, bit: int) -> None:
        if files := self.files("cas/*/*"):
            path = files[choice % len(files)]
            data = bytearray(path.read_bytes())
            if data:
                data[bit // 8 % len(data)] ^= 1 << bit % 8
                path.write_bytes(data)

    @rule(choice=st.integers(0, 99), keep=st.integers(0, 39))
    def truncate(self, choice: int, keep: int) -> None:
        if files := self.files("*/*/*"):
            path = files[choice % len(files)]
            path.write_bytes(path.read_bytes()[:keep])

    @rule(choice=st.integers(0, 99))
    def delete(self, choice: int) -> None:
        if files := self.files("*/*/*"):
            files[choice % len(files)].unlink()

    @rule(choice=st.integers(0, 99), other=st.integers(0, 99))
    def swap_records(self, choice: int, other: int) -> None:
        if files := self.files("ac/*/*.json"):
            shutil.copyfile(files[choice % len(files)], self.root / "swap")
            (self.root / "swap").replace(files[other % len(files)])

    @rule(choice=st.integers(0, 99), version=st.sampled_from([0, 2, None, "1"]))
    def give_a_record_another_version(self, choice: int, version: object) -> None:
        if files := self.files("ac/*/*.json"):
            path = files[choice % len(files)]
            try:
                record = json.loads(path.read_bytes())
            except ValueError:
                return
            path.write_text(json.dumps({**record, "version": version}))

    @rule(choice=st.integers(0, 99), days=st.sampled_from([-400, -1, 1, 400]))
    def let_the_clock_jump(self, choice: int, days: int) -> None:
        if files := self.files("*/*/*"):
            then = time.time() + days * 86_400
            os.utime(files[choice % len(files)], (then, then))

    @rule(age=st.sampled_from([None, 0.0, 86_400.0]), size=st.sampled_from([None, 0, 60]))
    def collect(self, age: float | None, size: int | None) -> None:
        prune.collect(self.cache, max_bytes=size, max_age_s=age)

    @rule()
    def verify(self) -> None:
        prune.verify(self.cache)
        assert not prune.verify(self.cache)[1]

    # --- what must hold ---------------------------------------------------------------------------------

    @invariant()
    def never_serves_what_was_not_committed(self) -> None:
        for key in [f"{number:02x}" * 32 for number in range(6)]:
            found = self.cache.find(key)
            if isinstance(found, Missing):
                continue
            try:
                data = self.cache.read(found)
            except DamagedTakeError:
                assert isinstance(self.cache.find(key), Missing)
            else:
                assert data in self.truth[key]

    @rule(key=keys, data=SOUNDS)
    def heals_by_recording_anew(self, key: str, data: bytes) -> None:
        self.put(key, data)


TestCacheMachine = CacheMachine.TestCase
TestCacheMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
