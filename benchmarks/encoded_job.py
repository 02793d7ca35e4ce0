"""What does the whole main job cost on a film that does not conform and is encoded?

Beside it, in the same run: ffmpeg alone making the same encode (its size, preset, CRF, key frames, and sound) of a 1080p HEVC copy.
"""

import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg

from benchmarks.measure import Answer, Row, Runs, Wanted, spend
from benchmarks.subject import AMBER, JOB, arguments, progress, the_film
from jasper.profile import HOUSE_1

_OURS, _FFMPEG = "amber get match_pairs, fresh home", "ffmpeg, the standard encode alone"
_PROGRAM = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
_SECONDS = 120


def measure(film: Path, rounds: int) -> Answer:
    """The cold job on a 1080p HEVC copy of a film's first seconds, beside the encode alone.

    Args:
        film: A file.
        rounds: How often each is run, in turns.
    """
    runs = Runs()
    with tempfile.TemporaryDirectory(prefix="amber-bench-") as folder:
        copy = Path(folder) / "hevc.mp4"
        progress("encoded_job", "making the 1080p HEVC copy")
        coding = ["-vf", "scale=1920:1080", "-c:v", "libx265", "-preset", "superfast", "-crf", "24"]
        quiet = ["-x265-params", "log-level=none", "-c:a", "copy"]
        subprocess.run([*_PROGRAM, "-t", str(_SECONDS), "-i", film, *coding, *quiet, copy], check=True)
        for number in range(rounds):
            progress("encoded_job", f"round {number + 1} of {rounds}")
            home = {"AMBER_HOME": str(Path(folder) / f"home-{number}")}
            runs.note_spent(_OURS, spend([AMBER, *JOB, copy, "--json"], home))
            runs.note_spent(_FFMPEG, spend([*_PROGRAM, "-i", copy, *_encode(), Path(folder) / "encode.mp4"]))
        size = copy.stat().st_size
    kinds = ("wall", "CPU")
    by_name = {row.what: row.figures for row in runs.rows()}
    ratios = {
        kind: tuple(
            a / b for a, b in zip(by_name[f"{_OURS}, {kind}"], by_name[f"{_FFMPEG}, {kind}"], strict=True)
        )
        for kind in kinds
    }
    wall = runs.ratio(f"{_OURS}, wall", f"{_FFMPEG}, wall")
    return Answer(
        name="encoded_job",
        question=(__doc__ or "").strip(),
        command="python -m benchmarks.encoded_job",
        rows=(*runs.rows(), *(Row(f"ours ÷ ffmpeg, {kind}", "×", found) for kind, found in ratios.items())),
        wanted=(Wanted("wall beside the encode alone", "×", 1.25, wall),),
        notes=(f"{film.name}, its first {_SECONDS} s as 1080p HEVC, {size / 1e6:.1f} MB.",),
    )


def _encode() -> list[str]:
    """The options that make ffmpeg write what the house profile asks for."""
    keys = f"expr:gte(t,n_forced*{float(HOUSE_1.key_seconds)})"
    return [
        "-vf", f"scale={HOUSE_1.max_width}:{HOUSE_1.max_height}", "-c:v", "libx264", "-pix_fmt", "yuv420p",
        "-preset", HOUSE_1.encode_preset, "-crf", str(HOUSE_1.encode_crf), "-force_key_frames", keys,
        "-c:a", "aac", "-b:a", str(HOUSE_1.audio_bit_rate), "-ar", str(HOUSE_1.audio_rate),
    ]  # fmt: skip


if __name__ == "__main__":
    given = arguments(__doc__ or "").parse_args()
    print(measure(the_film(given.film), given.rounds).markdown())
