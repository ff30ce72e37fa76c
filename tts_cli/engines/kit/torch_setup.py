"""How torch is set up in a worker, and in which arithmetic a model runs there."""

import os

from tts_cli.engines.base import PRECISION


def model_precision() -> str:
    """Say which arithmetic this worker's device is best at: float32, bfloat16 or float16, as torch calls them.

    The parent knows it by the device's compute capability. It is for language models; codecs stay in float32.
    """
    return os.environ.get(PRECISION, "float32")


def set_up_torch(device: str, *, threads: int | None = None, tf32: bool = False) -> None:
    """Prepare this process for one model on a device; `threads` None leaves what the parent has allowed.

    `tf32` lets float32 products on a GPU round their factors to 11 bits. The cuDNN kernels of attention stay off: some
    versions refuse the masks and head sizes of speech models only when they run.
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cuda.enable_cudnn_sdp(False)
