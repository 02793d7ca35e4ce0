"""The documents, and what they mention."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Records and fragments tell of one moment; what they mention may have gone since.
OF_THEIR_TIME = ("docs/adr", "changes")

_FENCE = re.compile(
    r"(?:<!-- (?P<note>[^>]*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Fence:
    """A fenced block."""

    language: str
    text: str
    #: What a comment above it says, such as `file: brightness.py`.
    note: str


@dataclass(frozen=True)
class Page:
    """One document."""

    path: Path

    @property
    def name(self) -> str:
        """Its path from the root."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text()

    def fences(self, language: str) -> list[Fence]:
        """Its fenced blocks in this language."""
        found = [Fence(m["language"], m["text"], m["note"] or "") for m in _FENCE.finditer(self.text)]
        return [fence for fence in found if fence.language == language]

    @property
    def prose(self) -> str:
        """It without fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def spans(self) -> list[str]:
        """What stands between backticks."""
        return _SPAN.findall(self.prose)

    @property
    def command_lines(self) -> list[str]:
        """Every line that one may type, from blocks and from spans."""
        typed = [
            line.removeprefix("$ ") for block in self.fences("console") for line in block.text.splitlines()
        ]
        typed += [line for block in self.fences("sh") for line in block.text.splitlines()]
        return [*typed, *self.spans]


@cache
def pages() -> tuple[Page, ...]:
    """Every document, the written and the generated ones."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("changes/*.md")]
    return tuple(Page(path) for path in sorted(found))


def written() -> tuple[Page, ...]:
    """The documents that speak of how things are now and were written by hand."""
    return tuple(page for page in pages() if not page.name.startswith((*OF_THEIR_TIME, "docs/reference")))
