"""Scratch folders of this process, and the removal of those whose process died."""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_folder(scratch: Path) -> Iterator[Path]:
    """A folder for one step, which is gone afterwards; if this process is killed, the next step removes it.

    Whoever works in a folder holds a lock on it, which the kernel frees at death.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    _sweep(scratch)
    folder, lock = _made(scratch)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _made(scratch: Path) -> tuple[Path, int]:
    """A new folder and the lock on it; made again if somebody took it for a dead one before it was locked."""
    while True:
        folder = scratch / f"{os.getpid()}-{uuid.uuid4().hex}"
        folder.mkdir()
        lock = locked_folder(folder)
        if lock is not None and folder.is_dir():
            return folder, lock
        if lock is not None:
            os.close(lock)


def _sweep(scratch: Path) -> None:
    """Remove the folders that nobody holds."""
    for folder in scratch.glob("*-*"):
        lock = locked_folder(folder) if folder.is_dir() else None
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def locked_folder(folder: Path) -> int | None:
    """A descriptor that holds the lock on a folder; None if somebody else does, or the folder is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
