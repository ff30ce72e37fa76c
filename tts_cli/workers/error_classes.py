"""What kind of failure an exception is, whichever library raised it; imports none of them."""

from tts_cli.errors import TakeError

# After these the process is no longer to be trusted: its memory is short, or its CUDA context broken.
NEEDS_RESTART = frozenset(("oom", "device"))

_OOM = ("out of memory", "can't allocate memory", "cannot allocate memory", "unable to allocate")
_DEVICE = ("cuda error", "cuda driver", "cublas", "cudnn", "device-side assert", "mps backend", "nvrtc")


def classify_error(error: BaseException) -> str:
    """Return "oom", "device", "internal", or what a `TakeError` says of itself."""
    if isinstance(error, TakeError):
        return error.kind
    name, said = type(error).__name__, str(error).lower()
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or any(map(said.__contains__, _OOM)):
        return "oom"
    if name == "AcceleratorError" or any(map(said.__contains__, _DEVICE)):
        return "device"
    return "internal"
