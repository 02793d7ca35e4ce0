"""How long does it take to find the best pairs, beside the bare matrix product and beside faiss?"""

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from algorithms.best_pairs import Best, Cosines, best_pairs
from benchmarks.measure import Answer, Runs, Wanted
from benchmarks.subject import progress

WIDTH, DEPTH = 1280, 100
#: Shots of a long film, and of a catalogue.
FILM, CATALOGUE = 2_000, 50_000


def vectors(count: int, *, seed: int = 0) -> Float32[np.ndarray, "count 1280"]:
    """Rows of length 1 without negative components, some of them alike, as those of pictures are."""
    random = np.random.default_rng(seed)
    kinds = random.standard_normal((max(count // 20, 1), WIDTH), dtype=np.float32)
    rows = kinds[random.integers(0, len(kinds), count)]
    rows += random.standard_normal((count, WIDTH), dtype=np.float32)
    np.maximum(rows, 0, out=rows)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def measure(rounds: int, catalogue: int = CATALOGUE) -> Answer:
    """Find the best pairs of a film and of a catalogue."""
    runs = Runs()
    film = vectors(FILM)
    for number in range(rounds * 3):
        progress("pair_search", f"a film, {number + 1} of {rounds * 3}")
        runs.note("2,000 shots: bare product, single precision", "ms", _seconds(lambda: film @ film.T))
        runs.note(
            "2,000 shots: best 1,000 pairs",
            "ms",
            _seconds(lambda: best_pairs(Cosines(film, film), 1000, upper=True)),
        )
    rows = vectors(catalogue, seed=1)
    notes = [_catalogue(rows, runs, number) for number in range(rounds)]
    found = f"{catalogue:,} shots: best {DEPTH} pairs"
    return Answer(
        name="pair_search",
        question=__doc__ or "",
        command="python -m benchmarks pair_search",
        rows=runs.rows(),
        wanted=(
            Wanted(
                "a film beside the bare product",
                "×",
                1.3,
                runs.ratio("2,000 shots: best 1,000 pairs", "2,000 shots: bare product, single precision"),
            ),
            Wanted(
                "a catalogue beside faiss IndexFlatIP",
                "×",
                1.0,
                runs.ratio(found, f"{catalogue:,} × {DEPTH}: faiss IndexFlatIP"),
            ),
        ),
        notes=tuple(dict.fromkeys(notes)),
    )


def _catalogue(rows: Float32[np.ndarray, "count 1280"], runs: Runs, number: int) -> str:
    import faiss

    progress("pair_search", f"a catalogue, {number + 1}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found: list[Best] = []
    taken = _seconds(lambda: found.append(best_pairs(Cosines(rows, rows), DEPTH, upper=True)))
    runs.note(f"{len(rows):,} shots: best {DEPTH} pairs", "s", taken)
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    index = faiss.IndexFlatIP(WIDTH)
    index.add(rows)
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    runs.note(
        f"{len(rows):,} × {DEPTH}: faiss IndexFlatIP",
        "s",
        _seconds(lambda: kept.append(index.search(rows, DEPTH + 1))),
    )
    scores, others = kept[0]
    a = np.repeat(np.arange(len(rows)), DEPTH + 1)
    upper = a < others.ravel()
    order = np.argsort(-scores.ravel()[upper], kind="stable")[:DEPTH]
    theirs = set(zip(a[upper][order].tolist(), others.ravel()[upper][order].tolist(), strict=True))
    same = len(theirs & set(zip(found[0].a.tolist(), found[0].b.tolist(), strict=True)))
    return f"{same} of {DEPTH} pairs are the same; ours took {more / 1e6:,.0f} MB beside the vectors; faiss gives the best of each shot, we those of all."


def _seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--catalogue", type=int, default=CATALOGUE)
    given = parser.parse_args()
    print(measure(given.rounds, given.catalogue).markdown())
