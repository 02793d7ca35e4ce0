"""`amber match`: the list, the files, and what a person says of a cut."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.running import Ran
from tests.editing.conftest import ALGORITHMS
from tests.editing.conftest import film as film
from tests.editing.conftest import other_film as other_film


@pytest.fixture
def match(amber: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs `amber match` with the quick pairs."""
    monkeypatch.setenv("AMBER_ALGORITHMS", ",".join(ALGORITHMS))
    return lambda *arguments: amber("match", *arguments)


def test_the_list_is_one_document(match: Callable[..., Ran], film: Path) -> None:
    done = match(film, "--top", 2, "--side-seconds", 0.25, "--json")
    assert done.code == 0
    document = done.document
    assert (document["flavour"], document["state"], document["pairs"]) == ("embedding", "ready", 4)
    assert [cut["rank"] for cut in document["cuts"]] == [1, 2]
    first = document["cuts"][0]
    assert first.keys() == {"rank", "id", "score", "state", "before", "after"}
    assert first["state"] == "open"
    assert {name: first["after"][name] for name in ("shot", "shot_start", "shot_end", "start", "end")} == {
        "shot": 1,
        "shot_start": 12,
        "shot_end": 24,
        "start": 12,
        "end": 18,
    }
    assert (first["after"]["title"], first["after"]["start_seconds"]) == ("first film", 0.5)


def test_the_list_for_people_has_time_codes(match: Callable[..., Ran], film: Path) -> None:
    done = match(film, "--top", 1)
    assert done.code == 0
    assert "00:00:00:12" in done.out and "00:00:00:23" in done.out and "open" in done.out


def test_everything_is_written_at_once(match: Callable[..., Ran], film: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"cuts.{suffix}" for suffix in ("edl", "otio", "csv")]
    exports = [word for path in files for word in ("--export", path)]
    done = match(
        film,
        "--top",
        2,
        *exports,
        "--previews",
        tmp_path / "previews",
        "--sheet",
        tmp_path / "sheet.png",
        "--json",
    )
    document = done.document
    assert document["exports"] == [str(path) for path in files] and all(path.is_file() for path in files)
    assert [Path(path).name for path in document["previews"]] == [
        f"00{cut['rank']}-{cut['id']}.mp4" for cut in document["cuts"]
    ]
    assert all(Path(path).is_file() for path in [*document["previews"], document["sheet"]])
    assert document["originals"] == [
        {
            "asset": document["cuts"][0]["before"]["asset"],
            "location": str(film),
            "reel": "FIRST_FI",
            "rate": "24",
            "start_timecode": "00:00:00:00",
            "has_timecode": False,
        }
    ]
    assert "says no start time code" in match(film, "--export", files[0]).err


def test_a_person_keeps_and_rejects_by_id_or_rank(match: Callable[..., Ran], film: Path) -> None:
    before = match(film, "--top", 3, "--json").document["cuts"]
    done = match(film, "--top", 2, "--reject", 1, "--keep", before[1]["id"], "--json").document["cuts"]
    assert [(cut["id"], cut["state"]) for cut in done] == [
        (before[1]["id"], "kept"),
        (before[2]["id"], "open"),
    ]
    rejected = match(film, "--show", "rejected", "--json").document["cuts"]
    assert [cut["id"] for cut in rejected] == [before[0]["id"]]
    again = match(film, "--top", 1, "--reopen", before[0]["id"], "--json").document["cuts"]
    assert [(cut["id"], cut["state"]) for cut in again] == [(before[0]["id"], "open")]
    assert match(film, "--keep", "nothing").code == 3


def test_no_pairs_are_an_answer_that_says_so(match: Callable[..., Ran], film: Path, tmp_path: Path) -> None:
    asked = (film, "--set", "match_pairs.length=100", "--sheet", tmp_path / "sheet.png")
    done = match(*asked, "--previews", tmp_path / "previews")
    assert done.code == 0 and done.out == ""
    assert (
        "no pairs: nothing in first film can make a match cut by embedding; the empty answer is stored"
        in done.err
    )
    document = match(*asked, "--json").document
    assert (document["cuts"], document["state"], document["sheet"], document["hit"]) == (
        [],
        "ready",
        None,
        True,
    )


def test_filters_are_options(match: Callable[..., Ran], film: Path) -> None:
    cuts = match(film, "--apart-seconds", 0.5, "--json").document["cuts"]
    assert [(cut["before"]["shot"], cut["after"]["shot"]) for cut in cuts] == [(0, 2), (1, 3), (0, 3)]
    refused = match(film, "--other-title")
    assert refused.code == 2 and "no filter 'other_title_only'" in refused.err


def test_several_titles_are_told_apart(match: Callable[..., Ran], film: Path, other_film: Path) -> None:
    done = match(film, other_film, "--top", 30)
    assert done.code == 0 and "first film" in done.out and "other film" in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--flavour", "shape"), 3, "no flavour 'shape'; there are: embedding"),
        (("--export", "cuts.xml"), 2, "a file ends in one of: .otio, .edl, .csv"),
        (("--export", "nowhere/cuts.edl"), 2, "there is no folder"),
        (("--sheet", "sheet.jpg"), 2, "ends in .png"),
        (("--show", "some"), 2, "--show takes wanted, all, kept, rejected, open"),
        (("--set", "match_pairs.width=3"), 2, "width"),
        (("--people",), 2, "no loaded type is called 'DuplicateGroups'"),
        (("--side-seconds", "0"), 2, "more than 0 seconds"),
        (("--top", "0"), 2, "--top"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    match: Callable[..., Ran], film: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = match(film, *arguments)
    assert done.code == code
    assert told in done.err


def test_interrupting_leaves_nothing_half_written(
    match: Callable[..., Ran], film: Path, tmp_path: Path
) -> None:
    """Ctrl-C while previews are written: those that are there are whole, and there is nothing else."""
    assert match(film, "--top", 4).code == 0
    folder = tmp_path / "previews"
    command = [sys.executable, "-m", "amber.cli", "match", str(film), "--top", "4", "--previews", str(folder)]
    done = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ))
    pause = threading.Event()
    while done.poll() is None and not (folder.is_dir() and any(folder.iterdir())):
        pause.wait(0.005)
    done.send_signal(signal.SIGINT)
    _, err = done.communicate(timeout=60)
    assert "interrupted; nothing is half-written" in err.decode()
    assert done.returncode == 130
    left = sorted(path.name for path in folder.iterdir())
    assert all(name.endswith(".mp4") and not name.startswith(".") for name in left) and len(left) < 4
    assert len(json.loads(match(film, "--top", 4, "--previews", folder, "--json").out)["previews"]) == 4
