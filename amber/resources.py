"""What a declaration says of the machine that its algorithm runs on."""

import functools
from collections.abc import Collection, Mapping
from typing import TypedDict

from amber.errors import DeclarationError


class Taking(TypedDict, total=False):
    """What a declaration says besides names and types; nothing of it is in a key."""

    #: Processors and accelerators that one call uses.
    cpus: float
    gpus: float
    #: Settings with which accelerators are used; with all, unless said.
    gpus_when: Mapping[str, object]
    #: The distribution without which no accelerator is used, such as a library's build for them; none, unless said.
    gpus_need: str
    #: Peak memory of one call, if it is known: what it adds to that of its process.
    memory_bytes: int
    #: What each pixel of the asset's largest picture, and each frame of all of its assets, add to that.
    memory_bytes_a_pixel: int
    memory_bytes_a_frame: int


@functools.cache
def is_installed(distribution: str) -> bool:
    """Whether there is a distribution of this name; of none that is named, yes."""
    from importlib import metadata  # loads slowly, and stored features do without it

    if not distribution:
        return True
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def check_gpus_when(name: str, when: Mapping[str, object], settings: Collection[str]) -> None:
    """See that accelerators depend on settings that there are.

    Raises:
        DeclarationError: They depend on what is no setting.
    """
    if unknown := set(when) - set(settings):
        raise DeclarationError(
            f"accelerators of algorithm {name} depend on what is no setting: {', '.join(sorted(unknown))}"
        )
