"""What a running algorithm may say and use, inside of Amber and outside."""

from pathlib import Path

from amber.progress import report, running, scratch


def test_progress_leads_to_whoever_runs_the_algorithm(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    with running(lambda done, total, unit: told.append((done, total, unit)), tmp_path):
        report(1, 10)
        report(2, 0, "shots")
        assert scratch() == tmp_path
    report(3, 10)
    assert told == [(1, 10, "frames"), (2, 0, "shots")]


def test_an_algorithm_within_another_reports_for_itself(tmp_path: Path) -> None:
    outer: list[int] = []
    inner: list[int] = []
    with running(lambda done, *_: outer.append(done), tmp_path / "outer"):
        with running(lambda done, *_: inner.append(done), tmp_path / "inner"):
            report(1, 1)
            assert scratch() == tmp_path / "inner"
        report(2, 2)
        assert scratch() == tmp_path / "outer"
    assert (outer, inner) == ([2], [1])


def test_outside_of_amber_there_is_a_temporary_folder_and_nobody_listens() -> None:
    report(1, 2)
    folder = scratch()
    assert folder.is_dir()
    assert list(folder.iterdir()) == []
    folder.rmdir()
