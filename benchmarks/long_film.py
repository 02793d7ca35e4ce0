"""How much memory does standardizing take, of a film and of the same film for two hours?

Two small copies, so that it does not take hours: one conforms and is remuxed, the other is HEVC and is encoded.
The figure is the most that the process held (its resident set), which names the film and standardizes it; each does it in one of its own.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import imageio_ffmpeg

from benchmarks.measure import Answer, Row, spend
from benchmarks.subject import ROOT, arguments, progress, the_film

_PROGRAM = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
_LONG_SECONDS = 7200
_SMALL = ["-vf", "scale=320:180", "-pix_fmt", "yuv420p", "-g", "48", "-preset", "ultrafast", "-c:a", "copy"]
_CODECS = {
    "remuxed": ["-c:v", "libx264"],
    "encoded": ["-c:v", "libx265", "-x265-params", "log-level=none"],
}
_STANDARDIZE = """
import json, resource, sys
from pathlib import Path
from jasper.identity import identify
from jasper.standard_form import standardize
path = Path(sys.argv[1])
made = standardize(path, Path(sys.argv[2]), asset=identify(path).asset)
print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, made.frame_count]))
"""


def measure(film: Path) -> Answer:
    """The memory of standardizing a film once and looped to two hours, remuxed and encoded."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="amber-bench-") as temporary:
        folder = Path(temporary)
        for kind, codec in _CODECS.items():
            source = folder / f"{kind}.mp4"
            subprocess.run([*_PROGRAM, "-i", film, *_SMALL, *codec, source], check=True)
            looped = folder / f"{kind}.mkv"
            loop = [
                "-stream_loop",
                "-1",
                "-i",
                source,
                "-t",
                str(_LONG_SECONDS),
                "-map",
                "0:v",
                "-map",
                "0:a",
            ]
            subprocess.run([*_PROGRAM, *loop, "-c", "copy", looped], check=True)
            for name, path in (("once", source), ("two hours", looped)):
                progress("long_film", f"{kind}, {name}")
                out = folder / f"{kind}-{name}"
                out.mkdir()
                command = [sys.executable, "-c", _STANDARDIZE, path, out]
                memory, frames = json.loads(spend(command, {"PYTHONPATH": str(ROOT)}).out)
                rows.append(Row(f"{kind}, {name}: {frames:,} frames", "MB", (memory,)))
            rows.append(Row(f"{kind}: two hours ÷ once", "×", (rows[-1].median / rows[-2].median,)))
    return Answer("long_film", (__doc__ or "").strip(), "python -m benchmarks.long_film", tuple(rows))


if __name__ == "__main__":
    given = arguments(__doc__ or "").parse_args()
    print(measure(the_film(given.film)).markdown())
