"""What does the whole main job cost on a film that nobody has seen?

Beside it, in the same run: ffmpeg decoding the film to nowhere, and the same result by a straight script without a store.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from amber.weights import Weights, find_weights
from benchmarks.measure import Answer, Row, Runs, Wanted, spend
from benchmarks.subject import AMBER, JOB, ROOT, arguments, progress, the_film

_OURS, _DECODED, _SCRIPT = (
    "amber get match_pairs, fresh home",
    "ffmpeg, decoding to nowhere",
    "straight script",
)


def measure(film: Path, rounds: int, keep: Path | None = None) -> Answer:
    """The cold job of a film beside its peers.

    Args:
        film: A file.
        rounds: How often each is run, in turns.
        keep: Where the last home is left, if anywhere.
    """
    runs = Runs()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="amber-bench-") as folder:
        weights = find_weights(Weights("efficientnet-lite0"), Path(folder))
        film.read_bytes()  # so that the first of the peers does not pay for the disk
        for number in range(rounds):
            progress("cold_job", f"round {number + 1} of {rounds}")
            home = Path(folder) / f"home-{number}"
            ours = spend([AMBER, *JOB, film, "--json"], {"AMBER_HOME": str(home)})
            runs.note_spent(_OURS, ours)
            decode = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-i", film]
            runs.note_spent(_DECODED, spend([*decode, "-map", "0:v:0", "-f", "null", "-"]))
            script = [sys.executable, "-m", "benchmarks.straight_script", film, weights]
            theirs = spend(script, {"PYTHONPATH": str(ROOT)})
            runs.note_spent(_SCRIPT, theirs)
            found = {"ours": json.loads(ours.out), "theirs": json.loads(theirs.out)}
        counting = [sys.executable, "-m", "benchmarks.count_passes", film, Path(folder) / "counted"]
        passes = json.loads(spend(counting, {"PYTHONPATH": str(ROOT)}).out)
        if keep is not None:
            shutil.copytree(Path(folder) / f"home-{rounds - 1}", keep, dirs_exist_ok=True)
    ratios = [(kind, runs.ratio(f"{_OURS}, {kind}", f"{_SCRIPT}, {kind}")) for kind in ("wall", "CPU")]
    steps = found["ours"]["computed"]
    return Answer(
        name="cold_job",
        question=(__doc__ or "").strip(),
        command="python -m benchmarks.cold_job",
        rows=(*runs.rows(), *_ratio_rows(runs)),
        wanted=tuple(Wanted(f"{kind} beside the straight script", "×", 1.0, ratio) for kind, ratio in ratios),
        notes=(
            f"{film.name}, {os.path.getsize(film) / 1e6:.1f} MB; our last run by step: "
            + ", ".join(f"{step['algorithm']} {step['seconds']:.2f} s" for step in steps),
            _told_passes(passes),
            (
                f"We found {len(found['ours']['rows'])} pairs; "
                f"the script {found['theirs']['shots']} shots and {found['theirs']['pairs']} pairs."
            ),
        ),
    )


def _told_passes(counted: dict[str, int]) -> str:
    decoded, frames = counted["source_packets_decoded"], counted["frames"]
    verdict = "one pass" if decoded == frames else f"{decoded / frames:.2f} passes"
    return (
        f"Opens of the film: {counted['opens_to_name']} to name it (to sniff it, to read its streams, to digest the "
        f"file), {counted['opens_to_compute']} after that; of its {frames:,} frames {decoded:,} are decoded from it: "
        f"{verdict}."
    )


def _ratio_rows(runs: Runs) -> list[Row]:
    by_name = {row.what: row.figures for row in runs.rows()}
    return [
        Row(f"ours ÷ {beside}, {kind}", "×", tuple(a / b for a, b in zip(*both, strict=True)))
        for beside in (_DECODED, _SCRIPT)
        for kind in ("wall", "CPU")
        for both in [(by_name[f"{_OURS}, {kind}"], by_name[f"{beside}, {kind}"])]
    ]


if __name__ == "__main__":
    given = arguments(__doc__ or "").parse_args()
    print(measure(the_film(given.film), given.rounds, given.home).markdown())
