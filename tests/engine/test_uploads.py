"""Bytes that were sent are kept, or their sender is told to send them again."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amber.engine.ingest import keep_upload
from amber.errors import StoreUnavailableError
from amber.store.collect import collect
from amber.store.protocol import Blob, Store
from tests.jasper.making import make_film


class CollectedAtOnce:
    """Blobs beside which somebody collects as soon as one is stored."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put_file(self, path: Path) -> Blob:
        blob = self._store.blobs.put_file(path)
        collect(self._store, 0.0)
        return blob

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store.blobs, name)


def _sent(store: Store, film: Path) -> tuple[Path, str]:
    store.scratch.mkdir(parents=True, exist_ok=True)
    path = store.scratch / "sent.mp4"
    path.write_bytes(film.read_bytes())
    return path, hashlib.sha256(film.read_bytes()).hexdigest()


def test_an_upload_is_kept_while_it_is_recorded_and_collected_when_it_is_taken_down(
    store: Store, tmp_path: Path
) -> None:
    film = make_film(tmp_path / "film.mp4", size="64x36")
    asset = keep_upload(store, *_sent(store, film)).asset
    assert asset is not None
    collect(store, 0.0)
    [blob] = store.blobs.digests()
    assert store.blobs.read(blob.sha256) == film.read_bytes()
    plan = store.catalog.plan_forget(asset, reason="rights", who="tester")
    assert store.catalog.apply_plan(plan.id, who="tester").blobs == (blob,)
    collect(store, 0.0)
    assert list(store.blobs.digests()) == []


def test_an_upload_that_was_collected_while_it_was_recorded_is_sent_again(
    store: Store, tmp_path: Path
) -> None:
    film = make_film(tmp_path / "film.mp4", size="64x36")
    hasty = replace(store, blobs=CollectedAtOnce(store))  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailableError, match="send it again"):
        keep_upload(hasty, *_sent(store, film))
    assert keep_upload(store, *_sent(store, film)).state == "known"
    collect(store, 0.0)
    assert len(list(store.blobs.digests())) == 1
