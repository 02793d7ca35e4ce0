"""torchvision where its build does not fit torch's: beside a CPU build from elsewhere its compiled part does not load."""

import sys
from typing import Any

#: The library of operators that stands in for the compiled part; it lives as long as the process.
_library: Any = None
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def make_ready() -> None:
    """Let torchvision be imported and find non-maximum suppression, with one written here if need be."""
    global _library
    try:
        import torchvision
    except RuntimeError:
        import torch

        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        _library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            _library.define(f"{name}{_SCHEMA}")
        _library.impl("nms", _suppress, "CPU")
        import torchvision.ops.boxes

        torchvision.ops.boxes._assert_has_ops = lambda: None


def _suppress(boxes: Any, scores: Any, threshold: float) -> Any:
    import torch

    kept: list[int] = []
    for one in scores.argsort(descending=True, stable=True).tolist():
        if all(_overlap(boxes[one], boxes[other]) <= threshold for other in kept):
            kept.append(one)
    return torch.tensor(kept, dtype=torch.int64)


def _overlap(a: Any, b: Any) -> float:
    import torch

    sides = (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0)
    shared = float(sides.prod())
    return shared / max(float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - shared, 1e-9)
