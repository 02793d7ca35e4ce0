"""A deployment whose blobs are on S3, with Redis in front: the same answers, and nothing slow to load."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from amber.store.open import open_store
from tests.acceptance.command import Command, names
from tests.acceptance.test_warm_path import HEAVY
from tests.servers.s3 import S3
from tests.servers.valkey import Valkey


@pytest.fixture
def elsewhere(warm: Command, s3: S3, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command on a home whose blobs were moved to S3."""
    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    variables = {"AMBER_BLOBS_URL": s3.url(), "AMBER_REDIS_URL": valkey.empty()}
    store = open_store(warm.home / "new", blobs_url=variables["AMBER_BLOBS_URL"])
    for file in (warm.home / "blobs").glob("??/*"):
        store.blobs.put_file(file)
    store.close()
    shutil.rmtree(warm.home / "blobs")
    return Command(warm.home, variables)


def test_blobs_that_were_moved_are_served_and_computed_from(
    elsewhere: Command, clip: Path, first_answer: Any
) -> None:
    answer = elsewhere("get", "match_pairs", clip)
    assert (answer["hit"], answer["value"]) == (True, first_answer["value"])
    other = elsewhere("get", "shots", clip, "--set", "min_content=14")
    assert names(other["computed"]) == ["shots"]
    assert elsewhere("get", "shots", clip, "--set", "min_content=14")["value"] == other["value"]
    assert elsewhere("verify")["ok"] is True
    assert not (elsewhere.home / "blobs").exists(), "nothing is kept beside them"
    checks = {entry["check"]: entry for entry in elsewhere("doctor")}
    assert (checks["blobs"]["ok"], checks["Redis"]["ok"]) == (True, True)


@pytest.mark.parametrize("command", [("get", "match_pairs"), ("get", "standard")])
def test_a_warm_ask_loads_neither_redis_nor_what_computes(
    elsewhere: Command, clip: Path, command: tuple[str, ...]
) -> None:
    told = Command(elsewhere.home, {**elsewhere.environment, "PYTHONPROFILEIMPORTTIME": "1"})
    done = told.run(*command, clip, "--json")
    assert done.code == 0, done.err
    loaded = {line.rpartition("|")[2].strip() for line in done.err.splitlines() if line.startswith("import")}
    assert "obstore" in loaded
    assert loaded & (HEAVY | {"redis", "sqlalchemy"}) == set()


def test_what_is_not_reached_is_told_with_what_to_do(elsewhere: Command, valkey: Valkey) -> None:
    secret, password = "a-hidden-secret", "a-hidden-password"
    variables = {
        **elsewhere.environment,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AMBER_REDIS_URL": f"redis://:{password}@127.0.0.1:1/0",
    }
    done = Command(elsewhere.home, variables).run("doctor", "--json")
    bad = {entry["check"]: entry for entry in done.document if not entry["ok"]}
    assert set(bad) == {"blobs", "Redis"}
    assert "AWS_ACCESS_KEY_ID" in bad["blobs"]["found"]
    assert bad["Redis"]["found"].startswith("127.0.0.1:1 does not answer")
    assert secret not in done.out + done.err and password not in done.out + done.err
