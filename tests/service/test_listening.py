"""Where the service listens; heads of requests that are too large, or never end."""

import contextlib
import socket

import httpx
import pytest

from amber.errors import ConfigurationError
from amber.service import listening
from amber.service.listening import MOST_HEAD_BYTES, listen


def _answer(http: httpx.Client, *sent: bytes) -> bytes:
    """What comes back on a line of its own, to its end."""
    with socket.create_connection((http.base_url.host, http.base_url.port), timeout=30) as line:
        with contextlib.suppress(OSError):  # it may be closed before all is sent
            for piece in sent:
                line.sendall(piece)
        found = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := line.recv(65536):
                found += piece
        return found


def test_a_port_that_is_taken_is_told_in_a_sentence() -> None:
    [there] = listen("127.0.0.1", 0)
    with there:
        port = there.getsockname()[1]
        with pytest.raises(
            ConfigurationError, match=f"cannot listen on 127.0.0.1, port {port}: .* in use; say another"
        ):
            listen("127.0.0.1", port)
    with pytest.raises(ConfigurationError, match=r"cannot listen on no\.such\.host"):
        listen("no.such.host.invalid", 0)
    with pytest.raises(ConfigurationError, match=r"cannot listen on 203\.0\.113\.9"):
        listen("203.0.113.9", 0)


def test_all_addresses_of_a_name_have_one_port() -> None:
    found = listen("localhost", 0)
    try:
        assert len({place.getsockname()[1] for place in found}) == 1
    finally:
        for place in found:
            place.close()


@pytest.mark.parametrize(
    "beginning", [b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: ", b"GET /", b"\r\n\r\n"]
)
def test_a_head_without_end_is_refused(http: httpx.Client, beginning: bytes) -> None:
    filling = b"\r\n" if beginning == b"\r\n\r\n" else b"x"
    pieces = [filling * (4096 // len(filling))] * (100 * MOST_HEAD_BYTES // 4096)
    answer = _answer(http, beginning, *pieces)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    assert b"urn:amber:problem" in answer or not answer
    assert http.get("/healthz").status_code == 200


def test_a_large_head_that_ends_is_read(http: httpx.Client) -> None:
    assert http.get("/healthz", headers={"X-Long": "x" * (MOST_HEAD_BYTES // 2)}).status_code == 200


def test_a_head_that_does_not_go_on_is_given_up(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.2)
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for sent in ([], [b"GET /healthz HT"], [whole, whole[:9]]):
        answer = _answer(http, *sent)
        assert b"HTTP/1.1 408 " in answer and answer.rstrip().endswith(b"}")
        assert answer.count(b"HTTP/1.1 200") == len(sent) // 2


def test_requests_that_come_at_once_are_answered_in_turn(http: httpx.Client) -> None:
    post = (
        b"POST /v1/plans HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n"
        + b"x" * 100_000
    )
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = _answer(http, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3 + last)
    assert answer.count(b"HTTP/1.1 200") == 4
    assert _answer(http, post + last[:5], last[5:]).startswith(b"HTTP/1.1 415")


def test_what_is_no_http_is_told_as_a_problem(http: httpx.Client) -> None:
    for sent in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET /healthz HTTP/1.1\r\nX: \x01\r\n\r\n"):
        answer = _answer(http, sent)
        assert answer.startswith(b"HTTP/1.1 400 ") and b"application/problem+json" in answer
