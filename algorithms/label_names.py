"""The names of the things that ImageNet's networks tell apart."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LabelNames:
    """A name for each of the 1,000 labels, in their order; two pairs of labels share one."""

    names: Sequence[str]

    @classmethod
    def open(cls, path: Path) -> "LabelNames":
        """The names in a JSON list."""
        return cls(tuple(json.loads(path.read_text())))
