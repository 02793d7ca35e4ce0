"""RAFT and Mask R-CNN are loaded by torchvision from a file of weights, and by nothing else."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from algorithms.optical_flow import Raft
from algorithms.person_masks import MaskRcnn
from tests.algorithms.torchvision_ready import make_ready


@pytest.fixture
def torchvision() -> None:
    make_ready()


@pytest.mark.usefixtures("torchvision")
def test_raft_is_loaded_from_its_file(tmp_path: Path) -> None:
    from torchvision.models.optical_flow import raft_large

    torch.manual_seed(1)
    state = raft_large(weights=None).state_dict()
    torch.save(state, tmp_path / "raft.pth")
    loaded = Raft.open(tmp_path / "raft.pth").network
    assert not loaded.training
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())


@pytest.mark.usefixtures("torchvision")
def test_mask_rcnn_is_loaded_from_its_file(tmp_path: Path) -> None:
    from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

    with torch.device("meta"):
        shapes = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None).state_dict()
    # One number that is as large as each parameter: the file is small.
    state = {name: torch.full((), 0.5).to(value.dtype).expand(value.shape) for name, value in shapes.items()}
    torch.save(state, tmp_path / "mask_rcnn.pth")
    assert (tmp_path / "mask_rcnn.pth").stat().st_size < 1_000_000
    loaded = MaskRcnn.open(tmp_path / "mask_rcnn.pth").network
    assert not loaded.training
    assert all(bool((parameter == 0.5).all()) for parameter in loaded.parameters())


@pytest.mark.usefixtures("torchvision")
@pytest.mark.parametrize("opener", [Raft, MaskRcnn])
def test_parameters_of_another_network_are_refused(opener: type[Raft | MaskRcnn], tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(RuntimeError, match="Missing key"):
        opener.open(tmp_path / "other.pth")


class Brighter(nn.Module):
    """Calls how much brighter a pixel gets its way to the right; takes pictures as RAFT does."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(127.5))

    def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
        assert min(first.shape[2:]) >= 128 and not any(side % 8 for side in first.shape[2:])
        right = (second - first).mean(dim=1) * self.scale
        return [torch.zeros(1), torch.stack([right, torch.zeros_like(right)], dim=1)]


@pytest.mark.parametrize(("height", "width"), [(128, 136), (70, 90), (129, 200)])
def test_a_flow_has_the_size_of_its_pictures_whatever_the_network_takes(height: int, width: int) -> None:
    first = np.random.default_rng(0).integers(0, 200, (height, width, 3), dtype=np.uint8)
    [found] = Raft(Brighter()).flows([(first, first + 20)])
    assert found.shape == (height, width, 2) and found.dtype == np.float32
    assert found[..., 0] == pytest.approx(np.full((height, width), 20.0), abs=1e-3)
    assert not found[..., 1].any()


class ThreeThings(nn.Module):
    """Finds a sure person, a sure dog, and somebody who may be a person."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, pictures: list[Tensor]) -> list[dict[str, Tensor]]:
        height, width = pictures[0].shape[1:]
        shares = torch.tensor([0.9, 0.8, 0.7])[:, None, None, None].expand(3, 1, height, width)
        return [
            {"labels": torch.tensor([1, 18, 1]), "scores": torch.tensor([0.9, 0.95, 0.3]), "masks": shares}
        ]


@pytest.mark.parametrize(("min_score", "shares"), [(0.5, [0.9]), (0.2, [0.9, 0.7]), (0.99, [])])
def test_mask_rcnn_tells_people_of_whom_it_is_sure(min_score: float, shares: list[float]) -> None:
    [found] = MaskRcnn(ThreeThings()).masks([np.zeros((40, 60, 3), np.uint8)], min_score)
    assert [float(share[0, 0]) for share in found] == pytest.approx(shares)
    assert all(share.shape == (40, 60) for share in found)
