"""A fixed number of threads for a network, as the bytes of what it gives may depend on it."""

from collections.abc import Iterator
from contextlib import contextmanager

#: As many as the algorithms that use it say they need.
THREADS = 2


@contextmanager
def pinned_threads() -> Iterator[None]:
    """Run what is within with two threads of torch, and put back how many there were."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)
