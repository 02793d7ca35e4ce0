"""Traces go where the environment says, and nothing is loaded for them where it says nothing."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

PROGRAM = """
import sys
from amber.service.tracing import span, start
start()
span("job shots", 0.25, job="abc")
print("opentelemetry" in sys.modules)
"""


class _Collector(BaseHTTPRequestHandler):
    """Keeps what is sent to it."""

    received: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        self.received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Where traces may be sent, and what came."""
    received: list[tuple[str, bytes]] = []
    kind = type("Collector", (_Collector,), {"received": received})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


def _run(**variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_spans_are_sent_to_the_collector(collector: tuple[str, list[tuple[str, bytes]]]) -> None:
    url, received = collector
    assert _run(OTEL_EXPORTER_OTLP_ENDPOINT=url) == "True"
    assert [path for path, _ in received] == ["/v1/traces"]
    assert b"job shots" in received[0][1] and b"amber.job" in received[0][1]


def test_without_a_collector_nothing_is_loaded() -> None:
    assert _run() == "False"
