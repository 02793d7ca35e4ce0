"""The client sends again what was lost, joins its own job, and raises what the service says."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from amber import http as link_module
from amber.client import Amber
from amber.errors import ScopeError, ServiceUnavailableError, TokenRefusedError
from amber.settings import Settings
from amber.store.tokens import new_token
from tests.service.serving import serving, working


class Breaking:
    """Passes connections on to a server, and breaks the first few in the middle of their answer."""

    def __init__(self, port: int, breaks: int) -> None:
        self._port, self.breaks = port, breaks
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._port)) as server:
            up = threading.Thread(target=self._copy, args=(client, server), daemon=True)
            up.start()
            while piece := server.recv(65536):
                if self.breaks > 0:
                    self.breaks -= 1
                    break
                client.sendall(piece)
            for end in (client, server):  # closing alone would wait for the thread that reads
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
        except OSError:
            return

    def close(self) -> None:
        """Take no more connections."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def breaking(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Breaking]:
    """A service behind a line that breaks three times."""
    monkeypatch.setattr(link_module, "FIRST_PAUSE_SECONDS", 0.001)
    with Amber.open(settings=settings) as amber, working(amber), serving(amber, settings) as url:
        made = Breaking(int(url.rpartition(":")[2]), 3)
        yield made
        made.close()


def test_what_a_broken_line_lost_is_sent_again(breaking: Breaking, settings: Settings, clip: Path) -> None:
    with Amber.open(breaking.url, settings=settings) as amber:
        asset = amber.ingest(clip)
        assert breaking.breaks == 0
        breaking.breaks = 2
        assert amber.get("scaled", asset).value.amount.tolist() == [51.0, 58.0, 60.5]
        assert breaking.breaks == 0
        assert len(amber.jobs(ended=True)) == 1, "asking again joined the same job"


def test_a_service_that_is_away_is_told_after_some_tries(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "FIRST_PAUSE_SECONDS", 0.001)
    with (
        Amber.open("http://127.0.0.1:9", settings=settings) as amber,
        pytest.raises(ServiceUnavailableError, match="cannot be reached"),
    ):
        amber.assets()


def test_the_token_is_sent_and_what_it_does_not_allow_is_raised(settings: Settings, clip: Path) -> None:
    guarded = replace(settings, auth="token")
    with Amber.open(settings=guarded) as amber, serving(amber, guarded) as url:
        token, text = new_token("reader", "read")
        amber.store.catalog.put_token(token)
        with Amber.open(url, settings=settings) as nobody, pytest.raises(TokenRefusedError):
            nobody.assets()
        with Amber.open(url, settings=replace(settings, token=text)) as reader:
            assert reader.assets() == []
            with pytest.raises(ScopeError, match="needs a token of scope write"):
                reader.ingest(clip)
