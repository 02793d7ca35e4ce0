"""What a warm ask loads."""

from pathlib import Path

import pytest

from tests.acceptance.command import Command

#: Each takes longer to load than a warm ask may take in all.
HEAVY = {"torch", "onnxruntime", "onnx", "cv2", "av", "scenedetect", "alembic"}
#: Nobody asked for a cluster.
RAY = "ray"
#: What only the service and its client need. (The parser of commands brings pydantic, and jaxtyping asyncio.)
OF_THE_SERVICE = {"fastapi", "starlette", "uvicorn", "httpx", "prometheus_client", "anyio"}


@pytest.mark.parametrize("command", [("get", "match_pairs"), ("get", "standard"), ("plan", "match_pairs")])
def test_a_warm_ask_loads_no_library_that_computes(
    warm: Command, clip: Path, command: tuple[str, ...]
) -> None:
    done = _with_imports_told(warm).run(*command, clip, "--json")
    assert done.code == 0
    loaded = _loaded(done.err)
    assert "amber.engine" in loaded, "the list of loaded modules is there"
    assert loaded & (HEAVY | OF_THE_SERVICE | {RAY}) == set()
    assert not any(name.startswith("amber.service") for name in loaded)


def test_the_cold_job_loads_what_computes_and_neither_torch_nor_what_changes_old_homes(
    amber: Command, clip: Path
) -> None:
    loaded = _loaded(_with_imports_told(amber).run("get", "match_pairs", clip, "--json").err)
    assert HEAVY - loaded == {"torch", "alembic"}


def _with_imports_told(amber: Command) -> Command:
    """The same command, whose Python tells each module that it loads."""
    return Command(amber.home, {"PYTHONPROFILEIMPORTTIME": "1"})


def _loaded(told: str) -> set[str]:
    lines = [line for line in told.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}
