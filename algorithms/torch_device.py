"""Where the networks of torch run, and how exactly."""


def torch_device() -> str:
    """`cuda` where there is a GPU, whose convolutions from now on round as those of processors do and are the same each time; else `cpu`."""
    import torch

    if not torch.cuda.is_available():
        return "cpu"
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    return "cuda"
