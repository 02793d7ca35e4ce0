"""One vector a shot: what its middle frame shows, as CLIP sees it."""

from typing import Annotated

import numpy as np
from jaxtyping import Float32

from algorithms.clip import Clip
from algorithms.middle_frames import middle_frames, middle_pictures
from algorithms.shot_embeddings import ShotEmbeddings
from algorithms.shots import Shots
from algorithms.standard import Standard
from amber.algorithm import algorithm, result
from amber.weights import Weights


@result
class ClipEmbeddings(ShotEmbeddings):
    """For each shot the vector of its middle frame, of length 1, as long as the model makes it (512 for ViT-B/32).

    From another kind of processor a vector may differ by up to 1e-4 (Euclidean).
    """

    vectors: Float32[np.ndarray, "shot width"]


@algorithm(
    version="1", cpus=2, gpus=1, libraries=("open_clip_torch", "torch", "opencv-python-headless", "av")
)
def clip_embeddings(
    film: Standard, shots: Shots, clip: Annotated[Clip, Weights("clip-vit-b-32")]
) -> ClipEmbeddings:
    """Embed the middle frame of each shot with CLIP, whose vectors compare with those of sentences.

    The frame is read as `shot_embeddings` reads it: without black bars, and squeezed whole to 224 x 224.
    `--use ShotEmbeddings=clip_embeddings` makes duplicates and pairs from it too.

    Source: CLIP ViT-B/32 of OpenAI (Radford et al., ICML 2021), by open_clip.

    Known limits: the weights come with no package, so they have to be fetched; CLIP was trained on pictures that were
    cut to a square, not squeezed to one; cosines of CLIP are higher than those of `shot_embeddings`, so with
    `--use` the thresholds of duplicates have to be set anew.
    """
    return ClipEmbeddings(vectors=clip.pictures(middle_pictures(film, shots)), middle=middle_frames(shots))
