"""What a declaration says of the machine that its algorithm runs on."""

from typing import TypedDict


class Taking(TypedDict, total=False):
    """What a declaration says besides names and types; nothing of it is in a key."""

    #: Processors and accelerators that one call uses.
    cpus: float
    gpus: float
    #: Peak memory of one call, if it is known: what it adds to that of its process.
    memory_bytes: int
    #: What each pixel of the asset's largest picture, and each frame of all of its assets, add to that.
    memory_bytes_a_pixel: int
    memory_bytes_a_frame: int
