"""Words to shots, by the labels of their middle frames."""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from jaxtyping import Float32

from algorithms.sentence_encoder import MiniLm, SentenceEncoder
from algorithms.shot_labels import PER_SHOT, ShotLabels
from algorithms.shot_matches import ShotMatches, as_matches, best_shots, check_search
from algorithms.shots import Shots
from algorithms.wordpiece import WordPieces
from amber.algorithm import Each, algorithm, result
from amber.weights import Weights


@result
class LabelMatches(ShotMatches):
    """Shots whose labels mean what is looked for, best first; of scores only the order means something."""

    #: The label that says most for it.
    label: list[str]


@algorithm(version="1", libraries=("onnxruntime", "numpy"))
def search_labels(
    shots: Each[Shots],
    labels: Each[ShotLabels],
    network: Annotated[MiniLm, Weights("minilm-int8")],
    vocabulary: Annotated[WordPieces, Weights("minilm-vocabulary")],
    *,
    text: str = "",
    depth: int = 100,
) -> LabelMatches:
    """The `depth` shots, of one title or of several, that show what `text` says, as far as their labels tell.

    A shot's score is the sum, over its labels, of the root of its probability times the fourth power of the cosine
    between label and text (none below 0): a faint label that is it counts for more than a sure one that is somewhat like it.

    Args:
        text: What to look for: a thing, or a few words, in English.
        depth: How many shots to list.

    Raises:
        SettingError: `text` is empty, or `depth` is not positive.

    Source: labels of EfficientNet-Lite0 (`shot_labels`), compared by all-MiniLM-L6-v2 (Reimers and Gurevych, EMNLP
    2019); how the two come together is ours.

    Known limits: those of `shot_labels`, which knows 1,000 things; words for anything else find what their nearest
    labels show. `search_clip` has no such list, and needs weights that do not come with a package.
    """
    check_search("search_labels", text, depth)
    nearness = _nearness(SentenceEncoder(network, vocabulary), text, labels)
    said = {asset: _said(found, nearness) for asset, found in labels.items()}
    scores = {asset: part.sum(axis=1) for asset, part in said.items()}
    best = best_shots(scores, depth, lowest=0.0)
    names = [labels[asset].name[shot * PER_SHOT + int(said[asset][shot].argmax())] for asset, shot, _ in best]
    return as_matches(LabelMatches, shots, best, label=names)


def _nearness(encoder: SentenceEncoder, text: str, labels: Each[ShotLabels]) -> Mapping[str, float]:
    """How near each label that occurs is to the text."""
    names = sorted({name for found in labels.values() for name in found.name})
    cosines = np.maximum(encoder.encode(names) @ encoder.encode([text.strip()])[0], 0)
    return dict(zip(names, (cosines**4).tolist(), strict=True))


def _said(found: ShotLabels, nearness: Mapping[str, float]) -> Float32[np.ndarray, "shot 10"]:
    """What each label of each shot says for it."""
    near = np.array([nearness[name] for name in found.name], dtype=np.float32)
    part: Float32[np.ndarray, "shot 10"] = (np.sqrt(found.probability) * near).reshape(-1, PER_SHOT)
    return part
