"""How often the tests of faults, races and volume repeat: fully under `make soak`, a tenth otherwise."""

import os


def is_soak() -> bool:
    """Whether `make soak` runs this."""
    return bool(os.environ.get("AMBER_SOAK"))


def count(full: int) -> int:
    """How many repetitions to make where `full` are promised; `make soak N=` says another number."""
    asked = os.environ.get("AMBER_SOAK_COUNT")
    if is_soak():
        return int(asked) if asked else full
    return max(1, full // 10)
