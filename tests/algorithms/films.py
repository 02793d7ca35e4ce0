"""Films on disk as the algorithms take them."""

from pathlib import Path

from algorithms.standard import Standard, standard
from amber.algorithm import Source
from amber.progress import running
from jasper.identity import identify


def source_of(path: Path) -> Source:
    """The asset in a file."""
    return Source(identify(path).asset, (path,))


def standard_of(source: Source, folder: Path) -> Standard:
    """The standard form, its files in `folder`."""
    folder.mkdir(exist_ok=True)
    with running(lambda done, total, unit: None, folder):
        return standard(source)
