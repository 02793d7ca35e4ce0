"""What importing costs."""

import subprocess
import sys

import pytest

from tests.architecture.source import ROOT

HEAVY = ["torch", "cv2", "av", "scenedetect", "sqlalchemy", "ssl", "importlib.metadata"]


@pytest.mark.parametrize(
    "module", ["amber", "amber.algorithm", "amber.weights", "amber.keys", "amber.plan", "amber.settings"]
)
def test_what_stands_at_the_bottom_imports_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


def test_the_registry_and_the_codec_import_no_media_and_no_model_library() -> None:
    code = f"import amber.registry, amber.codec, sys; print(*[n for n in {HEAVY[:5]} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
