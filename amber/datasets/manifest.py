"""What a folder of training data says of itself: which rows of which features are in which file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from amber.errors import DatasetError

#: The manifest of a whole dataset, and that of one which is being written.
WHOLE, PARTIAL = "manifest.json", "manifest.partial.json"
FORMAT = "amber-dataset-1"


@dataclass(frozen=True)
class Part:
    """Rows of one feature, in one shard."""

    #: Its assets, joined by "+".
    assets: str
    #: The feature's id, and the digest of its value.
    feature: str
    value: str
    #: The first row, and how many.
    first: int
    rows: int


@dataclass(frozen=True)
class Shard:
    """One Arrow IPC file."""

    file: str
    sha256: str
    size_bytes: int
    rows: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Manifest:
    """A dataset; two of the same features are the same, byte for byte."""

    algorithm: str
    version: str
    #: Every setting of the algorithm and of what it is made from.
    settings: Mapping[str, Any]
    #: Rows of a shard but the last, and of a record batch but a shard's last.
    rows_a_shard: int
    rows_a_block: int
    shards: tuple[Shard, ...] = ()
    #: Digest of a value → its rows.
    lengths: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows in all."""
        return sum(shard.rows for shard in self.shards)

    def same_making(self, other: "Manifest") -> bool:
        """Whether another one is of the same algorithm and cut the same way."""
        mine, theirs = (
            (one.algorithm, one.version, dict(one.settings), one.rows_a_shard, one.rows_a_block)
            for one in (self, other)
        )
        return mine == theirs

    def text(self) -> str:
        """As it is written."""
        document = {"format": FORMAT, "rows": self.rows, **asdict(self)}
        return json.dumps(document, indent=1, sort_keys=True) + "\n"


def read_manifest(path: Path) -> Manifest | None:
    """The manifest in a file; None if there is no file.

    Raises:
        DatasetError: It says something else.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        if document.pop("format") != FORMAT:
            raise ValueError("another format")
        document.pop("rows")
        shards = tuple(
            Shard(**{**row, "parts": tuple(Part(**part) for part in row["parts"])})
            for row in document.pop("shards")
        )
        return Manifest(**document, shards=shards)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DatasetError(f"{path} is no manifest of a dataset ({error}); give a new folder") from error
