"""An ask and its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from amber.engine.values import Value
from amber.errors import FeatureNotFoundError
from amber.keys import Step
from amber.store.protocol import Trace


@dataclass(frozen=True)
class Ask:
    """What is asked for: an algorithm for these assets."""

    algorithm: str
    #: Asset hashes; several make one joint feature.
    assets: tuple[str, ...]
    #: Of the asked algorithm; None is the default one.
    version: str | None = None
    #: `algorithm.name` or a bare name → value.
    settings: Mapping[str, object] = field(default_factory=dict)
    #: Result type's name → algorithm that shall produce it.
    use: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ComputedStep:
    """A step that this ask computed itself."""

    step: Step
    seconds: float


@dataclass(frozen=True)
class Feature:
    """A ready feature."""

    trace: Trace
    stored: Value
    #: The algorithm's result class; None if its code is no longer loaded.
    result_type: type | None
    #: What this ask computed itself, in the order it was computed; no links, no work that others did.
    computed: tuple[ComputedStep, ...] = ()
    #: Nobody computed anything for this ask.
    hit: bool = True

    @property
    def id(self) -> str:
        """The recipe in hex: names what the feature is made from."""
        return self.trace.recipe

    @property
    def table(self) -> pa.Table:
        """The result as an Arrow table."""
        return self.stored.table

    @property
    def data(self) -> bytes:
        """The stored bytes: an Arrow IPC file whose SHA-256 is `trace.value.sha256`."""
        return self.stored.data

    @cached_property
    def value(self) -> Any:
        """The result as its class; arrays are read-only, files are local copies.

        Raises:
            FeatureNotFoundError: The algorithm is no longer loaded, so its class is unknown; `table` still works.
        """
        if self.result_type is None:
            raise FeatureNotFoundError(
                f"{self.trace.algorithm} {self.trace.version} is not loaded; use .table"
            )
        return self.stored.typed(self.result_type)

    def rows(self) -> list[dict[str, Any]]:
        """The table as a list of rows."""
        return self.table.to_pylist()  # type: ignore[no-any-return]
