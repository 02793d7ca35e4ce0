"""What does naming a file cost?

Beside it, in the same run: what must be done at least, reading the file for its own digest (`sha256sum`) and taking its packets out of the container (ffmpeg, `-c copy -f null`).
Ours is told twice: in a process that runs, as a service, a watched folder or one command over many files have it, and in a process of its own, which pays for the start of Python and its imports too.
The other two are processes of their own, which start in a few milliseconds.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import imageio_ffmpeg

from benchmarks.measure import Answer, Row, Runs, Wanted, spend
from benchmarks.subject import ROOT, arguments, progress, the_film

_FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
_NAME = """
import sys, time
from pathlib import Path
from jasper.identity import identify
began = time.perf_counter()
identify(Path(sys.argv[1]))
print(time.perf_counter() - began)
"""
_OURS, _WHOLE = "ours", "ours, and Python's start"
_COPIES = ("mkv", "ts")
_LARGE_SECONDS = 120


def measure(film: Path, rounds: int) -> Answer:
    """The cost of naming a film, copies of it in other containers, and a part of it as 1080p.

    Args:
        film: A file.
        rounds: How often each is named, in turns with its peers.
    """
    runs = Runs()
    with tempfile.TemporaryDirectory(prefix="amber-bench-") as folder:
        files = {film.suffix[1:]: film, **_variants(film, Path(folder))}
        for number in range(rounds):
            progress("naming", f"round {number + 1} of {rounds}")
            for kind, path in files.items():
                _measure(runs, kind, path)
        sizes = ", ".join(f"{kind} {path.stat().st_size / 1e6:.1f} MB" for kind, path in files.items())
    figures = {row.what: row.figures for row in runs.rows()}
    ratios = {(kind, ours): _ratio(figures, kind, ours) for ours in (_OURS, _WHOLE) for kind in files}
    return Answer(
        name="naming",
        question=(__doc__ or "").strip(),
        command="python -m benchmarks.naming",
        rows=(*runs.rows(), *ratios.values()),
        wanted=tuple(Wanted(row.what, "×", 1.5, row.median) for row in ratios.values()),
        notes=(f"{film.name}: {sizes}; the 1080p file is the first {_LARGE_SECONDS} s, x264 at CRF 18.",),
    )


def _ratio(figures: dict[str, tuple[float, ...]], kind: str, ours: str) -> Row:
    """Naming a file beside what must be done at least, run by run."""
    turns = zip(
        figures[f"{kind}: {ours}"],
        figures[f"{kind}: sha256sum"],
        figures[f"{kind}: demux by ffmpeg"],
        strict=True,
    )
    found = tuple(named / (digest + demux) for named, digest, demux in turns)
    return Row(f"{kind}: {ours} ÷ (sha256sum + demux)", "×", found)


def _measure(runs: Runs, kind: str, path: Path) -> None:
    ours = spend([sys.executable, "-c", _NAME, path], {"PYTHONPATH": str(ROOT)})
    demux = spend([*_FFMPEG, "-i", path, "-map", "0:v", "-map", "0:a?", "-c", "copy", "-f", "null", "-"])
    runs.note(f"{kind}: {_OURS}", "s", float(ours.out))
    runs.note(f"{kind}: {_WHOLE}", "s", ours.wall_seconds)
    runs.note(f"{kind}: sha256sum", "s", spend(["sha256sum", path]).wall_seconds)
    runs.note(f"{kind}: demux by ffmpeg", "s", demux.wall_seconds)


def _variants(film: Path, folder: Path) -> dict[str, Path]:
    """The film in other containers, and a part of it as 1080p."""
    made = {kind: folder / f"film.{kind}" for kind in _COPIES}
    for path in made.values():
        subprocess.run([*_FFMPEG, "-i", film, "-map", "0:v", "-map", "0:a?", "-c", "copy", path], check=True)
    large = folder / "1080p.mp4"
    coding = ["-vf", "scale=-2:1080", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-c:a", "copy"]
    subprocess.run([*_FFMPEG, "-t", str(_LARGE_SECONDS), "-i", film, *coding, large], check=True)
    return {**made, "1080p": large}


if __name__ == "__main__":
    given = arguments(__doc__ or "").parse_args()
    print(measure(the_film(given.film), given.rounds).markdown())
