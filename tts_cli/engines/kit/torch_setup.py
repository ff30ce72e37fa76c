"""How torch is set up in a worker, and in which arithmetic a model runs there."""


def model_precision(device: str) -> str:
    """Name the arithmetic that a device is best at: float32, bfloat16 or float16, as torch calls them.

    It follows from the GPU's compute capability: bfloat16 from 8.0 on, float16 from 7.0 on. It is for language models;
    codecs stay in float32.
    """
    if device != "cuda":
        return "float32"
    import torch

    major, _ = torch.cuda.get_device_capability()
    return "bfloat16" if major >= 8 else "float16" if major == 7 else "float32"


def set_up_torch(device: str, *, tf32: bool = False) -> None:
    """Prepare this process for one model on a device.

    It has one thread: another number would sum in another order, and one key would have two sounds. More workers use
    more cores. `tf32` lets float32 products on a GPU round their factors to 11 bits. The cuDNN kernels of attention
    stay off: some versions refuse the masks and head sizes of speech models only when they run.
    """
    import torch

    torch.set_num_threads(1)
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cuda.enable_cudnn_sdp(False)
