"""What the documents mention exists, and what exists is mentioned."""

import builtins
import re
import runpy
import tomllib
from functools import cache
from typing import Any

import pytest

from tests.docs.book import ROOT, Page, pages, written

PAGES = pytest.mark.parametrize("page", written(), ids=lambda page: page.name)


@cache
def generator() -> dict[str, Any]:
    """What docs/generate.py defines."""
    return runpy.run_path(str(ROOT / "docs" / "generate.py"))


@cache
def commands() -> dict[str, Any]:
    """`amber …` → the command."""
    return dict(generator()["commands"]())


def _named_command(line: str) -> str | None:
    """The command that a typed line names; None if it names none that exists."""
    words = line.split()
    longest_first = [" ".join(words[:count]) for count in (3, 2)]
    return next((name for name in longest_first if name in commands()), None)


def _typed_commands(page: Page) -> list[str]:
    lines = [re.sub(r"^(\w+=\S+ )*(\S*/bin/)?(?=amber\b)", "", line) for line in page.command_lines]
    return [line for line in lines if re.match(r"amber [a-z]", line)]


@PAGES
def test_every_command_that_a_page_names_exists(page: Page) -> None:
    assert [line for line in _typed_commands(page) if _named_command(line) is None] == []


@PAGES
def test_every_option_that_a_page_names_exists(page: Page) -> None:
    unknown = []
    for line in _typed_commands(page):
        command = commands()[_named_command(line) or ""]
        known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        unknown += [
            (line, option) for option in re.findall(r"(?<= )--?[a-z][a-z-]*", line) if option not in known
        ]
    assert unknown == []


def _make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@PAGES
def test_every_make_target_that_a_page_names_exists(page: Page) -> None:
    named = {line.split()[1] for line in page.command_lines if re.match(r"make [a-z]", line)}
    assert named - _make_targets() == set()


def test_every_make_target_is_documented() -> None:
    named = {
        line.split()[1] for page in written() for line in page.command_lines if re.match(r"make [a-z]", line)
    }
    assert _make_targets() - named == set()


def _test_variables() -> set[str]:
    """The variables that tests and the Makefile read, beside those of the product."""
    sources = [ROOT / "Makefile", *(ROOT / "tests").rglob("*.py")]
    found = {name for path in sources for name in re.findall(r"\bAMBER_S(?:OAK|HARED)\w*", path.read_text())}
    return found - {"AMBER_S"}


@PAGES
def test_every_variable_that_a_page_names_is_read(page: Page) -> None:
    named = set(re.findall(r"\bAMBER_[A-Z][A-Z_]*[A-Z]\b", page.text))
    assert named - generator()["variables"]() - _test_variables() == set()


def test_every_variable_that_is_read_is_documented() -> None:
    environment = (ROOT / "docs/reference/environment.md").read_text()
    assert [name for name in sorted(generator()["variables"]()) if f"`{name}`" not in environment] == []
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    assert [name for name in sorted(_test_variables()) if f"`{name}`" not in contributing] == []


@PAGES
def test_every_error_that_a_page_names_exists(page: Page) -> None:
    known = {error.__name__ for classes in generator()["errors"]().values() for error in classes} | set(
        vars(builtins)
    )
    assert set(re.findall(r"\b[A-Z]\w+Error\b", page.text)) - known == set()


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Page) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.prose)
    here = [link for link in links if "://" not in link]
    assert [link for link in here if not (page.path.parent / link).exists()] == []


def test_every_document_can_be_reached() -> None:
    linked = {
        (page.path.parent / link).resolve()
        for page in pages()
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.prose)
        if "://" not in link
    }
    unreachable = {
        page.name for page in pages() if page.path not in linked and not page.name.startswith("changes/")
    }
    assert unreachable - {"README.md", "CHANGELOG.md"} == set()


def _requirements() -> list[str]:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    more = [*document["project"]["optional-dependencies"].values(), *document["dependency-groups"].values()]
    return [*document["project"]["dependencies"], *(one for extra in more for one in extra)]


def test_every_dependency_is_explained_and_no_other() -> None:
    wanted = _requirements()
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in wanted}  # type: ignore[index]
    explained = re.findall(r"^\| `([\w-]+)` \|", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(names)


def test_every_dependency_is_pinned() -> None:
    wanted = _requirements()
    pinned = dict(re.findall(r"^([\w-]+)==([\w.]+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert {re.match(r"[\w-]+", requirement)[0] for requirement in wanted} - pinned.keys() == set()  # type: ignore[index]


def test_constraints_are_plain_pins() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"#.*|[a-z0-9-]+==[0-9][\w.]*", line)] == []
