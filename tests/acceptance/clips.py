"""Short films made from nothing by ffmpeg, a program of its own, and what people do to films without changing them."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg

#: Frames a second, and the size, of every film made here.
RATE, SIZE = 24, "320x180"
#: Pictures that move a little and have nothing in common: no two are duplicates to the encoder of `shot_embeddings`.
SCENES = ("testsrc2", "mandelbrot", "smptehdbars", "zoneplate=ku=512:kv=100", "testsrc", "colorspectrum")
#: The five seconds of `five_seconds`: (scene, frames); it cuts at 30, 54, 78 and 96, and the fourth shot repeats the first.
FIVE_SECONDS = ((SCENES[0], 30), (SCENES[1], 24), (SCENES[2], 24), (SCENES[0], 18), (SCENES[3], 24))
_CODECS = ("-c:v", "libx264", "-preset", "veryfast", "-g", "24", "-threads", "1", "-pix_fmt", "yuv420p")


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg.

    Raises:
        AssertionError: It failed; says what it said.
    """
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-loglevel", "error", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def make_film(
    path: Path, scenes: Sequence[tuple[str, int]], *, hue: int = 0, pitch: int = 440, size: str = SIZE
) -> Path:
    """A film of scenes, each of so many frames, with hard cuts between them and a tone beside them.

    Args:
        path: Where it is written; the suffix says the container.
        scenes: (source, frames) in order.
        hue: Degrees by which every colour is turned.
        pitch: Of the tone, in hertz; 0 for no sound.
        size: As WIDTHxHEIGHT.
    """
    inputs: list[str] = []
    for source, frames in scenes:
        separator = ":" if "=" in source else "="
        inputs += [
            "-f",
            "lavfi",
            "-t",
            str(frames / RATE),
            "-i",
            f"{source}{separator}size={size}:rate={RATE}",
        ]
    joined = "".join(f"[{number}:v]" for number in range(len(scenes)))
    count = len(scenes)
    graph = f"{joined}concat=n={count},hue=h={hue},format=yuv420p[v]"
    total = sum(frames for _, frames in scenes)
    sound = ["-f", "lavfi", "-t", str(total / RATE), "-i", f"sine=frequency={pitch}"] if pitch else []
    mapped = ["-map", "[v]", *(["-map", f"{count}:a", "-c:a", "aac"] if pitch else [])]
    ffmpeg(*inputs, *sound, "-filter_complex", graph, *mapped, "-frames:v", str(total), *_CODECS, path)
    return path


def five_seconds(path: Path) -> Path:
    """The film that most tests here use: 120 frames, four cuts, one repeated shot, sound."""
    return make_film(path, FIVE_SECONDS)


def short_film(path: Path, number: int) -> Path:
    """Two seconds with one cut; another number is another film."""
    first, second = SCENES[number % len(SCENES)], SCENES[(number + 1) % len(SCENES)]
    return make_film(path, ((first, 24), (second, 24)), hue=15 * number, pitch=300 + 20 * number)


def remux(source: Path, target: Path, *arguments: str | Path, before: Sequence[str] = ()) -> Path:
    """The same packets in another file; `before` stands before the input, `arguments` behind it."""
    ffmpeg(*before, "-i", source, *arguments, "-c", "copy", target)
    return target
