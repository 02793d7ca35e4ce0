"""Real odd files: each is an asset, a partial or a typed error with a sentence; never a crash."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from jasper.errors import DecoderCrashedError, DecoderStoppedError, MediaError
from jasper.frames import FrameTimes
from jasper.sandbox import identify, shared, standardize
from jasper.video import Video
from tests.jasper.making import frame_digests, remux, samples

SHARED = Path(os.environ.get("AMBER_SHARED", Path(__file__).parents[2] / "../shared"))
TORTURE = SHARED / "media/torture"

pytestmark = pytest.mark.skipif(
    not TORTURE.is_dir(),
    reason="SKIPPED FOR WANT OF ../shared/media/torture: real odd files are not tested here",
)

FILES = sorted(path for path in TORTURE.rglob("*") if path.is_file()) if TORTURE.is_dir() else []

#: Long ones, which other tests cover.
SKIPPED_FOR_TIME = ("8e049c93-long_1080p", "be7a89af-long_1080p")
#: Those whose standard forms take half of the time of all; `make soak` makes them, and each is named in any case.
LONG = (
    "issue-195-aspect-ratio.mp4",
    "video_with_failing_audio.mp4",
    "666d2f1b-edit_list_positive_shift.mp4",
    "d0ab8efc-sample_with_increasing_timestamps_320w_240h_fragmented.mp4",
    "cc958976-hdr10-av1.mp4",
    "no_duration.webm",
    "52f3aa97-bbb_960x540_60fps_vp8.webm",
    "9c7a6426-bbb_800x640_768kbps_30fps_avc_pyramid_3b.mp4",
)

#: Files of one film in several wrappings.
SAME = {
    "3262823360f5": (
        "1071c505-sample_unsupported_brands.mp4",
        "226fccd5-sample_with_numeric_genre.mp4",
        "6aecd03e-sample.mp4",
        "88d75bae-sample_with_btrt.mp4",
        "f6179110-sample_2_byte_NAL_length.mp4",
    ),
    "7c3702d80abf": (
        "30f7ec32-sample_last_cluster.mkv",
        "8ead062d-sample_with_overlapping_srt.mkv",
        "c031e8ba-sample_with_ass_subtitles.mkv",
    ),
}

#: As they are to be shown: with pixels of 16:11; turned by side data; turned and mirrored.
SHAPES = {
    "issue-195-aspect-ratio.mp4": Fraction(16, 9),
    "issue-134-rotate.mp4": Fraction(544, 1280),
    "4a0d7400-sample_rotate_and_reflect.mp4": Fraction(720, 1080),
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_odd_file_is_named_or_refused_with_a_sentence(path: Path) -> None:
    try:
        found = identify(path)
    except MediaError as error:
        assert path.name in str(error)  # noqa: PT017 - either outcome is right
        return
    assert len(found.asset) == 64
    assert found.frame_count > 0 or found.audio_codec is not None


@pytest.mark.parametrize("asset", SAME)
def test_one_film_in_several_wrappings_is_one_asset(asset: str) -> None:
    assert {identify(TORTURE / "androidx" / name).asset[:12] for name in SAME[asset]} == {asset}


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.soak] * (path.name in LONG)) for path in FILES],
    ids=lambda path: path.name,
)
def test_every_odd_film_gets_a_standard_form_or_a_sentence(path: Path, tmp_path: Path) -> None:
    if path.name.startswith(SKIPPED_FOR_TIME):
        pytest.skip("minutes of 1080p")
    if path.name in LONG and "AMBER_SOAK" not in os.environ:
        pytest.skip("a long film, whose standard form is made under `make soak`")
    try:
        asset = identify(path).asset
        result = standardize(path, tmp_path / "out", asset=asset)
    except MediaError as error:
        assert len(str(error)) > 20  # noqa: PT017 - either outcome is right
        assert not isinstance(error, DecoderCrashedError | DecoderStoppedError), error  # noqa: PT017
        return
    finally:
        assert shared.usage().peak_memory_bytes <= 1_000_000_000
    times = FrameTimes.load(result.frame_times)
    if not result.frame_count:
        # Sound alone: all of it is there.
        assert (len(times), result.width, result.has_audio) == (0, 0, True)
        assert len(samples(result.encode)) > 0
        return
    assert (
        len(times)
        == result.frame_count
        == len(frame_digests(result.encode))
        == len(frame_digests(result.proxy))
    )
    assert times.time(0) == 0 and bool(np.all(np.diff(times.ticks) >= 0))
    if path.name in SHAPES:
        assert abs(Fraction(result.width, result.height) - SHAPES[path.name]) < Fraction(1, 50)
    with Video.open(result.proxy, times) as scan, Video.open(result.encode, times) as video:
        assert min(scan.width, scan.height) <= 256
        assert video.width <= 1280 and video.height <= 720
        assert len(scan.frames_at([0, result.frame_count - 1])) == 2
        assert len(video.frames_at([result.frame_count - 1])) == 1


def test_a_turned_and_mirrored_film_is_found_so() -> None:
    found = identify(TORTURE / "androidx/4a0d7400-sample_rotate_and_reflect.mp4")
    assert (found.rotation, found.width, found.height) == (270, 720, 1080)


def test_a_real_film_is_the_same_asset_in_another_container(tmp_path: Path) -> None:
    path = SHARED / "media/films/sintel_trailer-720p.mp4"
    one, other = identify(path), identify(remux(path, tmp_path / "copy.mkv"))
    assert (one.asset, one.frame_count, one.rate) == (other.asset, 1253, Fraction(24))
