"""Clips that tests make for themselves, with an ffmpeg that is not the library under test."""

import hashlib
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()

#: Three scenes of one second each, different in colour and movement.
SCENES = (
    "testsrc2=size={size}:rate={rate}:duration=1[a];mandelbrot=size={size}:rate={rate}:start_scale=1,trim=duration=1[b];"
    "smptebars=size={size}:rate={rate}:duration=1[c];[a][b][c]concat=n=3,format={format}[v]"
)


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg; what it says is shown where it fails."""
    command = [FFMPEG, "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def make_film(
    path: Path,
    *,
    codec: str = "libx264",
    size: str = "320x180",
    rate: str = "24",
    pixel_format: str = "yuv420p",
    video: tuple[object, ...] = ("-preset", "veryfast", "-g", 48, "-bf", 2, "-threads", 1),
    audio: tuple[object, ...] | None = ("-c:a", "aac", "-b:a", "96k"),
    output: tuple[object, ...] = (),
) -> Path:
    """A film of three scenes, with a rising tone unless `audio` is None."""
    scenes = SCENES.format(size=size, rate=rate, format=pixel_format)
    sound: tuple[object, ...] = ("-f", "lavfi", "-i", "aevalsrc=sin(600*t*t)|sin(400*t):s=48000:d=3")
    inputs = sound if audio is not None else ()
    maps = ("-map", "[v]", *(("-map", "0:a") if audio is not None else ()))
    ffmpeg(*inputs, "-filter_complex", scenes, *maps, "-c:v", codec, *video, *(audio or ()), *output, path)
    return path


def remux(source: Path, out: Path, *arguments: object, before: tuple[object, ...] = ()) -> Path:
    """The same packets in another file."""
    ffmpeg(*before, "-i", source, "-map", "0:v?", "-map", "0:a?", "-c", "copy", *arguments, out)
    return out


def frame_digests(path: Path, *arguments: object) -> list[str]:
    """The MD5 of each decoded frame of the first video stream, by ffmpeg, none dropped and none doubled."""
    command = [
        FFMPEG, "-nostdin", "-v", "error", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", *arguments,
        "-f", "framemd5", "-",
    ]  # fmt: skip
    text = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout
    return [line.split(",")[-1].strip() for line in text.splitlines() if not line.startswith("#")]


def raw_frames(path: Path, size: tuple[int, int], *arguments: object) -> list[bytes]:
    """The decoded frames of a video as RGB bytes, by ffmpeg."""
    command = [
        FFMPEG, "-nostdin", "-v", "error", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", *arguments,
        "-pix_fmt", "rgb24", "-f", "rawvideo", "-",
    ]  # fmt: skip
    data = subprocess.run(list(map(str, command)), capture_output=True, check=True).stdout
    step = size[0] * size[1] * 3
    return [data[at : at + step] for at in range(0, len(data), step)]


def sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def samples(path: Path) -> np.ndarray:
    """The sound of a file as a player hears it, mono, 48 kHz, by ffmpeg."""
    command = [FFMPEG, "-v", "error", "-i", path, "-vn", "-ac", "1", "-ar", "48000", "-f", "f32le", "-"]
    return np.frombuffer(
        subprocess.run(list(map(str, command)), capture_output=True, check=True).stdout, np.float32
    )


def sound_delay(sound: np.ndarray, reference: np.ndarray) -> int:
    """How many samples later the sound is than the reference, up to 1,200 either way; both last a second or more."""
    alike = np.correlate(sound[8400:34800].astype(float), reference[9600:33600].astype(float), "valid")
    return 1200 - int(alike.argmax())
