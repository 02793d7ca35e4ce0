"""500 clients at once ask for one cold feature: it is computed once, all are answered, and memory stays where it is."""

import asyncio
import os
import resource
from pathlib import Path

import httpx
import pytest

from amber.client import Amber
from amber.settings import Settings
from tests.service.serving import serving, working

#: Clients at once.
CLIENTS = 500 if os.environ.get("AMBER_SOAK") else 150


async def _all_ask(url: str, asset: str) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=120.0) as http:
        path = f"/v1/assets/{asset}/features/scaled"
        return await asyncio.gather(*(http.get(path, headers={"Prefer": "wait=100"}) for _ in range(CLIENTS)))


@pytest.mark.soak
def test_a_cold_feature_is_computed_once_for_all(settings: Settings, clip: Path) -> None:
    with Amber.open(settings=settings) as amber, working(amber) as hears:
        asset = amber.ingest(clip).asset
        with serving(amber, settings) as url:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            answers = asyncio.run(_all_ask(url, asset))
            grown_bytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["feature"] for answer in answers}) == 1
    assert hears.computed == ["first_bytes", "scaled"]
    # Clients and service share this process: both sides of every connection are in it.
    assert grown_bytes < CLIENTS * (1 << 20), f"{grown_bytes / CLIENTS:.0f} bytes a client"


def test_more_than_the_service_takes_are_told_to_come_back(settings: Settings, clip: Path) -> None:
    from dataclasses import replace

    narrow = replace(settings, request_limit=3, queue_limit=1)
    with Amber.open(settings=narrow) as amber:
        asset = amber.ingest(clip).asset
        with serving(amber, narrow) as url:
            path = f"{url}/v1/assets/{asset}/features"
            assert httpx.get(f"{path}/scaled").status_code == 202
            assert httpx.get(f"{path}/scaled").status_code == 202, "who asks for the same joins"
            full = httpx.get(f"{path}/summary")
            assert (full.status_code, full.json()["error"]) == (429, "BusyError") and full.headers[
                "retry-after"
            ]

            async def ask() -> list[int]:
                async with httpx.AsyncClient(timeout=30) as http:
                    waiting = [http.get(f"{path}/scaled", headers={"Prefer": "wait=2"}) for _ in range(8)]
                    return [answer.status_code for answer in await asyncio.gather(*waiting)]

            assert sorted(set(asyncio.run(ask()))) == [202, 429]
            assert httpx.get(f"{url}/healthz").status_code == 200
