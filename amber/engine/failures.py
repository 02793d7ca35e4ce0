"""Which failures are remembered, for how long, and what is said of them."""

import hashlib
import time
from collections.abc import Sequence

from amber.errors import (
    AlgorithmFailedError,
    AmberError,
    InputFailedError,
    InvalidResultError,
    SourceLostError,
    StoreUnavailableError,
    UsageError,
    WeightsDigestError,
    WeightsMissingError,
)
from amber.keys import Node, Step
from amber.store.protocol import Failure, FailureClass

#: Seconds before the second attempt after a machine's failure; each further one waits twice as long.
FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 3600.0
#: A store that was away says nothing of the feature: soon after it is back, attempts are made again.
LONGEST_AWAY_SECONDS = 30.0


def classify(error: BaseException) -> FailureClass:
    """Whose fault an error is: of the input, of the algorithm, or of the machine."""
    if getattr(error, "retryable", False) or isinstance(
        error, SourceLostError | WeightsMissingError | WeightsDigestError
    ):
        return "machine"
    if isinstance(error, InvalidResultError | UsageError):
        return "algorithm"
    if type(error).__module__.partition(".")[0] == "jasper":
        return "input"
    if isinstance(error, OSError | MemoryError | AmberError):
        return "machine"
    return "algorithm"


def fingerprint(node: Node, locations: Sequence[str]) -> str:
    """What a failure is remembered against: the algorithm's source, and the files where it reads the asset itself.

    A repaired algorithm or a new copy of the asset is another fingerprint, so it gets its attempt.
    """
    from amber.lock import source_fingerprint  # reads and parses source, which an ask that hits never needs

    text = "\n".join([source_fingerprint(node.algorithm), *sorted(locations)])
    return hashlib.sha256(text.encode()).hexdigest()


def remember(
    error: BaseException, recipe: str, made_with: str, node: Node, step: Step, before: Failure | None
) -> Failure:
    """The record of a failed attempt; a machine's failure is tried again by itself, later each time."""
    failure_class = classify(error)
    attempts = 1 + (before.attempts if before and before.fingerprint == made_with else 0)
    retry_at = None
    if failure_class == "machine":
        longest = (
            LONGEST_AWAY_SECONDS if isinstance(error, StoreUnavailableError) else LONGEST_BACKOFF_SECONDS
        )
        retry_at = time.time() + min(FIRST_BACKOFF_SECONDS * 2.0 ** min(attempts - 1, 64), longest)
    return Failure(
        recipe=recipe,
        fingerprint=made_with,
        failure_class=failure_class,
        error=type(error).__name__,
        message=str(error),
        attempts=attempts,
        retry_at=retry_at,
        algorithm=node.name,
        assets=step.assets,
    )


def is_final(failure: Failure | None, made_with: str) -> bool:
    """Whether a remembered failure still stands, so that no attempt is made now."""
    if failure is None or failure.fingerprint != made_with:
        return False
    return failure.retry_at is None or time.time() < failure.retry_at


def remembered_error(failure: Failure) -> AlgorithmFailedError:
    """The error for an ask that meets a remembered failure."""
    times = "once" if failure.attempts == 1 else f"{failure.attempts} times"
    again = "" if failure.retry_at is None else f", again in {max(0.0, failure.retry_at - time.time()):.0f} s"
    return AlgorithmFailedError(
        f"{failure.algorithm} failed {times} ({failure.failure_class}'s fault{again}): {failure.error}: {failure.message} "
        f"— `amber retry {failure.algorithm}` forgets it"
    )


def attempt_error(node: Node, step: Step, error: Exception) -> AmberError:
    """The error for an ask whose step failed just now; Amber's own errors speak for themselves."""
    if isinstance(error, AmberError):
        return error
    return AlgorithmFailedError(
        f"{node.name} {node.version} failed on {_assets(step)}: {type(error).__name__}: {error}"
    )


def input_error(step: Step, failed: AmberError) -> InputFailedError:
    """The error of a dependant: derived from its input's, never stored."""
    if isinstance(failed, InputFailedError):
        return InputFailedError(f"{step.algorithm} ← {failed}")
    return InputFailedError(f"{step.algorithm} needs an input that failed: {failed}")


def _assets(step: Step) -> str:
    shown = ", ".join(asset[:12] for asset in step.assets[:3])
    return shown if len(step.assets) <= 3 else f"{shown} and {len(step.assets) - 3} more"
