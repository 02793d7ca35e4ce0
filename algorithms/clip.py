"""CLIP: pictures and sentences as vectors of one space."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from algorithms.middle_frames import SIDE, Picture
from algorithms.pinned_threads import batched, torch_side_by_side

#: Pictures in one call of the network; the last batch is filled up, so every call has one shape.
_BATCH = 4


@dataclass(frozen=True)
class Clip:
    """A CLIP of OpenAI's, of whatever size its weights have, by open_clip.

    Source: Radford et al., *Learning Transferable Visual Models From Natural Language Supervision* (ICML 2021).
    """

    network: Any

    @classmethod
    def open(cls, path: Path) -> "Clip":
        """The network with the weights in OpenAI's file, in single precision, on the GPU if there is one.

        Raises:
            ImportError: open_clip is not installed (`amber[clip]`).
            ValueError: The network takes pictures of another size.
        """
        import torch
        from open_clip import load_openai_model

        device = "cuda" if torch.cuda.is_available() else "cpu"
        with warnings.catch_warnings():
            # The file is a TorchScript archive, and torch would rather have another form.
            warnings.simplefilter("ignore", DeprecationWarning)
            network = load_openai_model(str(path), precision="fp32", device=device)
        sides = set(np.atleast_1d(network.visual.image_size).tolist())
        if sides != {SIDE}:
            raise ValueError(
                f"this CLIP takes pictures with sides of {sorted(sides)} pixels; wanted is {SIDE}"
            )
        return cls(network.eval())

    def pictures(self, pictures: Iterable[Picture]) -> Float32[np.ndarray, "n width"]:
        """The vectors of square RGB pictures, in order, each of length 1."""
        width = int(self.network.visual.output_dim)
        batches = batched(pictures, _BATCH)
        return np.concatenate(
            [np.zeros((0, width), np.float32), *torch_side_by_side(self._of_batch, batches)]
        )

    def text(self, text: str) -> Float32[np.ndarray, " width"]:
        """The vector of a sentence, of length 1; what is longer than the network reads is cut off."""
        import torch
        from open_clip import SimpleTokenizer

        tokens = SimpleTokenizer()([text], context_length=self.network.context_length)
        with torch.inference_mode():
            found = self.network.encode_text(tokens.to(self._device()), normalize=True)
        return np.asarray(found[0].cpu().numpy(), dtype=np.float32)

    def _of_batch(self, pictures: list[Picture]) -> Float32[np.ndarray, "n width"]:
        import torch

        batch = np.zeros((_BATCH, SIDE, SIDE, 3), np.float32)
        mean, deviation = self.network.visual.image_mean, self.network.visual.image_std
        batch[: len(pictures)] = (np.stack(pictures).astype(np.float32) / 255 - mean) / deviation
        with torch.inference_mode():
            given = torch.from_numpy(batch).permute(0, 3, 1, 2).to(self._device())
            found = self.network.encode_image(given, normalize=True)[: len(pictures)]
        return np.asarray(found.cpu().numpy(), dtype=np.float32)

    def _device(self) -> Any:
        return next(self.network.parameters()).device
