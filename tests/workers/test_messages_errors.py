"""What kind of failure an exception is."""

import pytest

from tts_cli.errors import TakeError
from tts_cli.workers.messages import classify_error


class OutOfMemoryError(RuntimeError):
    """As torch calls its own."""


class AcceleratorError(RuntimeError):
    """As newer torch calls what a GPU says."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), "oom"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "oom"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"), "oom"),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), "oom"),
        (RuntimeError("CUDA error: device-side assert triggered"), "device"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "device"),
        (AcceleratorError("an illegal memory access was encountered"), "device"),
        (TakeError("too long", kind="input"), "input"),
        (TakeError("odd"), "engine"),
        (KeyError("oops"), "internal"),
    ],
)
def test_an_exception_is_recognised(error, kind):
    assert classify_error(error) == kind
