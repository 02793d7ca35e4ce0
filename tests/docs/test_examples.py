"""What the documents show runs as it stands."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.book import ROOT, Page, written
from tests.docs.conftest import Run


def _with(language: str) -> pytest.MarkDecorator:
    pages = [page for page in written() if any(not fence.note for fence in page.fences(language))]
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.name)


def _script(page: Page) -> str:
    """The page's commands, as a shell runs them."""
    lines = [
        line for block in page.fences("console") for line in block.text.splitlines() if line.startswith("$ ")
    ]
    return "\n".join(["set -eu", *(line.removeprefix("$ ") for line in lines), ""])


@_with("console")
def test_the_commands_of_a_page_run_one_after_the_other(page: Page, run: Run) -> None:
    run(["bash", "-s"], _script(page))


@_with("python")
def test_the_python_of_a_page_runs(page: Page, run: Run) -> None:
    for fence in page.fences("python"):
        if not fence.note:
            run([sys.executable, "-W", "error", "-"], fence.text)


def test_the_readme_ends_in_something_that_runs() -> None:
    readme = Page(ROOT / "README.md")
    assert readme.fences("console")
    assert readme.fences("python")
    assert len(readme.text.splitlines()) <= 40, "the README fits one screen"


def test_the_readme_begins_with_the_two_commands() -> None:
    named = [span for span in Page(ROOT / "README.md").spans if span.startswith("make ")]
    assert named[0] == "make demo"
    assert "make test" in named[:3]


def test_the_tutorial_shows_the_example_file_whole() -> None:
    blocks = [fence for fence in Page(ROOT / "docs/tutorial.md").fences("python") if fence.note]
    assert [fence.note for fence in blocks] == ["file: brightness.py", "append: brightness.py"]
    assert "\n\n".join(fence.text for fence in blocks) == (ROOT / "docs/examples/brightness.py").read_text()


def test_the_first_algorithm_of_the_tutorial_has_about_25_lines() -> None:
    first = Page(ROOT / "docs/tutorial.md").fences("python")[0]
    assert len(first.text.splitlines()) < 30


def test_an_algorithm_in_a_file_is_memoized_and_listed(
    desk: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMBER_ALGORITHMS", "algorithms:ALGORITHMS,brightness.py")
    ask = ["amber", "get", "contrast", "film.mp4", "--json"]
    first, again = (json.loads(run(ask, "").stdout) for _ in range(2))
    assert [step["algorithm"] for step in first["computed"]] == [
        "standard",
        "shots",
        "brightness",
        "contrast",
    ]
    assert (again["computed"], again["hit"]) == ([], True)
    assert again["value"] == first["value"]
    listed = {entry["name"] for entry in json.loads(run(["amber", "algorithms", "--json"], "").stdout)}
    assert listed >= {"standard", "shots", "match_pairs", "brightness", "contrast"}


def test_the_example_that_listens_hears_the_tone(
    desk: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMBER_ALGORITHMS", "algorithms:ALGORITHMS,loudness.py")
    found = json.loads(run(["amber", "get", "loudness", "film.mp4", "--json"], "").stdout)
    # ffmpeg's tone has an eighth of full scale.
    assert [row["level"] for row in found["rows"]] == pytest.approx([0.125 / 2**0.5] * 3, abs=0.003)


def test_a_value_is_checked_by_sha256sum_and_damage_is_noticed(desk: Path, run: Run, tmp_path: Path) -> None:
    shown = json.loads(run(["amber", "get", "shots", "film.mp4", "--json"], "").stdout)
    sha256 = shown["value"]["sha256"]
    blob = tmp_path / "home" / "blobs" / sha256[:2] / sha256
    assert run(["sha256sum", str(blob)], "").stdout.split()[0] == sha256
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes() + b"\0")
    assert (
        subprocess.run(["sha256sum", str(blob)], capture_output=True, text=True).stdout.split()[0] != sha256
    )


@pytest.mark.parametrize("example", sorted((ROOT / "docs/examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_a_whole_file_that_a_page_speaks_of(example: Path) -> None:
    assert ast.get_docstring(ast.parse(example.read_text()))
    assert any(f"examples/{example.name}" in page.text for page in written())
