"""From which cosine on is a shot a near-duplicate? Measures the default of `duplicate_groups`, draws ADR 0010's curve.

    python -m benchmarks.duplicate_threshold bbb.mp4 sintel_trailer-720p.mp4 bikes.mp4 --out docs/adr

The first film is Big Buck Bunny; which of its shots share a camera set-up was labelled by eye (`SETUPS`).
The others add copies, stretches, and shots that are all different.
"""

import argparse
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import av
import cv2
import numpy as np

from algorithms.cosine import cosines, exact_rows
from algorithms.duplicate_groups import duplicate_groups
from algorithms.middle_frames import squeeze
from algorithms.shot_embeddings import Encoder, ShotEmbeddings
from algorithms.shots import shots
from algorithms.standard import standard
from amber.algorithm import Source
from amber.weights import Weights, open_weights
from jasper.identity import identify

#: Frames of Big Buck Bunny, one a shot, whose shots are seen by the same camera at the same place.
#: The first two are a conversation cut back and forth; all others of its shots are set-ups of their own.
SETUPS = (
    (3661, 3877, 3954, 4050, 4246, 4397),
    (3907, 4010, 4148),
    (4684, 4761),
    (4578, 5339),
    (4848, 4960, 5046, 5211),
    (4921, 4996),
    (2036, 2294),
    (10209, 10321, 10431),
    (11436, 11699),
    (4503, 4642),
    (1737, 2444),
    (2932, 3279),
)
#: Pairs that two people would label differently; they count as neither.
UNSURE = ((7053, 7162), (7523, 7637), (6188, 6328))
#: A shot of at least this many frames is cut into four stretches.
STRETCHED_FRAMES = 96
THRESHOLDS = np.round(np.arange(0.50, 0.985, 0.01), 2)
#: Of the table, every row of this range and every fifth of the rest.
FINE = (0.76, 0.88)


@dataclass(frozen=True)
class Title:
    """What is measured of one film."""

    start: np.ndarray
    end: np.ndarray
    #: Pictures and vectors of the middle frames.
    pictures: np.ndarray
    vectors: np.ndarray
    #: Vectors of other frames of shots: kind → (shot, vector) for shots that have one.
    neighbours: dict[int, np.ndarray]
    #: Shot → vectors of the middle frames of its four stretches.
    stretches: dict[int, np.ndarray]


@dataclass(frozen=True)
class Curve:
    """How large a share of `scores` lies at or above each threshold."""

    label: str
    scores: np.ndarray

    def share(self, threshold: float) -> float:
        return float((self.scores >= threshold).mean()) if len(self.scores) else float("nan")


def read_title(path: Path, encoder: Encoder) -> Title:
    """The film at `path`, through the same steps as in the main job."""
    film = standard(Source(identify(path).asset, (path,)))
    found = shots(film)
    middle = found.start + (found.end - found.start) // 2
    with film.scan() as scan:
        pictures = scan.frames_at(middle).data

        def embed(frames: np.ndarray) -> np.ndarray:
            return encoder.encode(squeeze(scan.frames_at(frames).data))

        lit = [shot for shot in range(len(middle)) if pictures[shot].mean() > 4]
        lasting = [shot for shot in lit if found.end[shot] - found.start[shot] >= 24]
        near = embed(np.array([middle[shot] + 6 for shot in lasting]))
        long = [shot for shot in lit if found.end[shot] - found.start[shot] >= STRETCHED_FRAMES]
        stretches = {shot: embed(_stretch_middles(found.start[shot], found.end[shot])) for shot in long}
    return Title(
        start=found.start,
        end=found.end,
        pictures=pictures,
        vectors=encoder.encode(squeeze(pictures)),
        neighbours=dict(zip(lasting, near, strict=True)),
        stretches=stretches,
    )


def _stretch_middles(start: int, end: int) -> np.ndarray:
    edges = np.linspace(start, end, 5).astype(np.int64)
    return (edges[:-1] + edges[1:]) // 2


def same_setup(title: Title) -> tuple[np.ndarray, np.ndarray]:
    """For the labelled film: of every two shots, whether they share a set-up, and whether that is sure."""

    def shot(frame: int) -> int:
        return int(np.searchsorted(title.end, frame, side="right"))

    setup = np.arange(len(title.start))
    for number, frames in enumerate(SETUPS):
        members = {shot(frame) for frame in frames}
        assert len(members) == len(frames), f"two frames of {frames} lie in one shot: the cuts have changed"
        setup[list(members)] = len(setup) + number
    sure = np.ones((len(setup), len(setup)), dtype=bool)
    for a, b in UNSURE:
        sure[shot(a), shot(b)] = sure[shot(b), shot(a)] = False
    return setup[:, None] == setup[None, :], sure


def edits() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """What is done to a picture that stays the same shot."""
    return {
        "re-encoded, crf 30": lambda pictures: _re_encode(pictures, 1, 30),
        "re-encoded at half the size, crf 30": lambda pictures: _re_encode(pictures, 2, 30),
        "15 % darker": lambda pictures: (pictures * 0.85).astype(np.uint8),
        "25 % brighter": lambda pictures: np.clip(pictures * 1.25, 0, 255).astype(np.uint8),
        "cropped by 5 % on each side": _crop,
    }


def _crop(pictures: np.ndarray) -> np.ndarray:
    height, width = pictures.shape[1:3]
    return np.ascontiguousarray(pictures[:, height // 20 : -(height // 20), width // 20 : -(width // 20)])


def _re_encode(pictures: np.ndarray, shrink: int, crf: int) -> np.ndarray:
    height, width = (side // (2 * shrink) * 2 for side in pictures.shape[1:3])
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": str(crf), "g": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(small, format="rgb24")))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def copies(titles: list[Title], encoder: Encoder) -> Iterator[Curve]:
    """Cosines of a middle frame with what was made of it."""
    for name, edit in edits().items():
        yield Curve(name, np.concatenate([_edited(title, edit, encoder) for title in titles]))
    scores = [title.vectors[shot] @ vector for title in titles for shot, vector in title.neighbours.items()]
    yield Curve("six frames later", np.array(scores))


def _edited(title: Title, edit: Callable[[np.ndarray], np.ndarray], encoder: Encoder) -> np.ndarray:
    lit = title.pictures.mean(axis=(1, 2, 3)) > 4
    scores: np.ndarray = (encoder.encode(squeeze(edit(title.pictures[lit]))) * title.vectors[lit]).sum(axis=1)
    return scores


def conversations(titles: list[Title], same: np.ndarray) -> tuple[Curve, Curve]:
    """Neighbouring long shots A and B cut into A B A B A B A B: stretches of one set-up, and of the two."""
    within = [
        rows[i] @ rows[j]
        for title in titles
        for rows in title.stretches.values()
        for i, j in combinations(range(4), 2)
    ]
    across = [
        a @ b
        for number, title in enumerate(titles)
        for one, other in pairwise(sorted(title.stretches))
        if number > 0 or not same[one, other]
        for a in title.stretches[one]
        for b in title.stretches[other]
    ]
    return Curve("recall, A B A B: stretches of one shot", np.array(within)), Curve(
        "false alarms, A B A B: A with B", np.array(across)
    )


def shot_errors(title: Title, same: np.ndarray, threshold: float) -> tuple[int, int]:
    """Shots of the labelled film kept though an earlier one has their set-up, and dropped though none has."""
    found = duplicate_groups(
        ShotEmbeddings(vectors=title.vectors, middle=title.start), min_cosine=float(threshold)
    ).first_shot
    kept = found == np.arange(len(found))
    repeats = np.tril(same, -1).any(axis=1)
    return int((kept & repeats).sum()), int((~kept & ~repeats).sum())


def precision_recall(
    scores: np.ndarray, same: np.ndarray, threshold: float, sure: np.ndarray
) -> tuple[float, float]:
    """Of the pairs at or above the threshold, how many share a set-up; of those that do, how many are there."""
    upper = np.triu(sure, 1)
    called, true = (scores >= threshold)[upper], same[upper]
    hits = int((called & true).sum())
    return hits / int(called.sum()) if called.any() else float("nan"), hits / int(true.sum())


def draw(path: Path, series: dict[str, list[tuple[float, float]]]) -> None:
    """A line chart of shares (0 to 1) over thresholds, as SVG."""
    left, top, width, height = 60, 20, 560, 320
    low, high = float(THRESHOLDS[0]), float(THRESHOLDS[-1])
    colours = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b", "#7f7f7f")

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * width

    def y(value: float) -> float:
        return top + (1 - value) * height

    size = f'width="{left + width + 20}" height="{top + height + 150}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for tick in np.arange(0, 1.01, 0.2):
        parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y(tick)}" y2="{y(tick)}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y(tick) + 4}" text-anchor="end">{tick:.1f}</text>')
    parts += [
        f'<text x="{x(tick)}" y="{top + height + 18}" text-anchor="middle">{tick:.1f}</text>'
        for tick in np.arange(low, high + 0.001, 0.1)
    ]
    parts.append(
        f'<text x="{left + width / 2}" y="{top + height + 36}" text-anchor="middle">min_cosine</text>'
    )
    chosen = x(float(duplicate_groups.settings[0].default))
    parts.append(
        f'<line x1="{chosen}" x2="{chosen}" y1="{top}" y2="{top + height}" stroke="#888" stroke-dasharray="4"/>'
    )
    for number, ((label, points), colour) in enumerate(zip(series.items(), colours, strict=False)):
        line = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points if b == b)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        row = top + height + 60 + number * 15
        parts.append(
            f'<line x1="{left}" x2="{left + 24}" y1="{row - 4}" y2="{row - 4}" stroke="{colour}" stroke-width="2"/>'
        )
        parts.append(f'<text x="{left + 32}" y="{row}">{label}</text>')
    path.write_text("\n".join([*parts, "</svg>", ""]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("films", nargs="+", type=Path, help="Big Buck Bunny first, then any others")
    parser.add_argument("--out", type=Path, default=Path("docs/adr"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        encoder = open_weights(Weights("efficientnet-lite0"), Encoder, Path(cache))
    titles = [read_title(path, encoder) for path in arguments.films]
    same, sure = same_setup(titles[0])
    rows = exact_rows(titles[0].vectors)
    scores = cosines(rows, rows)
    within, across = conversations(titles, same)
    curves = [*copies(titles, encoder), within, across]
    print(
        f"{np.triu(same, 1).sum()} pairs of a set-up, {np.triu(~same & sure, 1).sum()} pairs of two, in the film"
    )
    print("| min_cosine | precision | recall | F1 | repeats kept | firsts lost | ", end="")
    print(" | ".join(f"{curve.label} ({len(curve.scores)})" for curve in curves), "|")
    print("|---" * (6 + len(curves)) + "|")
    film: dict[str, list[tuple[float, float]]] = {"precision, real set-ups": [], "recall, real set-ups": []}
    for threshold in THRESHOLDS:
        precision, recall = precision_recall(scores, same, threshold, sure)
        kept, lost = shot_errors(titles[0], same, threshold)
        film["precision, real set-ups"].append((threshold, precision))
        film["recall, real set-ups"].append((threshold, recall))
        if not (FINE[0] <= threshold <= FINE[1] or round(threshold * 100) % 5 == 0):
            continue
        shares = " | ".join(f"{curve.share(threshold):.3f}" for curve in curves)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        print(f"| {threshold:.2f} | {precision:.2f} | {recall:.2f} | {f1:.2f} | {kept} | {lost} | {shares} |")
    copied = Curve(
        "recall, copies (edited, or six frames later)", np.concatenate([c.scores for c in curves[:-2]])
    )
    film |= {c.label: [(t, c.share(t)) for t in THRESHOLDS] for c in (copied, within, across)}
    draw(arguments.out / "0010-duplicate-threshold.svg", film)


if __name__ == "__main__":
    main()
