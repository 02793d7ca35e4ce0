"""The algorithms on short films, from a source file to pairs."""

import wave
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from algorithms.duplicate_groups import duplicate_groups
from algorithms.match_pairs import match_pairs
from algorithms.shot_embeddings import Encoder, shot_embeddings
from algorithms.shots import Shots, shots
from algorithms.standard import Standard, standard
from amber.algorithm import Pair, Source
from amber.errors import SourceLostError
from amber.progress import running
from amber.weights import Weights, open_weights
from jasper.errors import MediaIOError, TimelineConflictError
from jasper.frames import FrameTimes
from jasper.identity import identify
from tests.algorithms.features import rows
from tests.algorithms.films import source_of, standard_of
from tests.algorithms.pictures import black, fade, film, scene
from tests.jasper.making import ffmpeg

SHARED = Path(__file__).parents[2] / "../shared"


def _shots(found: Shots) -> list[tuple[int, int]]:
    return list(zip(found.start.tolist(), found.end.tolist(), strict=True))


@pytest.fixture(scope="module")
def conversation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A B A B, a shot of five frames, and C: 30 + 24 + 36 + 30 + 5 + 40 frames at 24 a second."""
    a, b, c = (
        scene(1, 66, width=320, height=180),
        scene(2, 54, width=320, height=180),
        scene(4, 40, width=320, height=180),
    )
    flash = scene(3, 5, width=320, height=180)
    pictures = [*a[:30], *b[:24], *a[30:], *b[24:], *flash, *c]
    return film(pictures, tmp_path_factory.mktemp("films") / "conversation.mp4")


@pytest.fixture(scope="module")
def conversation_standard(conversation: Path) -> Standard:
    return standard_of(source_of(conversation), conversation.parent / "standard")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    opened = open_weights(Weights("efficientnet-lite0"), Encoder, tmp_path_factory.mktemp("weights"))
    assert isinstance(opened, Encoder)
    return opened


def test_a_standard_names_its_files_and_says_what_they_hold(conversation_standard: Standard) -> None:
    made = conversation_standard
    assert (made.frame_count, made.rate_numerator, made.rate_denominator) == (165, 24, 1)
    assert (made.width, made.height, made.has_audio) == (320, 180, False)
    assert all(
        file.path.stat().st_size for file in (made.encode, made.proxy, made.frame_times, made.source_times)
    )
    with made.video() as video, made.scan() as scan:
        assert (video.width, video.height) == (made.width, made.height)
        assert (scan.width, scan.height) == (made.proxy_width, made.proxy_height)
        assert video.frame_count == scan.frame_count == len(made.times()) == 165


def test_a_location_that_changed_is_marked_and_the_next_one_is_read(
    conversation: Path, tmp_path: Path
) -> None:
    asset = identify(conversation).asset
    other = film(scene(9, 24), tmp_path / "other.mp4")
    text = tmp_path / "text.mp4"
    text.write_text("no film any more")
    gone = tmp_path / "gone.mp4"
    marked: list[Path] = []
    made = standard_of(Source(asset, (gone, other, text, conversation), marked.append), tmp_path / "standard")
    assert made.frame_count == 165
    assert marked == [other, text]


def test_an_asset_whose_locations_are_all_gone_is_lost_with_reasons(tmp_path: Path) -> None:
    other = film(scene(9, 24), tmp_path / "other.mp4")
    with pytest.raises(SourceLostError, match=r"gone\.mp4.*other\.mp4: it holds something else now") as lost:
        standard_of(Source("0" * 64, (tmp_path / "gone.mp4", other)), tmp_path / "standard")
    assert "amber ingest PATH" in str(lost.value)


def test_a_full_or_broken_disk_does_not_make_a_source_lost(conversation: Path, tmp_path: Path) -> None:
    asset = identify(conversation).asset
    not_a_folder = tmp_path / "file"
    not_a_folder.write_text("")
    marked: list[Path] = []
    with running(lambda done, total, unit: None, not_a_folder), pytest.raises(MediaIOError) as trouble:
        standard(Source(asset, (conversation, tmp_path / "gone.mp4"), marked.append))
    assert trouble.value.retryable
    assert marked == []


def test_an_asset_of_sound_alone_is_not_taken_for_a_changed_location(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    marked: list[Path] = []
    film = standard_of(Source(identify(path).asset, (path,), marked.append), tmp_path / "standard")
    assert (film.frame_count, film.has_audio) == (0, True)
    assert marked == []
    with pytest.raises(SourceLostError, match="it holds something else now"):
        standard_of(Source("0" * 64, (path,), marked.append), tmp_path / "standard")
    assert marked == [path]


def test_sound_alone_has_no_shots_and_every_feature_of_it_is_ready_and_empty(
    tmp_path: Path, encoder: Encoder
) -> None:
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    film = standard_of(source_of(path), tmp_path / "standard")
    found = shots(film)
    embedded = shot_embeddings(film, found, encoder)
    groups = duplicate_groups(embedded)
    assets = ("a" * 64, "a" * 64)
    pairs = match_pairs(
        Pair(assets, found, found), Pair(assets, embedded, embedded), Pair(assets, groups, groups)
    )
    assert found.start.shape == found.end_seconds.shape == (0,)
    assert embedded.vectors.shape == (0, 1280)
    assert len(groups.first_shot) == len(pairs.score) == 0


FRAMES = {
    "letterboxed": "pad=320:240:0:30",
    "pillarboxed": "pad=400:180:40:0",
    "windowboxed": "pad=400:240:40:30",
    "letterboxed, with a logo at first": "pad=320:240:0:30,drawbox=8:8:40:12:white:fill:enable='lt(n,24)'",
}


@pytest.mark.parametrize("frame", FRAMES)
def test_a_film_between_black_bars_has_the_shots_and_embeddings_of_the_film(
    conversation: Path, conversation_standard: Standard, tmp_path: Path, encoder: Encoder, frame: str
) -> None:
    barred = tmp_path / "barred.mp4"
    ffmpeg(
        "-i", conversation, "-vf", FRAMES[frame], "-c:v", "libx264", "-crf", 20, "-preset", "veryfast", barred
    )
    other = standard_of(source_of(barred), tmp_path / "standard")
    assert (other.picture_width, other.picture_height) != (other.proxy_width, other.proxy_height)
    shots_before, shots_after = shots(conversation_standard), shots(other)
    assert len(shots_after.start) == len(shots_before.start)
    assert np.abs(shots_after.start - shots_before.start).max() <= 2
    before = shot_embeddings(conversation_standard, shots_before, encoder).vectors
    after = shot_embeddings(other, shots_before, encoder).vectors
    assert float(np.median((before * after).sum(axis=1))) >= 0.95


def test_the_recorded_frame_times_hold(tmp_path: Path) -> None:
    path = tmp_path / "uneven.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=64x36:rate=24:duration=1", "-vf", "setpts=PTS+0.3*sin(N)/TB/24", "-fps_mode",
        "vfr", "-enc_time_base", "1:12288", "-c:v", "libx264", "-pix_fmt", "yuv420p", path,
    )  # fmt: skip
    found = identify(path)
    assert found.times is not None and found.rate is None
    recorded = FrameTimes(found.times.ticks + (np.arange(24) > 5), found.times.time_base)
    source = Source(found.asset, (path,), frame_times=recorded.to_bytes())
    assert standard_of(source, tmp_path / "standard").times() == recorded
    apart = FrameTimes(found.times.ticks + 100 * (np.arange(24) > 5), found.times.time_base)
    with pytest.raises(TimelineConflictError):
        standard_of(Source(found.asset, (path,), frame_times=apart.to_bytes()), tmp_path / "apart")


def test_a_source_without_any_location_is_lost() -> None:
    with pytest.raises(SourceLostError, match="no location is recorded"):
        standard(Source("0" * 64, ()))


def test_a_film_cuts_exactly_where_it_was_joined(conversation_standard: Standard) -> None:
    found = shots(conversation_standard)
    assert _shots(found) == [(0, 30), (30, 54), (54, 90), (90, 120), (120, 125), (125, 165)]
    assert found.start_seconds.tolist() == pytest.approx([0, 1.25, 2.25, 3.75, 5.0, 125 / 24])
    assert found.end_seconds.tolist() == pytest.approx([1.25, 2.25, 3.75, 5.0, 125 / 24, 165 / 24])
    assert found.is_short.tolist() == [False, False, False, False, True, False]


def test_a_shot_of_exactly_the_shortest_length_is_not_short(conversation_standard: Standard) -> None:
    assert shots(conversation_standard, short_seconds=1.0).is_short.tolist() == [False] * 4 + [True, False]
    assert shots(conversation_standard, short_seconds=1.01).is_short[1]


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(25)])
def test_half_a_second_is_measured_on_the_films_own_timeline(rate: Fraction, tmp_path: Path) -> None:
    pictures = [*scene(1, 30), *scene(2, 15), *scene(3, 30), *scene(4, 12), *scene(5, 13)]
    found = shots(
        standard_of(source_of(film(pictures, tmp_path / "film.mp4", rate=rate)), tmp_path / "standard")
    )
    assert _shots(found) == [(0, 30), (30, 45), (45, 75), (75, 87), (87, 100)]
    assert found.is_short.tolist() == [False, False, False, True, rate > 26]
    assert found.end_seconds[-1] == pytest.approx(float(100 / rate))


def test_a_film_of_black_is_one_shot(tmp_path: Path) -> None:
    found = shots(
        standard_of(
            source_of(film([*black(40), *black(40, noise=2)], tmp_path / "black.mp4")), tmp_path / "standard"
        )
    )
    assert _shots(found) == [(0, 80)]


def test_a_film_that_fades_in_and_out_is_one_shot(tmp_path: Path) -> None:
    pictures = [*black(6), *fade(scene(1, 24), start=0, end=1), *fade(scene(1, 24, first=24), start=1, end=0)]
    assert _shots(
        shots(standard_of(source_of(film(pictures, tmp_path / "fades.mp4")), tmp_path / "standard"))
    ) == [(0, 54)]


def test_the_hard_cuts_of_a_known_film_are_found(tmp_path: Path) -> None:
    path = SHARED / "media/truth/testvideo.mp4"
    if not path.exists():
        pytest.skip("../shared/media/truth/testvideo.mp4 is not here")
    with av.open(str(path)) as container:
        frames = islice(container.decode(video=0), 240)
        pictures = [frame.to_ndarray(format="rgb24", width=456, height=256) for frame in frames]
    found = shots(standard_of(source_of(film(pictures, tmp_path / "start.mp4")), tmp_path / "standard"))
    assert _shots(found) == [(0, 30), (30, 180), (180, 240)]


def test_a_film_from_its_source_to_its_best_pairs(conversation_standard: Standard, encoder: Encoder) -> None:
    cut = shots(conversation_standard)
    embedded = shot_embeddings(conversation_standard, cut, encoder)
    assert embedded.middle.tolist() == [15, 42, 72, 105, 122, 145]
    assert embedded.vectors.shape == (6, 1280)
    groups = duplicate_groups(embedded, min_cosine=0.9)
    assert groups.first_shot.tolist() == [0, 1, 0, 1, 4, 5]
    assets = ("a", "a")
    pairs = match_pairs(
        Pair(assets, cut, cut), Pair(assets, embedded, embedded), Pair(assets, groups, groups)
    )
    assert sorted((a, b) for _, a, _, b, _ in rows(pairs)) == [(0, 1), (0, 5), (1, 5)]
    assert (np.diff(pairs.score) <= 0).all()


def test_embeddings_of_the_same_film_are_the_same_bytes(
    conversation: Path, encoder: Encoder, tmp_path: Path
) -> None:
    films = [standard_of(source_of(conversation), tmp_path / name) for name in ("once", "again")]
    vectors = [shot_embeddings(one, shots(one), encoder).vectors for one in films]
    assert vectors[0].tobytes() == vectors[1].tobytes()


def test_a_film_without_shots_has_no_embeddings(conversation_standard: Standard, encoder: Encoder) -> None:
    empty = Shots(**{name: column[:0] for name, column in vars(shots(conversation_standard)).items()})
    found = shot_embeddings(conversation_standard, empty, encoder)
    assert found.vectors.shape == (0, 1280) and found.vectors.dtype == np.float32
    assert duplicate_groups(found).first_shot.shape == (0,)


JOINS = {
    "mp4": (Fraction(24000, 1001), ("-c:v", "libx264", "-preset", "veryfast", "-threads", "1")),
    "mkv": (
        Fraction(25),
        ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:pools=1"),
    ),
    "mov": (Fraction(30000, 1001), ("-c:v", "prores_ks")),
    "ts": (Fraction(50), ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2")),
    "webm": (Fraction(60), ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")),
}


@pytest.mark.parametrize("container", JOINS)
def test_joined_clips_cut_exactly_where_they_were_joined(container: str, tmp_path: Path) -> None:
    rate, coding = JOINS[container]
    lengths = (12, 60, 31, 12, 45, 17)
    names = []
    for number, length in enumerate(lengths):
        clip = film(scene(number + 1, length), tmp_path / f"{number}.mp4", rate=rate)
        names.append(tmp_path / f"{number}-coded.{container}")
        ffmpeg("-i", clip, *coding, names[-1])
    (tmp_path / "list.txt").write_text("".join(f"file '{name}'\n" for name in names))
    joined = tmp_path / f"joined.{container}"
    ffmpeg("-f", "concat", "-safe", 0, "-i", tmp_path / "list.txt", "-c", "copy", joined)
    ends = np.cumsum(lengths).tolist()
    found = _shots(shots(standard_of(source_of(joined), tmp_path / "standard")))
    assert found == list(zip([0, *ends[:-1]], ends, strict=True))
