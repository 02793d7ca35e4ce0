"""Whatever a source is like, its standard form shows the same pictures, each once, as a player would show them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from jasper.frames import FrameTimes
from jasper.identity import identify
from jasper.standard_form import Standardized, standardize
from jasper.video import Video
from tests.jasper.making import ffmpeg, raw_frames, remux

#: Flat fields, in which a wrong matrix or range shows, in RGB.
FIELDS = ((235, 235, 235), (200, 40, 30), (30, 180, 60), (40, 60, 200), (128, 128, 128), (20, 20, 20))


def pictures(width: int = 160, height: int = 90, count: int = 24) -> np.ndarray:
    """Six flat fields beside each other, and below a white mark whose place says which frame it is; RGB."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    for number, colour in enumerate(FIELDS):
        frames[:, :, number * width // len(FIELDS) : (number + 1) * width // len(FIELDS)] = colour
    mark = np.arange(width) * count // width
    for index, frame in enumerate(frames):
        frame[height * 2 // 3 :] = 64
        frame[height * 2 // 3 :, mark == index] = 255
    return frames


def make(
    path: Path,
    *arguments: object,
    frames: np.ndarray | None = None,
    rate: str = "24",
    pixel_format: str = "rgb24",
) -> Path:
    """A film of these frames, which by default are `pictures()`."""
    frames = pictures() if frames is None else frames
    raw = path.with_suffix(".raw")
    raw.write_bytes(frames.tobytes())
    ffmpeg(
        "-f", "rawvideo", "-pix_fmt", pixel_format, "-s", f"{frames.shape[2]}x{frames.shape[1]}", "-r", rate, "-i", raw,
        *arguments, path,
    )  # fmt: skip
    return path


def made(path: Path, into: Path) -> Standardized:
    return standardize(path, into, asset=identify(path).asset)


def frames_of(path: Path, result: Standardized, size: tuple[int, int]) -> np.ndarray:
    """All frames of an encode or proxy, as our own readers get them, at a size."""
    with Video.open(path, result.frame_times) as video:
        found = video.frames_between(width=size[0], height=size[1])
        return np.stack([frame.data for frame in found]).astype(int)


def assert_shows(result: Standardized, expected: np.ndarray, *, within: int = 9) -> None:
    """Each frame of the encode and of the proxy has the colours of the expected one, and the mark at its place."""
    count, height, width, _ = expected.shape
    assert result.frame_count == count
    middles = [(2 * number + 1) * width // (2 * len(FIELDS)) for number in range(len(FIELDS))]
    for path in (result.encode, result.proxy):
        found = frames_of(path, result, (width, height))
        assert len(found) == count, path.name
        apart = np.abs(found[:, height // 4, middles] - expected[:, height // 4, middles]).max(axis=0)
        assert apart.max() <= within, f"{path.name}: {apart.tolist()}"
        mark = found[:, height * 5 // 6].sum(axis=-1).argmax(axis=-1) * count // width
        assert mark.tolist() == list(range(count)), path.name


def assert_times_round_trip(result: Standardized) -> None:
    times = FrameTimes.load(result.frame_times)
    assert times.time(0) == 0
    assert [times.index_at(times.seconds_at(index)) for index in range(len(times))] == list(range(len(times)))


BT709 = ("-vf", "scale=out_range=tv:out_color_matrix=bt709", "-colorspace", "bt709", "-color_range", "tv")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-threads", 1)

PALETTE = "palettegen=reserve_transparent=0"

#: name → (suffix, ffmpeg's arguments, how ffmpeg is told to show it)
LAYOUTS: dict[str, tuple[str, tuple[object, ...]]] = {
    "4:2:2": ("mp4", (*X264, *BT709, "-pix_fmt", "yuv422p")),
    "4:4:4": ("mp4", (*X264, *BT709, "-pix_fmt", "yuv444p")),
    "10-bit": ("mp4", (*X264, *BT709, "-pix_fmt", "yuv420p10le")),
    "10-bit 4:2:2": ("mov", ("-c:v", "prores_ks", *BT709, "-pix_fmt", "yuv422p10le")),
    "full range": ("mp4", (*X264, "-vf", "scale=out_range=pc:out_color_matrix=bt709", "-pix_fmt", "yuvj420p", "-colorspace", "bt709", "-color_range", "pc")),
    "BT.601": ("mp4", (*X264, "-vf", "scale=out_range=tv:out_color_matrix=smpte170m", "-pix_fmt", "yuv420p", "-colorspace", "smpte170m", "-color_range", "tv")),
    "BT.601 not H.264": ("mkv", ("-c:v", "mpeg2video", "-q:v", 2, "-vf", "scale=out_range=tv:out_color_matrix=smpte170m", "-pix_fmt", "yuv420p", "-colorspace", "smpte170m")),
    "BT.709": ("mp4", (*X264, *BT709, "-pix_fmt", "yuv420p")),
    "not told": ("mp4", (*X264, "-vf", "scale=out_range=tv:out_color_matrix=bt709,setparams=colorspace=unknown", "-pix_fmt", "yuv420p")),
    "palette": ("avi", ("-c:v", "rawvideo", "-vf", f"split[a][b];[a]{PALETTE}[p];[b][p]paletteuse=dither=none", "-pix_fmt", "pal8")),
    "RGB": ("mp4", ("-c:v", "libx264rgb", "-preset", "ultrafast", "-pix_fmt", "rgb24")),
    "RGB, FFV1": ("mkv", ("-c:v", "ffv1", "-pix_fmt", "bgr0")),
    "QuickTime animation": ("mov", ("-c:v", "qtrle", "-pix_fmt", "rgb24")),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_colours_are_those_of_the_source(tmp_path: Path, name: str) -> None:
    suffix, arguments = LAYOUTS[name]
    assert_shows(made(make(tmp_path / f"film.{suffix}", *arguments), tmp_path / "out"), pictures())


GREYS = {
    "H.264": ("mp4", (*X264, "-vf", "scale=out_range=tv:out_color_matrix=bt709", "-pix_fmt", "gray")),
    "FFV1": ("mkv", ("-c:v", "ffv1", "-vf", "scale=out_range=pc:out_color_matrix=bt709", "-pix_fmt", "gray", "-color_range", "pc")),
    "10-bit": ("mkv", ("-c:v", "ffv1", "-vf", "scale=out_range=tv:out_color_matrix=bt709", "-pix_fmt", "gray10le", "-color_range", "tv")),
}  # fmt: skip


def grey(frames: np.ndarray) -> np.ndarray:
    """The frames without colour, by BT.709."""
    luma = np.round(frames @ np.array([0.2126, 0.7152, 0.0722])).astype(np.uint8)
    return np.repeat(luma[..., None], 3, axis=-1)


@pytest.mark.parametrize("name", GREYS)
def test_a_film_without_colour_stays_grey(tmp_path: Path, name: str) -> None:
    suffix, arguments = GREYS[name]
    film = make(tmp_path / f"film.{suffix}", *arguments, frames=grey(pictures()))
    assert_shows(made(film, tmp_path / "out"), grey(pictures()))


ALPHAS = {
    "ProRes 4444": ("mov", ("-c:v", "prores_ks", "-profile:v", 4, *BT709, "-pix_fmt", "yuva444p10le")),
    "QuickTime animation": ("mov", ("-c:v", "qtrle", "-pix_fmt", "argb")),
    "FFV1": ("mkv", ("-c:v", "ffv1", *BT709, "-pix_fmt", "yuva420p")),
}  # fmt: skip


@pytest.mark.parametrize("name", ALPHAS)
def test_what_is_transparent_is_seen_on_black(tmp_path: Path, name: str) -> None:
    suffix, arguments = ALPHAS[name]
    frames = pictures()
    alpha = np.full((*frames.shape[:3], 1), 255, np.uint8)
    alpha[:, :60, 54:80] = 0
    alpha[:, :60, 80:106] = 128
    film = make(
        tmp_path / f"film.{suffix}",
        *arguments,
        frames=np.concatenate([frames, alpha], axis=-1),
        pixel_format="rgba",
    )
    assert_shows(made(film, tmp_path / "out"), np.round(frames * (alpha / 255)).astype(np.uint8))


SIZES = {
    "odd": (161, 91),
    "odd and small": (35, 21),
    "wide": (640, 16),
    "tall": (18, 320),
    "large": (1920, 1080),
}


@pytest.mark.parametrize("name", SIZES)
def test_any_size_keeps_its_shape(tmp_path: Path, name: str) -> None:
    width, height = SIZES[name]
    film = make(
        tmp_path / "film.mkv",
        "-c:v",
        "ffv1",
        "-pix_fmt",
        "bgr0",
        frames=pictures(width, height, min(12, width // 2)),
    )
    result = made(film, tmp_path / "out")
    assert abs(result.width - min(width, 1280)) <= 1 and result.width % 2 == result.height % 2 == 0
    assert result.proxy_width / result.proxy_height == pytest.approx(width / height, rel=0.12)
    if name in ("odd", "large"):
        assert_shows(result, pictures(width, height, 12))


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 40), (40, 1)])
def test_a_film_of_few_pixels_is_a_film(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = np.full((5, size[1], size[0], 3), (200, 40, 30), np.uint8)
    film = make(tmp_path / "film.mkv", "-c:v", "png", frames=frames)
    result = made(film, tmp_path / "out")
    assert (result.frame_count, max(result.width, result.height)) == (5, max(2, *size))
    assert np.abs(frames_of(result.proxy, result, (2, 2)) - (200, 40, 30)).max() <= 12


def test_oblong_pixels_become_square(tmp_path: Path) -> None:
    film = make(
        tmp_path / "film.mp4",
        *X264,
        "-vf",
        f"{BT709[1]},setsar=16/11",
        "-pix_fmt",
        "yuv420p",
        "-colorspace",
        "bt709",
    )
    result = made(film, tmp_path / "out")
    assert (result.width, result.height) == (232, 90)
    assert_shows(result, pictures())


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_pixels_that_change_their_shape_are_fitted_into_the_first_frames_shape(
    tmp_path: Path, codec: str
) -> None:
    tune = ("-preset", "ultrafast", "-bf", 2) if codec == "libx264" else ("-q:v", 2, "-bf", 2)
    parts = [
        make(
            tmp_path / f"{number}.ts", "-c:v", codec, *tune, "-vf", f"{BT709[1]},setdar={shape}", "-pix_fmt", "yuv420p"
        )
        for number, shape in enumerate(("4/3", "16/9", "4/3"))
    ]  # fmt: skip
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    result = made(joined, tmp_path / "out")
    assert (result.frame_count, result.width, result.height) == (72, 120, 90)
    assert not result.remuxed
    found = frames_of(result.encode, result, (120, 90))
    is_barred = [bool(frame[:8].max() < 40) for frame in found]
    # 16:9 in 4:3 leaves an eighth of the height black, above and below.
    assert is_barred == [False] * 24 + [True] * 24 + [False] * 24
    assert np.abs(found[30, 45, 50] - found[10, 45, 50]).max() < 12


@pytest.mark.parametrize(
    ("turn", "size"), [(0, (160, 90)), (90, (90, 160)), (180, (160, 90)), (270, (90, 160))]
)
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_a_turned_or_mirrored_film_stands_as_players_show_it(
    tmp_path: Path, turn: int, size: tuple[int, int], is_mirrored: bool
) -> None:
    flat = make(tmp_path / "flat.mp4", *X264, *BT709, "-pix_fmt", "yuv420p")
    before = ("-display_rotation", turn, *(("-display_hflip",) if is_mirrored else ()))
    film = remux(flat, tmp_path / "film.mp4", before=before)
    result = made(film, tmp_path / "out")
    assert (result.width, result.height) == size
    expected = np.stack(
        [np.frombuffer(frame, np.uint8).reshape(size[1], size[0], 3) for frame in raw_frames(film, size)]
    )
    found = frames_of(result.encode, result, size)
    assert np.abs(found - expected.astype(int)).mean() < 6
    assert result.remuxed is (turn == 0 and not is_mirrored)


#: An upright beam that moves sideways, fifty times a second: no row differs from the next, unless two times are woven.
BEAM = "color=gray:size=160x96:rate=50:duration=1,format=yuv420p,geq=lum='if(lt(mod(X+6*N,160),40),220,40)':cb=128:cr=128"

WOVEN = {
    "top field first, H.264": ("mp4", "interleave_top", (*X264, "-flags", "+ilme+ildct", "-x264-params", "tff=1")),
    "bottom field first, H.264": ("mkv", "interleave_bottom", (*X264, "-flags", "+ilme+ildct", "-x264-params", "bff=1")),
    "top field first, MPEG-2": ("ts", "interleave_top", ("-c:v", "mpeg2video", "-q:v", 2, "-flags", "+ilme+ildct", "-bf", 2)),
    "bottom field first, MPEG-2": ("mkv", "interleave_bottom", ("-c:v", "mpeg2video", "-q:v", 2, "-flags", "+ilme+ildct")),
}  # fmt: skip


@pytest.mark.parametrize("name", WOVEN)
def test_fields_are_woven_apart_one_frame_for_a_frame(tmp_path: Path, name: str) -> None:
    suffix, order, codec = WOVEN[name]
    mode = "tff" if order == "interleave_top" else "bff"
    film = tmp_path / f"film.{suffix}"
    ffmpeg(
        "-f", "lavfi", "-i", BEAM, "-vf", f"interlace=scan={mode}:lowpass=off,setfield={mode}", *codec, "-pix_fmt",
        "yuv420p", film,
    )  # fmt: skip
    result = made(film, tmp_path / "out")
    assert (result.frame_count, result.remuxed) == (25, False)
    parted = shown(film, (160, 96), "-vf", "bwdif=mode=send_frame:deint=interlaced")
    woven = shown(film, (160, 96))
    found = frames_of(result.encode, result, (160, 96))
    # The first and the last have no neighbours on one side.
    assert np.abs(found - parted)[1:-1].mean() < 4
    assert combing(found) < combing(woven) / 4


def combing(frames: np.ndarray) -> float:
    """How much each row stands out from the two beside it."""
    return float(np.abs(2 * frames[:, 1:-1] - frames[:, :-2] - frames[:, 2:]).mean())


def shown(path: Path, size: tuple[int, int], *arguments: object) -> np.ndarray:
    """All frames as ffmpeg shows them, RGB; shape (frames, height, width, 3)."""
    frames = raw_frames(path, size, *arguments)
    return np.frombuffer(b"".join(frames), np.uint8).reshape(len(frames), size[1], size[0], 3).astype(int)


def test_a_telecined_film_keeps_every_frame_that_it_shows(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=160x96:rate=24000/1001:duration=2", "-vf", "telecine", *X264, "-flags",
        "+ilme+ildct", "-x264-params", "tff=1", "-pix_fmt", "yuv420p", film,
    )  # fmt: skip
    result = made(film, tmp_path / "out")
    assert (result.frame_count, result.rate) == (len(raw_frames(film, (160, 96))), Fraction(30000, 1001))
    assert result.frame_count == 60


def test_a_film_that_becomes_interlaced_in_the_middle_loses_no_frame(tmp_path: Path) -> None:
    parts = [tmp_path / "0.ts", tmp_path / "1.ts"]
    for part, weave in zip(parts, (True, False), strict=True):
        steps = "interlace=lowpass=off,setfield=tff" if not weave else "fps=25"
        flags = ("-flags", "+ilme+ildct") if not weave else ()
        ffmpeg(
            "-f", "lavfi", "-i", BEAM, "-vf", steps, "-c:v", "mpeg2video", "-q:v", 2, *flags, "-pix_fmt", "yuv420p", part,
        )  # fmt: skip
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    result = made(joined, tmp_path / "out")
    assert result.frame_count == len(raw_frames(joined, (160, 96))) == 50
    found, woven = frames_of(result.encode, result, (160, 96)), shown(joined, (160, 96))
    assert np.abs(found - woven)[:24].mean() < 4
    assert combing(found[26:]) < combing(woven[26:]) / 4


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "25"])
def test_a_film_that_begins_late_at_any_rate_counts_from_its_first_frame(
    tmp_path: Path, rate: str, container: str
) -> None:
    flat = make(tmp_path / "flat.mp4", *X264, *BT709, "-bf", 2, "-pix_fmt", "yuv420p", rate=rate)
    result = made(remux(flat, tmp_path / f"film.{container}", "-output_ts_offset", 7), tmp_path / "out")
    times, before = FrameTimes.load(result.frame_times), FrameTimes.load(result.source_times)
    assert (result.rate, times.time(23)) == (Fraction(rate), 23 / Fraction(rate))
    assert before.time(0) >= 7
    assert abs(float(before.time(23) - before.time(0) - times.time(23))) <= 0.001
    assert_times_round_trip(result)
    assert_shows(result, pictures())


def test_what_an_edit_list_hides_is_no_frame(tmp_path: Path) -> None:
    flat = make(tmp_path / "flat.mp4", *X264, *BT709, "-bf", 0, "-g", 24, "-pix_fmt", "yuv420p")
    film = tmp_path / "film.mp4"
    ffmpeg("-ss", 0.5, "-i", flat, "-c", "copy", film)
    expected = shown(film, (160, 90))
    assert len(expected) == 12
    result = made(film, tmp_path / "out")
    assert (result.frame_count, result.remuxed) == (12, False)
    assert np.abs(frames_of(result.encode, result, (160, 90)) - expected).mean() < 4
    assert np.abs(expected[0] - pictures()[12]).mean() < 4


def test_frames_of_changing_size_are_fitted_into_the_first(tmp_path: Path) -> None:
    parts = [
        make(
            tmp_path / f"{width}.ts",
            *X264,
            *BT709,
            "-pix_fmt",
            "yuv420p",
            frames=pictures(width, 90 * width // 160),
        )
        for width in (160, 320)
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    result = made(joined, tmp_path / "out")
    assert (result.frame_count, result.width, result.height) == (48, 160, 90)
    found = frames_of(result.encode, result, (160, 90))
    assert np.abs(found - np.concatenate([pictures(), pictures()])).mean() < 6
