"""Training data: features as sharded Arrow files, and the rows of those for PyTorch."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amber.datasets.order import Seen as Seen
    from amber.datasets.rows import Rows as Rows
    from amber.datasets.writing import write_dataset as write_dataset

_HOMES = {"Rows": "rows", "Seen": "order", "write_dataset": "writing"}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    """Load a public name where it is first used: `Rows` alone needs torch."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(
            f"module 'amber.datasets' has no attribute {name!r}; it has: {', '.join(__all__)}"
        )
    return getattr(import_module(f"amber.datasets.{home}"), name)
