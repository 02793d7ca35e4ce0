"""Text as the numbers of word pieces, as BERT's networks without capitals read it."""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

#: Pieces of one text, its two ends included; what comes after is not read.
MOST_PIECES = 128
#: A longer word is unknown.
_LONGEST_WORD = 100


@dataclass(frozen=True)
class WordPieces:
    """A vocabulary of word pieces: piece → its number; `##` begins a piece that continues a word."""

    numbers: Mapping[str, int]

    @classmethod
    def open(cls, path: Path) -> "WordPieces":
        """The vocabulary of a `tokenizer.json`, as the library tokenizers writes it.

        Raises:
            KeyError: The file holds no word pieces.
        """
        return cls(json.loads(path.read_text())["model"]["vocab"])

    def read(self, text: str) -> list[int]:
        """The pieces of a text between the marks of its start and its end.

        Source: Schuster and Nakajima, *Japanese and Korean voice search* (2012): of each word the longest piece that
        is known, then the longest of what is left; words as BERT separates them (Devlin et al., 2019).
        """
        pieces = [number for word in _words(text) for number in self._pieces(word)]
        return [self.numbers["[CLS]"], *pieces[: MOST_PIECES - 2], self.numbers["[SEP]"]]

    def _pieces(self, word: str) -> list[int]:
        found: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            ends = range(len(word), start, -1) if len(word) <= _LONGEST_WORD else range(0)
            end = next((end for end in ends if mark + word[start:end] in self.numbers), None)
            if end is None:
                return [self.numbers["[UNK]"]]
            found.append(self.numbers[mark + word[start:end]])
            start = end
        return found


def _words(text: str) -> Iterator[str]:
    """The words, marks and Chinese characters of a text, in small letters without accents."""
    plain = "".join(
        one for one in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(one) != "Mn"
    )
    word = ""
    for letter in plain:
        if _is_apart(letter) or letter.isspace():
            if word:
                yield word
            word = ""
            if not letter.isspace():
                yield letter
        elif unicodedata.category(letter)[0] != "C":
            word += letter
    if word:
        yield word


def _is_apart(letter: str) -> bool:
    """Whether a letter is a word of its own: punctuation, any other mark of ASCII, or a Chinese character."""
    marks = "!" <= letter <= "/" or ":" <= letter <= "@" or "[" <= letter <= "`" or "{" <= letter <= "~"
    name = unicodedata.name(letter, "")
    return (
        marks or unicodedata.category(letter)[0] == "P" or (name.startswith("CJK ") and "IDEOGRAPH" in name)
    )
