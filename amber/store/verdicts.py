"""What people say of cuts. It is kept by source frames, so computing shots or pairs again does not touch it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, order=True)
class FrameRange:
    """Frames of an asset: indices, half-open."""

    asset: str
    start: int
    end: int

    def overlap(self, other: "FrameRange") -> float:
        """Intersection over union, 0 to 1; ranges of two assets share nothing."""
        if self.asset != other.asset:
            return 0.0
        shared = min(self.end, other.end) - max(self.start, other.start)
        return max(0, shared) / (max(self.end, other.end) - min(self.start, other.start))


@dataclass(frozen=True)
class Verdict:
    """That a person wants to keep a cut, or to see it no more."""

    #: The two shots, in the order of their assets and frames, whichever comes first in the cut.
    first: FrameRange
    second: FrameRange
    is_kept: bool
    #: Who said so.
    who: str
    #: Seconds since 1970; 0 before it is recorded.
    said_at: float = 0.0

    @classmethod
    def about(cls, one: FrameRange, other: FrameRange, *, is_kept: bool, who: str) -> "Verdict":
        """What `who` says of the cut between two shots, given in any order."""
        first, second = sorted((one, other))
        return cls(first, second, is_kept, who)

    def covers(self, one: FrameRange, other: FrameRange) -> bool:
        """Whether this is said of the cut between two shots, though their edges may have moved a little since.

        Each must share more than half with the one it was said of, so of shots that do not overlap at most one fits.
        """
        return any(
            self.first.overlap(a) > 0.5 and self.second.overlap(b) > 0.5
            for a, b in ((one, other), (other, one))
        )


class VerdictCatalog(Protocol):
    """Rows about what people said of cuts."""

    def put_verdict(self, verdict: Verdict) -> None:
        """Record what a person said; of the same two frame ranges it replaces what was said before.

        Raises:
            AssetNotFoundError: One of the assets is not recorded.
        """

    def drop_verdict(self, first: FrameRange, second: FrameRange) -> bool:
        """Take back what was said of exactly these two frame ranges, in their order; whether anything was."""

    def verdicts(self, assets: Sequence[str]) -> list[Verdict]:
        """What was said of cuts within and between these assets, in the order of their frame ranges."""
