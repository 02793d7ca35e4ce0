"""`amber algorithms`, its lock file, and `amber weights`."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.running import TINY, Ran

Amber = Callable[..., Ran]


def test_the_loaded_algorithms_have_the_fixed_shape_inputs_first(amber: Amber) -> None:
    documents = amber("algorithms", "--json").document
    names = [document["name"] for document in documents]
    assert sorted(names) == ["broken", "first_bytes", "scaled", "summary", "together"]
    assert names.index("first_bytes") < names.index("scaled") < names.index("together")
    by_name = {document["name"]: document for document in documents}
    assert by_name["together"] == {
        "name": "together",
        "version": "1",
        "is_default": True,
        "inputs": [{"parameter": "data", "type": "Scaled", "arity": "pair", "producer": "scaled"}],
        "settings": {},
        "weights": {},
        "resources": {
            "cpus": 1.0,
            "gpus": 0.0,
            "memory_bytes": 0,
            "memory_bytes_a_pixel": 0,
            "memory_bytes_a_frame": 0,
        },
        "result": "Together",
        "help": "Count both sides.",
    }
    assert by_name["scaled"]["settings"] == {"factor": 0.5}
    assert by_name["first_bytes"]["inputs"][0]["producer"] is None


def test_the_view_of_the_graph(amber: Amber) -> None:
    lines = amber("algorithms").out.splitlines()
    assert lines[0].split() == ["algorithm", "version", "made", "from", "settings", "gives"]
    together = next(line for line in lines if line.startswith("together"))
    assert "scaled of two titles" in together
    assert "the asset" in next(line for line in lines if line.startswith("first_bytes"))


def test_listing_algorithms_opens_no_store(amber: Amber, home: Path) -> None:
    assert amber("algorithms").code == 0
    assert not home.exists()


def test_what_is_declared_wrongly_is_wrong_usage(
    amber: Amber, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(TINY.read_text().replace("*, rows: int = 3", "*, rows: int"))
    monkeypatch.setenv("AMBER_ALGORITHMS", str(path))
    ran = amber("algorithms", "--json")
    assert ran.code == 2
    assert ran.document["error"]["type"] == "SettingWithoutDefaultError"
    monkeypatch.setenv("AMBER_ALGORITHMS", str(tmp_path / "nowhere.py"))
    assert amber("get", "scaled", "x").code == 2


def test_the_lock_notices_a_body_that_changed_without_its_version(
    amber: Amber, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = _load(tmp_path, monkeypatch, "first", TINY.read_text())
    unlocked = amber("algorithms", "lock", "--check")
    assert unlocked.code == 1
    assert "not in algorithms.lock" in unlocked.err
    assert not Path("algorithms.lock").exists()
    assert amber("algorithms", "lock").err == (
        "algorithms.lock: 5 algorithms, new: broken@1, first_bytes@1, scaled@1, summary@1, together@1\n"
    )
    assert amber("algorithms", "lock", "--check").code == 0
    before = Path("algorithms.lock").read_text()

    _load(tmp_path, monkeypatch, "second", mine.replace("data.number * factor", "factor * data.number"))
    checked = amber("algorithms", "lock", "--check")
    assert checked.code == 1
    assert "scaled: source changed, and the version is still 1" in checked.err
    refused = amber("algorithms", "lock", "--json")
    assert (refused.code, refused.document["written"]) == (1, False)
    assert refused.document["changed"]["scaled@1"] == ["source"]
    assert Path("algorithms.lock").read_text() == before


def test_a_refactor_is_recorded_by_name(
    amber: Amber, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = _load(tmp_path, monkeypatch, "first", TINY.read_text())
    amber("algorithms", "lock")
    _load(tmp_path, monkeypatch, "second", mine.replace("data.number * factor", "factor * data.number"))
    names = sorted(key.partition("@")[0] for key in amber("algorithms", "lock", "--json").document["changed"])
    same = [word for name in names for word in ("--same", name)]
    assert amber("algorithms", "lock", *same).code == 0
    assert amber("algorithms", "lock", "--check").code == 0
    assert amber("algorithms", "lock", "--same", "shotz").code == 3


def _load(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> str:
    path = folder / f"{name}.py"
    path.write_text(text)
    monkeypatch.setenv("AMBER_ALGORITHMS", str(path))
    return text


WEIGHED = '''
"""An algorithm with weights."""
from pathlib import Path
from typing import Annotated
from amber.algorithm import Source, algorithm, result
from amber.weights import LocalFile, Weights

class Model:
    @classmethod
    def open(cls, path: Path) -> "Model":
        return cls()

@result
class Seen:
    number: int

@algorithm(version="1")
def seen(source: Source, model: Annotated[Model, Weights("mine", sha256="DIGEST", sources=(LocalFile("FILE"),))]) -> Seen:
    """Look."""
    return Seen(number=1)
'''


def test_weights_are_found_and_verified(
    amber: Amber, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "model.bin"
    weights.write_bytes(b"numbers")
    digest = hashlib.sha256(b"numbers").hexdigest()
    _load(tmp_path, monkeypatch, "weighed", WEIGHED.replace("DIGEST", digest).replace("FILE", str(weights)))
    assert amber("weights", "--json").document == [{"name": "mine", "sha256": digest, "path": str(weights)}]
    assert amber("algorithms", "--json").document[0]["weights"] == {
        "model": {"name": "mine", "sha256": digest}
    }
    weights.write_bytes(b"others")
    ran = amber("weights")
    assert ran.code == 1
    assert "declared is" in ran.out


def test_pin_prints_a_declaration(amber: Amber, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"numbers")
    digest = hashlib.sha256(b"numbers").hexdigest()
    ran = amber("weights", "pin", "mine", "--file", tmp_path / "model.bin")
    assert ran.out == f'Weights("mine", sha256="{digest}", sources=(LocalFile("{tmp_path}/model.bin"),))\n'
    assert amber("weights", "pin", "efficientnet-lite0").out == 'Weights("efficientnet-lite0")\n'
    assert amber("weights", "pin", "mine").code == 2
