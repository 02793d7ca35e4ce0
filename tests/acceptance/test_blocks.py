"""Pairs across titles: a block of each two, kept, so that one more title costs few."""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.clips import short_film
from tests.acceptance.command import Command


@pytest.mark.timeout(300)
def test_a_title_added_to_ten_others_computes_eleven_blocks(amber: Command, tmp_path: Path) -> None:
    films = [short_film(tmp_path / f"film-{number}.mp4", number) for number in range(11)]
    assets = [entry["asset"] for entry in amber("ingest", *films)]
    assert len(set(assets)) == 11
    ten = amber("get", "match_pairs", *assets[:10])
    assert len(_blocks(ten)) == 55, "each pair of ten titles, and each with itself"

    planned = amber("plan", "match_pairs", *assets)["steps"]
    eleven = amber("get", "match_pairs", *assets)
    added = assets[10]
    assert sorted(_blocks(eleven)) == sorted(sorted({asset, added}) for asset in assets)
    missing = [(step["algorithm"], step["assets"]) for step in planned if step["mark"] != "hit"]
    assert sorted(missing) == sorted((step["algorithm"], step["assets"]) for step in eleven["computed"])
    others = {step["algorithm"] for step in eleven["computed"] if step["assets"] == [added]}
    assert others == {"standard", "shots", "shot_embeddings", "duplicate_groups", "match_pairs"}

    assert amber("get", "match_pairs", *reversed(assets))["computed"] == []
    two = amber("get", "match_pairs", assets[3], assets[7])
    assert len(_blocks(two)) == 0, "its three blocks are there already; they are only merged"
    both = [row for row in two["rows"] if row["asset_a"] != row["asset_b"]]
    assert len(both) == 4, "two shots of the one with two of the other"


def _blocks(answer: Any) -> list[list[str]]:
    """The pairs of titles for which blocks were computed."""
    steps = [step["assets"] for step in answer["computed"] if step["algorithm"] == "match_pairs"]
    return [assets for assets in steps if len(assets) <= 2 and assets != answer["key"]["assets"]]
