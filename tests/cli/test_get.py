"""`amber get`: what it prints, in every form, and what it refuses."""

import csv
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tests.cli.running import Ran

Amber = Callable[..., Ran]


def test_the_json_document_has_the_fixed_shape(amber: Amber, clip: Path) -> None:
    document = amber("get", "scaled", clip, "--set", "rows=2", "--json").document
    assert list(document) == ["feature", "key", "state", "hit", "value", "computed", "rows"]
    (asset,) = document["key"].pop("assets")
    assert document["key"] == {
        "algorithm": "scaled",
        "version": "1",
        "settings": {"first_bytes.rows": 2, "scaled.factor": 0.5},
    }
    assert (document["state"], document["hit"]) == ("ready", False)
    assert [(step["algorithm"], step["assets"]) for step in document["computed"]] == [
        ("first_bytes", [asset]),
        ("scaled", [asset]),
    ]
    assert document["rows"] == [{"amount": 51.0, "name": "byte 102"}, {"amount": 58.0, "name": "byte 116"}]
    assert len(document["feature"]) == len(document["value"]["sha256"]) == len(asset) == 64


def test_a_second_ask_computes_nothing(amber: Amber, clip: Path) -> None:
    first = amber("get", "scaled", clip, "--json").document
    again = amber("get", "scaled", "plain clip", "--json").document
    assert (again["computed"], again["hit"]) == ([], True)
    assert (again["feature"], again["rows"]) == (first["feature"], first["rows"])


def test_an_asset_is_found_by_title_hash_prefix_and_path(amber: Amber, clip: Path) -> None:
    asset = amber("get", "scaled", clip, "--json").document["key"]["assets"][0]
    for name in (asset, asset[:6], "plain clip", str(clip)):
        assert amber("get", "scaled", name, "--json").document["key"]["assets"] == [asset]


def test_several_assets_give_one_feature_each(amber: Amber, clip: Path, other_clip: Path) -> None:
    documents = amber("get", "scaled", clip, other_clip, "--json").document
    assert [document["hit"] for document in documents] == [False, False]
    assert len({document["key"]["assets"][0] for document in documents}) == 2


def test_several_assets_give_one_joint_feature_of_pairs(amber: Amber, clip: Path, other_clip: Path) -> None:
    document = amber("get", "together", clip, other_clip, "--json").document
    assert len(document["key"]["assets"]) == 2
    assert [row["count"] for row in document["rows"]] == [6, 6, 6]
    record = amber("get", "summary", clip, other_clip, "--json").document
    assert record["rows"] == [{"titles": 2, "largest": 60.5}]


def test_assets_are_chosen_by_label(amber: Amber, clip: Path, other_clip: Path) -> None:
    for path in (clip, other_clip):
        amber("label", path, f"shade={path.stem.split()[0]}")
    chosen = amber("get", "first_bytes", "--where", "shade=other", "--json").document
    expected = amber("show", "other clip", "--json").document["asset"]
    assert chosen["key"]["assets"] == [expected]
    nobody = amber("get", "first_bytes", "--where", "shade=none")
    assert nobody.code == 2
    assert "no asset has the labels shade=none" in nobody.err


def test_the_view_for_people(amber: Amber, clip: Path) -> None:
    ran = amber("get", "scaled", clip, "--limit", "2")
    assert ran.code == 0
    assert ran.out == (
        " amount  name    \n"
        "─────────────────\n"
        "51.0000  byte 102\n"
        "58.0000  byte 116\n"
        "… 1 more row (--limit N shows more)\n"
    )
    lines = ran.err.splitlines()
    assert [line.partition(":")[0] for line in lines[:3]] == ["read plain clip.mp4", "first_bytes", "scaled"]
    assert "3 rows; computed first_bytes " in lines[-1]
    again = amber("get", "scaled", clip, "--limit", "2")
    assert again.out == ran.out
    assert "3 rows; nothing was computed (stored just now), answered in" in again.err


def test_a_record_is_shown_a_value_a_line(amber: Amber, clip: Path) -> None:
    assert amber("get", "summary", clip).out == "titles   1      \nlargest  60.5000\n"


def test_quiet_says_nothing_but_the_answer(amber: Amber, clip: Path) -> None:
    ran = amber("get", "first_bytes", clip, "-q")
    assert ran.err == ""
    assert ran.out.splitlines()[0].strip() == "number"


def test_arrow_is_the_stored_file(amber: Amber, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.arrow"
    document = amber("get", "scaled", clip, "--format", "arrow", "--out", out, "--json").document
    assert hashlib.sha256(out.read_bytes()).hexdigest() == document["value"]["sha256"]
    assert pa.ipc.open_file(out).read_all().column_names == ["amount", "name"]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["rows.arrow"]


def test_csv_has_a_header_and_several_assets_in_one_table(
    amber: Amber, clip: Path, other_clip: Path, tmp_path: Path
) -> None:
    assert amber("get", "scaled", clip, "--format", "csv").out == (
        "amount,name\n51.0,byte 102\n58.0,byte 116\n60.5,byte 121\n"
    )
    out = tmp_path / "rows.csv"
    assert amber("get", "first_bytes", clip, other_clip, "--format", "csv", "--out", out).code == 0
    rows = list(csv.reader(io.StringIO(out.read_text())))
    assert rows[0] == ["asset", "number"]
    assert len({row[0] for row in rows[1:]}) == 2
    assert len(rows) == 7


def test_format_json_goes_to_a_file_too(amber: Amber, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    ran = amber("get", "first_bytes", clip, "--format", "json", "--out", out)
    assert ran.out == ""
    assert Ran(0, out.read_text(), "").document == amber(
        "get", "first_bytes", clip, "--format", "json"
    ).document | {
        "hit": False,
        "computed": Ran(0, out.read_text(), "").document["computed"],
    }


def test_a_failure_is_a_sentence_and_a_document(amber: Amber, clip: Path) -> None:
    ran = amber("get", "broken", clip, "--json")
    assert ran.code == 1
    assert ran.document["error"]["type"] == "AlgorithmFailedError"
    assert "ValueError: 3 bytes are not enough" in ran.document["error"]["message"]
    assert "Traceback" not in ran.err
    assert ran.err.count("\n") == 1
    again = amber("get", "broken", clip)
    assert again.code == 1
    assert "failed once (algorithm's fault)" in again.err
    assert "amber retry broken" in again.err


def test_of_several_assets_a_failure_does_not_stop_the_others(
    amber: Amber, clip: Path, other_clip: Path
) -> None:
    ran = amber("get", "broken", clip, other_clip, "--json")
    assert ran.code == 1
    assert [document["state"] for document in ran.document] == ["failed", "failed"]
    assert [document["error"]["type"] for document in ran.document] == ["AlgorithmFailedError"] * 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["get", "shotz", "CLIP"], 3, "no algorithm 'shotz'; there are: broken, first_bytes"),
        (["get", "scaled", "nowhere"], 3, "no asset 'nowhere'"),
        (["get", "scaled"], 2, "say which ASSET"),
        (["get"], 2, "Missing argument 'ALGORITHM'"),
        (["get", "scaled", "CLIP", "--set", "color=1"], 2, "setting 'color' is unknown"),
        (["get", "scaled", "CLIP", "--set", "factor"], 2, "--set takes name=value; found 'factor'"),
        (["get", "scaled", "CLIP", "--set", "factor=nan"], 2, "setting 'factor' must be a finite float"),
        (["get", "scaled", "CLIP", "--use", "Bytes=scaled"], 2, "which is no Bytes"),
        (
            ["get", "scaled", "CLIP", "--version", "7"],
            3,
            "scaled 7 is not loaded, and nothing of it is stored",
        ),
        (["get", "scaled", "CLIP", "--frobnicate"], 2, "No such option: --frobnicate"),
        (["get", "scaled", "CLIP", "--format", "xml"], 2, "xml"),
        (["get", "scaled", "CLIP", "--format", "csv", "--json"], 2, "name a file for the csv rows"),
        (["get", "scaled", "CLIP", "--format", "csv", "--out", "no/such/rows.csv"], 2, "there is no folder"),
        (["get", "scaled", "CLIP", "--out", "rows.txt"], 2, "a table is for reading"),
        (["shows", "CLIP"], 2, "No such command 'shows'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence_with_its_exit_code(
    amber: Amber, clip: Path, arguments: list[str], code: int, said: str
) -> None:
    ran = amber(*[str(clip) if argument == "CLIP" else argument for argument in arguments])
    assert ran.code == code
    assert ran.out == "" or ran.document["error"]["message"] in ran.err
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_a_wrong_ask_reads_no_film(amber: Amber, clip: Path) -> None:
    assert amber("get", "scaled", clip, "--set", "color=1").code == 2
    assert amber("assets", "--json").document == []


def test_an_older_version_without_code_is_still_served(
    amber: Amber, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = Path(__file__).with_name("tiny.py").read_text()
    first = amber("get", "scaled", clip, "--json").document
    newer = tmp_path / "newer.py"
    newer.write_text(
        tiny.replace('@algorithm(version="1")\ndef scaled', '@algorithm(version="2")\ndef scaled')
    )
    monkeypatch.setenv("AMBER_ALGORITHMS", str(newer))
    assert amber("get", "scaled", clip, "--json").document["key"]["version"] == "2"
    old = amber("get", "scaled", clip, "--version", "1", "--json").document
    assert (old["feature"], old["hit"], old["rows"]) == (first["feature"], True, first["rows"])
    assert old["key"]["settings"] == {"scaled.factor": 0.5}
    assert amber("get", "scaled", clip, "--version", "1").out.splitlines()[0].split() == ["amount", "name"]


def test_a_dataset_is_written_and_the_second_time_found(amber: Amber, clip: Path, tmp_path: Path) -> None:
    made = amber("dataset", "scaled", clip, "--out", tmp_path / "train", "--json").document
    assert (made["algorithm"], made["rows"], made["shards"], made["shards_written"]) == ("scaled", 3, 1, 1)
    again = amber("dataset", "scaled", clip, "--out", tmp_path / "train", "--json").document
    assert again == {**made, "shards_written": 0}
    other = amber("dataset", "scaled", clip, "--set", "rows=2", "--out", tmp_path / "train")
    assert other.code == 2 and "with other settings or shards" in other.err
