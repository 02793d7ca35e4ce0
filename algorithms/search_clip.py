"""Words to shots, by CLIP."""

from typing import Annotated

from algorithms.clip import Clip
from algorithms.clip_embeddings import ClipEmbeddings
from algorithms.cosine import cosines, exact_rows
from algorithms.shot_matches import ShotMatches, as_matches, best_shots, check_search
from algorithms.shots import Shots
from amber.algorithm import Each, algorithm, result
from amber.weights import Weights


@result
class ClipMatches(ShotMatches):
    """Shots whose middle frames fit a sentence, best first; `score` is a cosine, seldom above 0.35."""


@algorithm(version="1", gpus=1, libraries=("open_clip_torch", "torch", "numpy"))
def search_clip(
    shots: Each[Shots],
    embeddings: Each[ClipEmbeddings],
    clip: Annotated[Clip, Weights("clip-vit-b-32")],
    *,
    text: str = "",
    depth: int = 100,
) -> ClipMatches:
    """The `depth` shots, of one title or of several, whose middle frames fit what `text` says, as CLIP sees it.

    Args:
        text: What to look for, as a caption would say it, in English.
        depth: How many shots to list.

    Raises:
        SettingError: `text` is empty, or `depth` is not positive.

    Source: CLIP ViT-B/32 of OpenAI (Radford et al., ICML 2021), by open_clip; scored by plain cosine.

    Known limits: one frame stands for the whole shot, so what happens in it does not count; numbers and who does what
    to whom are told poorly; every shot has a score, so the last of a long list fit badly.
    """
    check_search("search_clip", text, depth)
    wanted = exact_rows(clip.text(text.strip())[None])
    scores = {asset: cosines(exact_rows(found.vectors), wanted)[:, 0] for asset, found in embeddings.items()}
    return as_matches(ClipMatches, shots, best_shots(scores, depth))
