"""The glossary's words are the ones in use, and documents read well as lines."""

import ast
import re

import pytest

from tests.architecture.source import PACKAGES, ROOT, python_files, tree
from tests.docs.book import Page, pages


def _glossary() -> list[tuple[str, list[str]]]:
    """Each word, and the words that are not used in its place."""
    rows = re.findall(
        r"^\| ([a-z ]+) \| .+ \| ?([\w, ]*) ?\|$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE
    )
    return [(word, re.findall(r"\w+", refused)) for word, refused in rows if word != "word"]


def _names() -> set[str]:
    """What modules, classes, functions, parameters and fields are called; media formats have words of their own."""
    found: set[str] = set()
    for path in python_files(("amber", "algorithms")):
        found.add(path.stem)
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
    return found


def _words(name: str) -> str:
    """`ShotEmbeddings` and `shot_embeddings` as `_shot_embeddings_`."""
    return f"_{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).lower()}_"


def test_the_glossary_is_read() -> None:
    assert len(_glossary()) > 25
    assert ("asset", ["media_item", "movie"]) in _glossary()


def test_no_name_says_otherwise_what_the_glossary_has_a_word_for() -> None:
    refused = {word for _, words in _glossary() for word in words}
    assert {
        name for name in _names() for word in refused if f"_{word}_" in _words(name).replace("s_", "_")
    } == set()


def test_every_word_of_the_glossary_is_in_use() -> None:
    files = [*python_files(PACKAGES), ROOT / "docs/architecture.md"]
    source = "\n".join(path.read_text() for path in files).lower().replace("_", " ")
    assert [word for word, _ in _glossary() if word not in " ".join(source.split())] == []


def test_no_word_stands_in_the_glossary_twice() -> None:
    words = [word for word, _ in _glossary()]
    assert sorted(set(words)) == sorted(words)


@pytest.mark.parametrize(
    "page",
    [page for page in pages() if not page.name.startswith("docs/reference")],
    ids=lambda page: page.name,
)
def test_a_line_holds_one_sentence(page: Page) -> None:
    prose = [line for line in page.prose.splitlines() if not line.startswith(("|", "#", "<!--"))]
    assert [
        line for line in prose if re.search(r"(?<!\b[A-Z])(?<!e\.g)(?<!i\.e)[a-z0-9`)*]\. [A-Z`]", line)
    ] == []


def test_every_decision_has_a_negative_consequence() -> None:
    records = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert [
        path.name for path in records if not re.search(r"\bbad\b|negative", path.read_text(), re.IGNORECASE)
    ] == []
