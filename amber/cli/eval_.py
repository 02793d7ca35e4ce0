"""`amber eval`: scores against truth, and against published figures."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit, put, say

if TYPE_CHECKING:
    from amber.evaluation.ranking import Interval
    from amber.evaluation.reranker import Reranked, Scored

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)

TruthArgument = Annotated[Path, typer.Argument(metavar="TRUTH", help="What is true.")]
FoundArgument = Annotated[Path, typer.Argument(metavar="FOUND", help="What was found.")]
FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The released tables of the match-cutting paper.")
]


@app.callback(rich_help_panel="Match cuts")
def evaluate() -> None:
    """Score what was found against what is true.

    Each of them takes `--json`.

    Example: `amber eval boundaries truth.txt found.txt --tolerance 2`
    """
    # Many small matrices: more threads than one wait for each other most of the time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@app.command()
def boundaries(
    truth: TruthArgument,
    found: FoundArgument,
    tolerance: Annotated[
        int, typer.Option("--tolerance", metavar="FRAMES", help="How far off a boundary may be found.")
    ],
    json: JsonOption = False,
) -> None:
    """Precision, recall and F1 of shot boundaries: files with a frame index a line.

    Each of them takes `--json`.

    Example: `amber eval boundaries truth.txt found.txt --tolerance 2`
    """
    from amber.evaluation.files import read_boundaries
    from amber.evaluation.geometry import boundary_scores

    scores = boundary_scores(read_boundaries(truth), read_boundaries(found), tolerance=tolerance)
    _answer(
        {
            "f1": scores.f1,
            "precision": scores.precision,
            "recall": scores.recall,
            "matched": scores.matched,
            "missed": scores.missed,
            "spurious": scores.spurious,
            "tolerance_frames": tolerance,
        },
        as_json=json,
    )


@app.command()
def ranking(
    table: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file with a header.")],
    label: Annotated[str, typer.Option("--label", metavar="COLUMN", help="1, 0, true or false.")] = "label",
    score: Annotated[str, typer.Option("--score", metavar="COLUMN", help="Higher is better.")] = "score",
    at: Annotated[
        list[int] | None,
        typer.Option("--at", metavar="K", help="Precision among the K best; may be repeated."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Average precision, and precision among the best, of scored items.

    Example: `amber eval ranking pairs.csv --label is_match --score score --at 10 --at 50`
    """
    from amber.evaluation.files import read_ranking
    from amber.evaluation.ranking import average_precision, precision_at

    labels, scores = read_ranking(table, label, score)
    document: dict[str, Any] = {
        "items": len(labels),
        "positives": int(labels.sum()),
        "average_precision": average_precision(labels, scores),
    }
    _answer(
        document | {f"precision_at_{k}": precision_at(labels, scores, k) for k in at or (10,)}, as_json=json
    )


@app.command()
def masks(truth: TruthArgument, found: FoundArgument, json: JsonOption = False) -> None:
    """Intersection over union of two masks: grey or indexed pictures, in which 0 is background.

    Example: `amber eval masks truth.png found.png`
    """
    from amber.evaluation.files import read_mask
    from amber.evaluation.geometry import mask_iou

    _answer({"iou": mask_iou(read_mask(truth), read_mask(found))}, as_json=json)


@app.command()
def flow(truth: TruthArgument, found: FoundArgument, json: JsonOption = False) -> None:
    """Mean end-point error of optical flow in pixels: `.flo` files, or `.npy` of shape (height, width, 2).

    Example: `amber eval flow truth.flo found.npy`
    """
    from amber.evaluation.files import read_flow
    from amber.evaluation.geometry import endpoint_error

    _answer({"endpoint_error_pixels": endpoint_error(read_flow(truth), read_flow(found))}, as_json=json)


@app.command()
def heuristics(folder: FolderArgument, json: JsonOption = False) -> None:
    """The five heuristic rows of the match-cutting paper, scored again beside the published figures.

    FOLDER holds the tables as they were released; each row is over the test pairs that its heuristic scored.

    Example: `amber eval heuristics matchcut`
    """
    from amber.evaluation.released import heuristic_rows

    rows = [
        {
            "name": row.name,
            "kind": row.kind,
            "pairs": row.pairs,
            "positives": row.positives,
            "average_precision": row.average_precision,
            "interval": [row.interval.low, row.interval.high],
            "published": row.published,
        }
        for row in heuristic_rows(folder)
    ]
    if json:
        emit(rows)
        return
    from amber.cli.tables import print_table

    header = ["heuristic", "kind", "pairs", "positives", "average precision", "95 % interval", "published"]
    print_table(
        header,
        [
            [
                row["name"],
                row["kind"],
                row["pairs"],
                row["positives"],
                f"{row['average_precision']:.3f}",
                "{:.3f} to {:.3f}".format(*row["interval"]),  # type: ignore[misc]
                f"{row['published']:.3f}",
            ]
            for row in rows
        ],
    )
    say("intervals: titles drawn anew 2,000 times")


@app.command()
def reranker(folder: FolderArgument, json: JsonOption = False) -> None:
    """Fit a re-ranker on the released signals, and score it once on the test titles, beside timing alone.

    What it sees are scores, ranks, durations and the time between; every choice is made on train and validation.

    Example: `amber eval reranker matchcut`
    """
    from amber.evaluation.released import KINDS
    from amber.evaluation.reranker import rerank

    found = [rerank(folder, kind) for kind in KINDS]
    if json:
        emit([_reranked_document(one) for one in found])
        return
    from amber.cli.tables import print_table

    header = [
        "kind",
        "model",
        "chosen on train and validation",
        "there",
        "test",
        "95 % interval",
        "published",
    ]
    rows = []
    for one in found:
        for name, scored, published in (
            ("re-ranker", one.model, one.published),
            ("timing alone", one.timing, one.timing_published),
        ):
            rows.append(
                [
                    one.kind,
                    name,
                    str(scored.choice),
                    f"{scored.cross_validated:.3f}",
                    f"{scored.average_precision:.3f}",
                    _told(scored.interval),
                    f"{published:.3f}",
                ]
            )
    print_table(header, rows)
    for one in found:
        put(
            f"{one.kind}: better than timing alone by {_told(one.difference)}; "
            f"{one.below_published:.0%} of the draws are below the published {one.published:.3f}"
        )
    say("intervals: titles drawn anew 2,000 times, the same ones for both models")


def _told(interval: "Interval") -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"


def _reranked_document(one: "Reranked") -> dict[str, Any]:
    return {
        "kind": one.kind,
        "pairs": one.pairs,
        "positives": one.positives,
        "model": _scored_document(one.model),
        "timing": _scored_document(one.timing),
        "difference": [one.difference.low, one.difference.high],
        "published": one.published,
        "below_published": one.below_published,
    }


def _scored_document(scored: "Scored") -> dict[str, Any]:
    return {
        "choice": str(scored.choice),
        "cross_validated": scored.cross_validated,
        "average_precision": scored.average_precision,
        "interval": [scored.interval.low, scored.interval.high],
    }


def _answer(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(document)
        return
    from amber.cli.tables import print_record

    print_record(document.items())
