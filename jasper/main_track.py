"""Which of several tracks is meant: the same whatever container they stand in, and in whatever order."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Track = TypeVar("Track")

#: A track with less than this share of what the longest one has (a thumbnail, a jingle) is an addition to it.
_LEAST_SHARE = 10


def main_track(
    tracks: Sequence[Track],
    *,
    amount: Callable[[Track], int],
    rank: Callable[[Track], tuple[int, ...]],
    digest: Callable[[Track], bytes] | None = None,
) -> Track | None:
    """The track that is meant; None if there is nothing in any.

    Args:
        tracks: In any order.
        amount: How much there is of a track; those with less than a tenth of the most are passed over.
        rank: Of the others, the highest wins.
        digest: Of equal ones, the lowest digest wins; the first one, if None.
    """
    most = max(map(amount, tracks), default=0)
    rivals = [track for track in tracks if amount(track) * _LEAST_SHARE >= most]
    best = max(map(rank, rivals), default=())
    equals = [track for track in rivals if rank(track) == best]
    if len(equals) > 1 and digest is not None:
        equals.sort(key=digest)
    return equals[0] if equals else None
