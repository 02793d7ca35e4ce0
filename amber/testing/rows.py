"""Rows and stores as the conformance suite needs them."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from amber.store.jobs import Job
from amber.store.protocol import (
    AssetRecord,
    Blob,
    Catalog,
    Cost,
    Failure,
    NewTrace,
    Store,
    Trace,
    TraceInput,
)


def digest(*words: object) -> str:
    """The SHA-256 of some words, as a name that nothing else has."""
    return hashlib.sha256(repr(words).encode()).hexdigest()


#: Two assets, in the order of their hashes.
FILM, OTHER = sorted((digest("film"), digest("other film")))


def asset(name: str = FILM, **facts: Any) -> AssetRecord:
    """An asset of that hash."""
    made = AssetRecord(name, f"title of {name[:6]}", 10.0, 240, 1280, 720, None)
    return AssetRecord(**{**vars(made), **facts})


def feature(
    name: str,
    value: str | None = None,
    *,
    algorithm: str = "shots",
    version: str = "1",
    assets: Sequence[str] = (FILM,),
    settings: str = "{}",
    value_size: int = 1234,
    seconds: float = 1.5,
    made_from: Sequence[Trace] = (),
    files: Sequence[Blob] = (),
    **more: Any,
) -> NewTrace:
    """A computed feature whose recipe is the digest of `name`; without a value, of one of its own."""
    trace = Trace(
        recipe=digest(name),
        algorithm=algorithm,
        version=version,
        part="whole",
        assets=tuple(assets),
        generations=(0,) * len(assets),
        settings=settings,
        value=Blob(value or digest("value of", name), value_size),
        seconds=seconds,
    )
    inputs = [TraceInput("source", one, one, None) for one in ((FILM,) if not made_from else ())]
    inputs += [TraceInput("input", "+".join(one.assets), one.value.sha256, one.recipe) for one in made_from]
    cost = Cost(seconds, cpu_seconds=2.5, peak_memory_bytes=1 << 20, bytes_read=77)
    new = NewTrace(trace, tuple(inputs), tuple(files), cost, f"because of {name}")
    return NewTrace(**{**vars(new), "trace": Trace(**{**vars(trace), **more})})


def key_of(name: str) -> str:
    """The resolved key under which `keep` links a feature."""
    return digest("key of", name)


def keep(
    catalog: Catalog, new: NewTrace, *, key: str, lost: str | None = None, epoch: int | None = None
) -> Trace:
    """Commit a feature as a worker does: under a lease, linked if nothing happened meanwhile."""
    lease = catalog.take_lease(new.trace.recipe, "tester", 60.0)
    assert lease is not None, "somebody else computes it"
    at = catalog.snapshot().epoch if epoch is None else epoch
    return catalog.commit(lease, new, key=key, epoch=at, lost=lost)


def kept(
    catalog: Catalog, name: str, value: str | None = None, *, lost: str | None = None, **options: Any
) -> Trace:
    """Commit a feature of that name, linked under `key_of` it."""
    return keep(catalog, feature(name, value, **options), key=key_of(name), lost=lost)


def failed(name: str, *, algorithm: str = "shots", assets: Sequence[str] = (FILM,)) -> Failure:
    """A remembered failure."""
    return Failure(
        recipe=digest(name),
        fingerprint=digest("source"),
        failure_class="machine",
        error="MemoryError",
        message="no memory was left",
        attempts=2,
        retry_at=1_800_000_000.5,
        algorithm=algorithm,
        assets=tuple(assets),
    )


def job(name: str, *, closure: str = "closure", assets: Sequence[str] = (FILM,)) -> Job:
    """An ask, as it is put."""
    return Job(key_of(name), "shots", tuple(assets), closure=digest(closure), order='{"epoch": 0}')


class CatalogTests(ABC):
    """What the parts of the suite share: a store of the kind under test.

    Attributes:
        is_shared: Whether two stores made from one home have the same rows.
    """

    is_shared = True

    @abstractmethod
    def make_store(self, home: Path) -> Store:
        """A store in this folder: empty if the folder is, else with what was stored in it before."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """An empty store."""
        made = self.make_store(tmp_path / "home")
        yield made
        made.close()

    @pytest.fixture
    def catalog(self, store: Store) -> Catalog:
        """Its catalogue."""
        return store.catalog

    @pytest.fixture
    def neighbour(self, store: Store, tmp_path: Path) -> Iterator[Catalog]:
        """Another catalogue on the same home, as another process has it."""
        if not self.is_shared:
            pytest.skip("a store of this kind ends with its process")
        made = self.make_store(tmp_path / "home")
        yield made.catalog
        made.close()
