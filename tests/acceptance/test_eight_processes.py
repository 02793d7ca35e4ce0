"""Eight processes that want the same at the same time."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.acceptance.command import PATIENCE, Command
from tests.acceptance.test_main_job import JOB


@pytest.mark.timeout(300)
def test_eight_processes_make_each_thing_once_and_get_the_same_bytes(
    amber: Command, clip: Path, quick_commands: Path
) -> None:
    (entry,) = amber("ingest", clip)
    quick = replace(amber, program=(quick_commands / "amber",))
    processes = [quick.start("get", "match_pairs", entry["asset"], "--json") for _ in range(8)]
    ended = [(*process.communicate(timeout=PATIENCE), process.returncode) for process in processes]
    assert [code for *_, code in ended] == [0] * 8, ended
    answers = [json.loads(out) for out, *_ in ended]
    assert len({json.dumps([answer["feature"], answer["value"], answer["rows"]]) for answer in answers}) == 1
    computed = Counter(step["algorithm"] for answer in answers for step in answer["computed"])
    assert computed == Counter(JOB), "one encode, and one of each feature"
    assert committed(amber.home) == Counter(JOB)
    assert amber("verify")["ok"] is True


def committed(home: Path) -> Counter[str]:
    """How often each algorithm's results were committed, from the catalogue's own rows."""
    with closing(sqlite3.connect(home / "catalog.sqlite")) as catalogue:
        return Counter(
            dict(
                catalogue.execute(
                    "SELECT m.algorithm, count(*) FROM trace t JOIN making m ON m.id = t.making GROUP BY m.algorithm"
                )
            )
        )
