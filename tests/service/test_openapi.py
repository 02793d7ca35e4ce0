"""The OpenAPI document says everything, and the service does what it says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from amber.client import Amber
from amber.service.app import make_routes
from amber.service.uploads import PART
from amber.settings import Settings
from tests.cli.clips import write_clip
from tests.service.serving import TINY, serving, working

schemathesis.serializer.alias(PART, "application/octet-stream")
#: What every answer is held against.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: Requests to each route.
EXAMPLES = 8


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with an asset and a feature, and a worker."""
    folder = tmp_path_factory.mktemp("described")
    chosen = Settings(folder / "home", algorithms=(str(TINY),))
    with Amber.open(settings=chosen) as amber, working(amber):
        asset = amber.ingest(write_clip(folder / "clip.mp4", shade=3))
        amber.get("scaled", asset)
        with serving(amber, chosen) as url:
            yield url


def _check(operation: Any, mode: schemathesis.GenerationMode) -> None:
    """Send an operation what its description allows, or forbids, and hold the answers against it."""

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, timeout=30)

    check()


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_no_answer_is_a_mistake_or_undescribed(served: str, mode: schemathesis.GenerationMode) -> None:
    described = schemathesis.openapi.from_url(f"{served}/openapi.json")
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) > 25
    failed = []
    for operation in operations:
        try:
            _check(operation, mode)
        except Unsatisfiable:  # what takes no input cannot be asked wrongly
            assert mode is schemathesis.GenerationMode.NEGATIVE
        except Exception as error:
            failed.append(f"{operation.label}: {error}")
    assert failed == [], "\n\n".join(failed)


def test_every_operation_says_what_may_go_wrong(tmp_path: Path) -> None:
    with Amber.open(settings=Settings(tmp_path, algorithms=(str(TINY),))) as amber:
        document = make_routes(amber, Settings(tmp_path)).openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"] and operation["description"], where
            if path in ("/healthz", "/readyz"):
                continue
            for status, answer in operation["responses"].items():
                assert answer["description"], where
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (where, status)
            assert {"401", "403", "429", "503"} <= set(operation["responses"]), where
            assert operation["security"] == [{"HTTPBearer": []}], where
