"""What a caller may have read: files in the allowed folders, and nothing that a link or a URI leads to elsewhere."""

import os
from pathlib import Path

import httpx
import pytest

from amber.errors import AssetNotFoundError, LocationRefusedError, UsageError
from amber.service.assets import readable
from amber.settings import Settings
from tests.cli.clips import write_clip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An allowed folder, with a file in it, and a secret beside it."""
    folder = (tmp_path / "media").resolve()
    folder.mkdir()
    (folder / "film.mp4").write_bytes(b"film")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "media-of-others").mkdir()
    (tmp_path / "media-of-others" / "film.mp4").write_bytes(b"other")
    return folder


def test_a_file_in_an_allowed_folder_is_read(root: Path) -> None:
    film = root / "film.mp4"
    spaced = root / "a film.mp4"
    spaced.write_bytes(b"x")
    for uri, path in (
        (str(film), film),
        (f"file://{film}", film),
        (f"{root}/./x/../film.mp4", film),
        (f"file://{root}/a%20film.mp4", spaced),
    ):
        assert readable(uri, (root,)) == path


def test_a_link_within_the_folder_is_followed_and_one_out_of_it_is_not(root: Path) -> None:
    os.symlink(root / "film.mp4", root / "again.mp4")
    os.symlink(root.parent / "secret", root / "out.mp4")
    os.symlink(root.parent, root / "up")
    assert readable(str(root / "again.mp4"), (root,)) == root / "film.mp4"
    for uri in (root / "out.mp4", root / "up" / "secret", root / "up" / "media-of-others" / "film.mp4"):
        with pytest.raises(LocationRefusedError, match="lies in none of the folders"):
            readable(str(uri), (root,))


@pytest.mark.parametrize(
    "uri",
    [
        "{root}/../secret",
        "{root}/x/../../secret",
        "{root}-of-others/film.mp4",
        "file://{root}/%2e%2e/secret",
        "/etc/passwd",
        "file:///etc/passwd",
        "file://elsewhere{root}/film.mp4",
        "http://127.0.0.1/film.mp4",
        "https://example.org/film.mp4",
        "ftp://example.org/film.mp4",
        "concat:{root}/film.mp4",
        "file://{root}/film.mp4?x=1",
        "blob:" + "0" * 64,
    ],
)
def test_nothing_else_is_read(root: Path, uri: str) -> None:
    with pytest.raises(LocationRefusedError):
        readable(uri.format(root=root), (root,))


def test_what_is_no_file_is_not_found(root: Path) -> None:
    for path in (root, root / "none.mp4"):
        with pytest.raises(AssetNotFoundError, match="there is no file"):
            readable(str(path), (root,))
    os.mkfifo(root / "pipe")
    with pytest.raises(AssetNotFoundError):
        readable(str(root / "pipe"), (root,))


def test_a_relative_path_is_wrong_and_without_folders_nothing_is_read(root: Path) -> None:
    for odd in ("film.mp4", "", "~/film.mp4", f"{root}/film.mp4\0.txt"):
        with pytest.raises(UsageError):
            readable(odd, (root,))
    with pytest.raises(LocationRefusedError, match="AMBER_MEDIA_ROOTS names some"):
        readable(str(root / "film.mp4"), ())


def test_the_route_reads_what_it_may_and_refuses_the_rest(http: httpx.Client, settings: Settings) -> None:
    clip = write_clip(settings.media_roots[0] / "clip.mp4", shade=7)
    first = http.post("/v1/assets", json={"uri": str(clip), "title": "grey"})
    assert (first.status_code, first.json()["title"]) == (201, "grey")
    assert http.post("/v1/assets", json={"uri": f"file://{clip}"}).status_code == 200
    asset = first.json()["asset"]
    feature = http.get(f"/v1/assets/{asset}/features/scaled", headers={"Prefer": "wait=60"})
    assert feature.status_code == 200
    for uri, status in (
        (str(settings.home), 403),
        ("http://127.0.0.1:1/x", 403),
        (f"{clip}.none", 404),
        ("x", 422),
    ):
        answer = http.post("/v1/assets", json={"uri": uri})
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


def test_an_upload_that_is_too_large_is_refused_whether_it_says_so_or_not(settings: Settings) -> None:
    from dataclasses import replace

    from tests.service.serving import deployment

    small = replace(settings, upload_bytes=1000)
    with deployment(small, workers=0) as url:
        assert httpx.post(f"{url}/v1/assets", content=b"x" * 1001).status_code == 413
        assert httpx.post(f"{url}/v1/assets", content=iter([b"x" * 600] * 4)).status_code == 413
    assert not list((settings.home / "scratch").glob("*/upload"))
