"""`amber verify`, `doctor`, `migrate`: is everything whole, installed and current."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.running import Ran

Amber = Callable[..., Ran]


def test_verify_finds_what_is_missing_or_corrupt_and_asking_heals_it(
    amber: Amber, clip: Path, home: Path
) -> None:
    document = amber("get", "scaled", clip, "--json").document
    whole = amber("verify")
    assert (whole.code, whole.err.splitlines()[-1].rpartition(": ")[2]) == (0, "everything is whole")
    blob = next(path for path in (home / "blobs").rglob(f"{document['value']['sha256']}*"))
    blob.chmod(0o644)
    blob.write_bytes(b"something else")
    corrupt = amber("verify", "--json")
    assert corrupt.code == 1
    assert [damage["feature"] for damage in corrupt.document["corrupt"]] == [document["feature"]]
    blob.unlink()
    missing = amber("verify")
    assert missing.code == 1
    assert f"feature {document['feature'][:12]} needs it" in missing.err
    assert amber("get", "scaled", clip, "--json").document["computed"] != []
    assert amber("verify", "--json").document["ok"] is True


def test_doctor_is_content_with_this_machine(amber: Amber) -> None:
    ran = amber("doctor", "--json")
    assert [entry for entry in ran.document if not entry["ok"]] == []
    assert ran.code == 0
    assert [entry["check"] for entry in ran.document] == [
        "Python",
        "settings",
        "home",
        "catalogue",
        "blobs",
        "Redis",
        "cluster",
        "PyAV",
        "OpenCV",
        "PySceneDetect",
        "ONNX Runtime",
        "torch",
        "algorithms",
        "weights",
    ]


def test_doctor_says_what_to_do(amber: Amber, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMBER_ALGORITHMS", str(tmp_path / "nowhere.py"))
    file = tmp_path / "a file"
    file.write_text("not a folder")
    monkeypatch.setenv("AMBER_HOME", str(file / "home"))
    ran = amber("doctor")
    assert ran.code == 1
    assert ran.err == "not in order: home, algorithms, weights\n"
    assert "set AMBER_ALGORITHMS to what shall be loaded" in ran.out
    assert "name a folder of yours in AMBER_HOME" in ran.out


def test_doctor_notices_a_catalogue_of_another_release(amber: Amber, home: Path) -> None:
    import sqlite3

    amber("migrate")
    with sqlite3.connect(home / "catalog.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE sequence SET number = 9999 WHERE name = 'oldest_code'")
    ran = amber("doctor", "--json")
    (bad,) = [entry for entry in ran.document if not entry["ok"]]
    assert bad["check"] == "catalogue"
    assert "made by a newer Amber" in bad["found"]
    assert amber("assets").code == 1


def test_migrate_makes_the_catalogue_and_does_nothing_twice(amber: Amber, home: Path) -> None:
    first = amber("migrate", "--json").document
    assert (first["catalogue"], first["before"], first["changed"]) == (
        str(home / "catalog.sqlite"),
        None,
        True,
    )
    again = amber("migrate", "--json").document
    assert (again["before"], again["after"], again["changed"]) == (first["after"], first["after"], False)
    assert "already" in amber("migrate").err
