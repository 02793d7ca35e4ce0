"""What people say of cuts, in memory."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from amber.errors import AssetNotFoundError
from amber.store.memory_rows import Rows
from amber.store.verdicts import FrameRange, Verdict


class VerdictsInMemory:
    """The part of a catalogue in memory that knows what people said of cuts."""

    _rows: Rows
    _lock: threading.RLock

    def put_verdict(self, verdict: Verdict) -> None:
        """See the protocol."""
        with self._lock:
            for side in (verdict.first, verdict.second):
                if side.asset not in self._rows.assets:
                    raise AssetNotFoundError(f"no asset {side.asset[:16]}… is recorded")
            said = replace(verdict, said_at=verdict.said_at or time.time())
            self._rows.verdicts[verdict.first, verdict.second] = said

    def drop_verdict(self, first: FrameRange, second: FrameRange) -> bool:
        """See the protocol."""
        with self._lock:
            return self._rows.verdicts.pop((first, second), None) is not None

    def verdicts(self, assets: Sequence[str]) -> list[Verdict]:
        """See the protocol."""
        with self._lock:
            found = sorted(self._rows.verdicts.items())
        return [said for (one, other), said in found if {one.asset, other.asset} <= set(assets)]
