"""Frame times without a rate are those of the first ingest, wherever the asset is seen later."""

from pathlib import Path

import pytest

from algorithms.standard import standard
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.engine.ingest import ingest
from amber.registry import Registry
from jasper.errors import TimelineConflictError
from jasper.frames import FrameTimes
from jasper.identity import identify
from tests.jasper.making import ffmpeg, make_film, remux


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("uneven") / "uneven.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=64x36:rate=24:duration=1", "-vf", "setpts=PTS+0.3*sin(N)/TB/24", "-fps_mode",
        "vfr", "-enc_time_base", "1:12288", "-c:v", "libx264", "-pix_fmt", "yuv420p", path,
    )  # fmt: skip
    return path


def test_uneven_times_are_recorded_with_the_asset_and_even_ones_are_not(
    store, uneven: Path, tmp_path: Path
) -> None:
    asset = ingest(store, uneven).asset
    recorded = store.catalog.frame_times(asset)
    assert FrameTimes.from_bytes(recorded) == identify(uneven).times
    even = ingest(store, make_film(tmp_path / "even.mp4", size="64x36")).asset
    assert store.catalog.frame_times(even) is None


def test_every_container_has_the_times_of_the_first_one(store, uneven: Path, tmp_path: Path) -> None:
    # Matroska rounds times to a millisecond.
    rounded = remux(uneven, tmp_path / "rounded.mkv")
    asset = ingest(store, rounded).asset
    assert ingest(store, uneven).asset == asset
    rounded.unlink()
    engine = Engine(store, Registry([standard]))
    made = engine.get(Ask("standard", (asset,))).value
    engine.close()
    assert made.times().time_base.denominator == 1000
    assert FrameTimes.from_bytes(store.catalog.frame_times(asset)) == made.times()


def test_a_known_asset_at_other_times_is_refused_and_not_recorded(
    store, uneven: Path, tmp_path: Path
) -> None:
    asset = ingest(store, uneven).asset
    slower = remux(uneven, tmp_path / "slower.mp4", "-bsf:v", "setts=pts=PTS*11/10:dts=DTS")
    assert identify(slower).asset == asset
    with pytest.raises(TimelineConflictError, match="keep one of the two files"):
        ingest(store, slower)
    assert [at.uri for at in store.catalog.locations(asset)] == [str(uneven)]
