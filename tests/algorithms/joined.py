"""Films joined from stretches of a real one, so that it is known where one shot becomes the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.jasper.making import ffmpeg

Kind = Literal["cut", "dissolve", "fade"]
RATE = 24


@dataclass(frozen=True)
class Join:
    """A transition into the next stretch."""

    kind: Kind
    #: How many frames show both stretches, or fade to black and out of it; 0 for a cut.
    frames: int = 0


@dataclass(frozen=True)
class Stretch:
    """Frames of the source film, half-open."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Known:
    """A transition of the joined film: for a cut, both are the first frame of the new shot."""

    kind: Kind
    start: int
    end: int


def join(film: Path, stretches: Sequence[Stretch], joins: Sequence[Join], out: Path) -> list[Known]:
    """Write the joined film to `out`; gives where its transitions are.

    Args:
        film: A film of 24 frames a second.
        stretches: In order; each longer than the transitions at its ends together.
        joins: One fewer than stretches.
        out: The film, 320 x 180.
    """
    inputs: list[object] = []
    graph = []
    for number, stretch in enumerate(stretches):
        inputs += ["-ss", f"{(stretch.start - 0.5) / RATE:.4f}", "-i", film]
        after = joins[number].frames // 2 if number < len(joins) and joins[number].kind == "fade" else 0
        before = joins[number - 1].frames // 2 if number and joins[number - 1].kind == "fade" else 0
        dark = f",fade=in:0:{before}" if before else ""
        dark += f",fade=out:{len(stretch) - after}:{after}" if after else ""
        graph.append(
            f"[{number}:v]trim=end_frame={len(stretch)},setpts=N/{RATE}/TB,scale=320:180,fps={RATE}{dark},"
            f"settb=1/{RATE},format=yuv420p[s{number}]"
        )
    known: list[Known] = []
    last, length = "s0", len(stretches[0])
    for number, (how, stretch) in enumerate(zip(joins, stretches[1:], strict=True), start=1):
        if how.kind == "dissolve":
            start = length - how.frames
            times = f"duration={how.frames / RATE:.6f}:offset={start / RATE:.6f}"
            graph.append(f"[{last}][s{number}]xfade=transition=fade:{times},settb=1/{RATE}[j{number}]")
            known.append(Known(how.kind, start, length))
        else:
            start, half = length, how.frames // 2
            graph.append(f"[{last}][s{number}]concat=n=2,settb=1/{RATE}[j{number}]")
            known.append(Known(how.kind, start - half, start + half))
        last, length = f"j{number}", start + len(stretch)
    coding = ("-c:v", "libx264", "-preset", "veryfast", "-crf", 20, "-threads", 1)
    ffmpeg(
        *inputs,
        "-filter_complex",
        ";".join(graph),
        "-map",
        f"[{last}]",
        "-frames:v",
        length,
        *coding,
        "-an",
        out,
    )
    return known
