"""Which changes of a file make another asset, and which compute nothing."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.clips import ffmpeg, remux
from tests.acceptance.command import Command, names

_CHAPTER = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle=Opening\n"


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> list[Path]:
    """The film under other names, in other containers, and with other things around it."""
    folder = tmp_path_factory.mktemp("same")
    (folder / "chapter.txt").write_text(_CHAPTER)
    cover = folder / "cover.jpg"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64", "-frames:v", "1", cover)
    touched = Path(shutil.copy(clip, folder / "touched.mp4"))
    os.utime(touched, (1, 1))
    attached = ("-i", cover, "-map", "0", "-map", "1", "-disposition:v:1", "attached_pic")
    chapter = ("-i", folder / "chapter.txt", "-map_metadata", "1", "-map_chapters", "1")
    return [
        Path(shutil.copy(clip, folder / "another name.mp4")),
        touched,
        remux(clip, folder / "remuxed.mkv"),
        remux(clip, folder / "remuxed.mov"),
        remux(clip, folder / "remuxed.ts"),
        remux(folder / "remuxed.mkv", folder / "and back.mp4"),
        remux(clip, folder / "tagged.mp4", "-metadata", "title=Another title"),
        remux(clip, folder / "covered.mp4", *attached),
        remux(clip, folder / "chapters.mp4", *chapter),
        remux(clip, folder / "faststart.mp4", "-movflags", "+faststart"),
    ]


def _fewer_frames(clip: Path, target: Path) -> Path:
    """All frames but the last one."""
    return remux(clip, target, "-frames:v", "119")


def _other_sound(clip: Path, target: Path) -> Path:
    ffmpeg(
        *("-i", clip, "-f", "lavfi", "-t", "5", "-i", "sine=frequency=880"),
        *("-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", target),
    )
    return target


def _rotated(clip: Path, target: Path) -> Path:
    return remux(clip, target, before=("-display_rotation", "90"))


def _retimed(clip: Path, target: Path) -> Path:
    """The same packets, 25 of them a second instead of 24."""
    return remux(clip, target, before=("-itsscale", "0.96"))


def test_an_asset_is_its_content_whatever_file_it_is_in(
    warm: Command, same: list[Path], first_answer: Any
) -> None:
    ingested = warm("ingest", *same)
    found = {Path(entry["path"]).name: (entry["asset"], entry["state"]) for entry in ingested}
    (asset,) = first_answer["key"]["assets"]
    assert found == {path.name: (asset, "known") for path in same}
    for path in (same[2], same[4]):
        answer = warm("get", "match_pairs", path)
        assert (answer["computed"], answer["hit"], answer["feature"]) == ([], True, first_answer["feature"])
    assert [entry["title"] for entry in warm("assets")] == ["clip"]


@pytest.mark.parametrize("change", [_fewer_frames, _other_sound, _rotated, _retimed])
def test_other_content_is_another_asset(warm: Command, clip: Path, tmp_path: Path, change: Any) -> None:
    (entry,) = warm("ingest", change(clip, tmp_path / "changed.mp4"))
    assert entry["state"] == "new"
    assert len(warm("assets")) == 2


def test_features_of_other_content_are_its_own(
    warm: Command, clip: Path, tmp_path: Path, first_answer: Any
) -> None:
    answer = warm("get", "match_pairs", _retimed(clip, tmp_path / "retimed.mp4"))
    assert "standard" in names(answer["computed"])
    assert answer["key"]["assets"] != first_answer["key"]["assets"]
    seconds = warm("get", "shots", tmp_path / "retimed.mp4")["rows"][-1]["end_seconds"]
    assert seconds == 4.8, "120 frames at 25 a second"


def test_the_same_standard_form_comes_out_of_every_container(
    amber: Command, same: list[Path], first_answer: Any
) -> None:
    (transport_stream,) = [path for path in same if path.suffix == ".ts"]
    answer = amber("get", "match_pairs", transport_stream)
    assert answer["feature"] == first_answer["feature"], (
        "the recipe holds the digests of all that it is made from"
    )
    assert answer["value"] == first_answer["value"]


def test_a_label_and_a_title_change_no_key(warm: Command, clip: Path, first_answer: Any) -> None:
    warm("label", clip, "season=1", "--title", "The clip")
    answer = warm("get", "match_pairs", "The clip")
    assert (answer["computed"], answer["feature"]) == ([], first_answer["feature"])
    assert warm("get", "match_pairs", "--where", "season=1")["computed"] == []
