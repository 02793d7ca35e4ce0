"""`amber ingest`, `assets`, `show`, `label`: the library."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.cli.running import Ran

Amber = Callable[..., Ran]


def test_ingest_tells_new_known_and_failed(amber: Amber, clip: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(clip, tmp_path / "copy.mp4"))
    text = tmp_path / "notes.mp4"
    text.write_text("no film")
    ran = amber("ingest", clip, clip, copy, text, tmp_path / "nowhere.mp4", "--json")
    assert ran.code == 1
    assert [entry["state"] for entry in ran.document] == ["new", "known", "known", "failed", "failed"]
    assert [set(entry) for entry in ran.document] == [{"path", "asset", "state"}] * 3 + [
        {"path", "asset", "state", "problem"}
    ] * 2
    assert len({entry["asset"] for entry in ran.document[:3]}) == 1
    assert [entry["asset"] for entry in ran.document[3:]] == [None, None]


def test_ingest_takes_the_media_of_a_folder(
    amber: Amber, clip: Path, other_clip: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "films" / "deep"
    folder.mkdir(parents=True)
    for path in (clip, other_clip):
        shutil.copy(path, folder)
    (folder / "readme.txt").write_text("not a film")
    ran = amber("ingest", tmp_path / "films")
    assert ran.code == 0
    assert [line.split()[-1] for line in ran.out.splitlines()[2:]] == ["new", "new"]
    assert ran.err.splitlines()[-1] == "2 files: 2 new"


def test_a_folder_without_media_is_said(amber: Amber, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = amber("ingest", tmp_path / "empty")
    assert (ran.code, ran.out) == (0, "")
    assert "no media files in" in ran.err


def test_ingest_can_ask_at_once(amber: Amber, clip: Path) -> None:
    (entry,) = amber("ingest", clip, "--get", "scaled", "--json").document
    assert [step["algorithm"] for step in entry["get"]["computed"]] == ["first_bytes", "scaled"]
    assert amber("get", "scaled", clip, "--json").document["hit"]
    failed = amber("ingest", clip, "--get", "broken", "--json")
    assert failed.code == 1
    assert failed.document[0]["error"]["type"] == "AlgorithmFailedError"
    assert amber("ingest", clip, "--get", "shotz").code == 3


def test_assets_lists_and_selects(amber: Amber, clip: Path, other_clip: Path) -> None:
    assert amber("assets", "--json").document == []
    assert "no assets yet" in amber("assets").err
    amber("ingest", clip, other_clip)
    amber("label", "plain clip", "kind=test", "shade=dark", "--title", "Plain")
    documents = amber("assets", "--json").document
    assert sorted(document["title"] for document in documents) == ["Plain", "other clip"]
    (dark,) = amber("assets", "--where", "shade=dark", "--where", "kind=test", "--json").document
    assert (dark["title"], dark["labels"]) == ("Plain", {"kind": "test", "shade": "dark"})
    assert {name: dark[name] for name in ("duration_seconds", "frame_count", "width", "height", "rate")} == {
        "duration_seconds": 1.0,
        "frame_count": 24,
        "width": 64,
        "height": 48,
        "rate": "24",
    }
    ran = amber("assets", "--where", "shade=dark")
    assert ran.err == "1 asset\n"
    words = ["Plain", "1.0", "s", "24", "64×48", "kind=test,", "shade=dark"]
    assert ran.out.splitlines()[2].split()[1:] == words


def test_labels_and_titles_compute_nothing_again(amber: Amber, clip: Path) -> None:
    first = amber("get", "scaled", clip, "--json").document
    amber("label", clip, "kind=test", "--title", "Renamed")
    assert amber("get", "scaled", "Renamed", "--json").document["feature"] == first["feature"]
    ran = amber("label", "Renamed", "kind=", "--json")
    assert ran.document["labels"] == {}
    nothing = amber("label", "Renamed")
    assert nothing.code == 2
    assert "say a label as LABEL=VALUE" in nothing.err


def test_show_tells_facts_locations_labels_and_features(amber: Amber, clip: Path) -> None:
    amber("label", clip, "kind=test")
    bare = amber("show", clip)
    assert "no features are stored for it yet" in bare.out
    amber("get", "scaled", clip)
    document = amber("show", "plain clip", "--json").document
    assert document["labels"] == {"kind": "test"}
    assert document["facts"]["video_codec"] == "h264"
    (location,) = document["locations"]
    assert location["uri"] == str(clip)
    assert location["size_bytes"] == clip.stat().st_size
    assert {feature["algorithm"] for feature in document["features"]} == {"first_bytes", "scaled"}
    shown = amber("show", "plain clip").out
    assert "factor=0.5" in shown, "settings as --set takes them"
    for word in (
        "plain clip",
        document["asset"][:32],
        "24 frames",
        "h264",
        str(clip),
        "kind=test",
        "first_bytes",
    ):
        assert word in shown
    assert amber("show", "nowhere").code == 3
