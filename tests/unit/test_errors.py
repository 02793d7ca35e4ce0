"""The tree of errors is the one drawn at the top of its module, and every error has a sentence."""

import inspect
import re

import pytest

from amber import errors
from amber.errors import AmberError

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, AmberError)]


def drawn() -> dict[str, str]:
    """Class → base, as the drawing says."""
    found: dict[str, str] = {}
    parents = {0: "AmberError"}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([│ ]*)[├└]── (\w+)", line)
        if match:
            depth = len(match[1]) // 4 + 1
            found[match[2]] = parents[depth - 1]
            parents[depth] = match[2]
    return found


def test_the_drawing_is_the_tree() -> None:
    actual = {c.__name__: c.__mro__[1].__name__ for c in CLASSES if c is not AmberError}
    assert drawn() == actual
    assert len(actual) > 25


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_the_docstring_is_the_default_message_and_a_sentence(kind: type[AmberError]) -> None:
    message = str(kind())
    assert message == inspect.getdoc(kind)
    assert re.fullmatch(r"[A-Z].*\.", message)
    assert str(kind("What was asked.")) == "What was asked."


def test_only_what_may_pass_by_itself_is_retryable() -> None:
    assert {kind.__name__ for kind in CLASSES if kind.retryable} == {
        "StillChangingError",
        "StoreUnavailableError",
        "ConnectionLostError",
        "BusyError",
        "ServiceUnavailableError",
        "WorkerUnfitError",
        "MachineLostError",
        "ClusterUnavailableError",
    }
