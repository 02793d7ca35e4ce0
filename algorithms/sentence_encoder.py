"""Words as vectors: near each other where they mean much the same."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from algorithms.onnx_graph import session
from algorithms.wordpiece import WordPieces

#: Numbers of one vector.
WIDTH = 384


@dataclass(frozen=True)
class MiniLm:
    """all-MiniLM-L6-v2 with weights of eight bits, by ONNX Runtime; it always runs on one processor."""

    _session: Any

    @classmethod
    def open(cls, path: Path) -> "MiniLm":
        """The network in an ONNX file."""
        return cls(session(str(path)))

    def vector(self, pieces: list[int]) -> Float32[np.ndarray, " 384"]:
        """The mean over the pieces of one text, scaled to length 1.

        One text a call: beside others it would be filled up to their length, and be rounded with them.
        """
        numbers = np.array([pieces], dtype=np.int64)
        inputs = {
            "input_ids": numbers,
            "attention_mask": np.ones_like(numbers),
            "token_type_ids": numbers * 0,
        }
        (states,) = self._session.run(["last_hidden_state"], inputs)
        mean = states[0].mean(axis=0, dtype=np.float64)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


@dataclass(frozen=True)
class SentenceEncoder:
    """A network and the vocabulary that it was trained with.

    Source: Reimers and Gurevych, *Sentence-BERT* (EMNLP 2019); Wang et al., *MiniLM* (NeurIPS 2020).
    """

    network: MiniLm
    vocabulary: WordPieces

    def encode(self, texts: list[str]) -> Float32[np.ndarray, "text 384"]:
        """The vectors of texts, each of length 1."""
        vectors = [self.network.vector(self.vocabulary.read(text)) for text in texts]
        return np.stack([np.zeros(WIDTH, np.float32), *vectors])[1:]
