"""CLIP: pictures and sentences as vectors of one space."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from algorithms.middle_frames import SIDE, Picture
from algorithms.pinned_threads import batched, torch_side_by_side
from algorithms.torch_device import torch_device
from amber.batches import Batches

#: Pictures in one call of the network, on processors and on a GPU; what is not there is filled up, so calls have one shape.
_BATCH, _SHARED = 4, 32

Vectors = Float32[np.ndarray, "n width"]


@dataclass(frozen=True)
class Clip:
    """A CLIP of OpenAI's, of whatever size its weights have, by open_clip.

    Source: Radford et al., *Learning Transferable Visual Models From Natural Language Supervision* (ICML 2021).
    """

    network: Any
    #: The calls that all steps of this process share on a GPU; None on processors, where each film has its own.
    shared: Batches[Picture, Float32[np.ndarray, " width"]] | None = None

    @classmethod
    def open(cls, path: Path) -> "Clip":
        """The network with the weights in OpenAI's file, in single precision, on the GPU if there is one.

        Raises:
            ImportError: open_clip is not installed (`amber[clip]`).
            ValueError: The network takes pictures of another size.
        """
        from open_clip import load_openai_model

        device = torch_device()
        with warnings.catch_warnings():
            # The file is a TorchScript archive, and torch would rather have another form.
            warnings.simplefilter("ignore", DeprecationWarning)
            network = load_openai_model(str(path), precision="fp32", device=device)
        sides = set(np.atleast_1d(network.visual.image_size).tolist())
        if sides != {SIDE}:
            raise ValueError(
                f"this CLIP takes pictures with sides of {sorted(sides)} pixels; wanted is {SIDE}"
            )
        network.eval()
        return cls(network).sharing() if device == "cuda" else cls(network)

    def sharing(self) -> "Clip":
        """The same network, whose calls all steps of this process share."""
        return Clip(self.network, Batches(partial(_vectors, self.network, _SHARED), _SHARED))

    def pictures(self, pictures: Iterable[Picture]) -> Vectors:
        """The vectors of square RGB pictures, in order, each of length 1."""
        width = int(self.network.visual.output_dim)
        if self.shared is not None:
            rows = list(self.shared.each(pictures))
            return np.stack(rows) if rows else np.zeros((0, width), np.float32)
        found = torch_side_by_side(partial(_vectors, self.network, _BATCH), batched(pictures, _BATCH))
        return np.concatenate([np.zeros((0, width), np.float32), *found])

    def text(self, text: str) -> Float32[np.ndarray, " width"]:
        """The vector of a sentence, of length 1; what is longer than the network reads is cut off."""
        import torch
        from open_clip import SimpleTokenizer

        tokens = SimpleTokenizer()([text], context_length=self.network.context_length)
        with torch.inference_mode():
            found = self.network.encode_text(tokens.to(_device(self.network)), normalize=True)
        return np.asarray(found[0].cpu().numpy(), dtype=np.float32)


def _vectors(network: Any, batch: int, pictures: Sequence[Picture]) -> Vectors:
    """The vectors of at most so many pictures, in a batch of so many."""
    import torch

    filled = np.zeros((batch, SIDE, SIDE, 3), np.float32)
    mean, deviation = network.visual.image_mean, network.visual.image_std
    filled[: len(pictures)] = (np.stack(pictures).astype(np.float32) / 255 - mean) / deviation
    with torch.inference_mode():
        given = torch.from_numpy(filled).permute(0, 3, 1, 2).to(_device(network))
        found = network.encode_image(given, normalize=True)[: len(pictures)]
    return np.asarray(found.cpu().numpy(), dtype=np.float32)


def _device(network: Any) -> Any:
    return next(network.parameters()).device
