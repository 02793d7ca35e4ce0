"""Originals as cutting rooms have them: with a frame counter in the picture, sound, and a start time code."""

import subprocess
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SIZE = (160, 120)


def original(path: Path, rate: Fraction, *, frames: int = 48, timecode: str = "", tone: int = 440) -> Path:
    """A film whose every frame looks unlike its neighbours: stripes that jump, and a bar for the number."""
    seconds = float(frames / rate)
    picture = (
        f"testsrc2=size={SIZE[0]}x{SIZE[1]}:rate={rate}:duration={seconds + 1},trim=end_frame={frames},"
        f"drawbox=x='mod(t*3700\\,140)':y=0:w=20:h=120:color=white:t=fill,scale=out_color_matrix=bt709:out_range=tv"
    )
    command = [FFMPEG, "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", picture]
    if tone:
        command += ["-f", "lavfi", "-i", f"sine=frequency={tone}:duration={seconds}", "-c:a", "aac"]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-g", "12", "-threads", "1"]
    command += ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    command += ["-pix_fmt", "yuv420p", *(["-timecode", timecode] if timecode else []), str(path)]
    subprocess.run(command, check=True)
    return path


def frames_of(path: Path, *, start_seconds: float = 0.0, count: int | None = None) -> np.ndarray:
    """Decoded frames as numbers, shape (n, height, width, 3), cut by ffmpeg as an editing room would."""
    command = [
        FFMPEG,
        "-nostdin",
        "-v",
        "error",
        "-ss",
        f"{start_seconds:.9f}",
        "-i",
        str(path),
        "-map",
        "0:v:0",
    ]
    command += ["-fps_mode", "passthrough", *(["-frames:v", str(count)] if count is not None else [])]
    command += ["-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(data, np.uint8).reshape(-1, SIZE[1], SIZE[0], 3).astype(np.int16)
