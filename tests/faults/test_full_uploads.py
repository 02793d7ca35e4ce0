"""A disk that fills up while films are sent: a problem that says so, and room again afterwards."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from tests.acceptance.command import AMBER
from tests.cli.clips import write_clip
from tests.faults.disks import apart
from tests.service.serving import TINY

#: Of the disk that the home is on.
DISK = "24m"


def test_a_full_disk_refuses_an_upload_and_takes_the_next_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    clip = write_clip(tmp_path / "clip.mp4", shade=9)
    inside = apart(f"mount -t tmpfs -o size={DISK} none {home}")
    with subprocess.Popen(
        [*inside, AMBER, "serve", "--no-worker", "--port", "0", "--json"],
        env={**os.environ, "AMBER_HOME": str(home), "AMBER_ALGORITHMS": str(TINY)},
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            with httpx.Client(base_url=url, timeout=60) as http:
                large = http.post("/v1/assets", content=iter([b"x" * (1 << 20)] * 40))
                assert (large.status_code, large.json()["error"]) == (507, "StoreFullError")
                begun = http.post("/v1/uploads", headers={"Upload-Length": str(40 << 20)})
                assert (begun.status_code, begun.json()["error"]) == (507, "StoreFullError")
                places = [
                    http.post("/v1/uploads", headers={"Upload-Length": str(14 << 20)}).headers["location"]
                    for _ in range(2)
                ]
                part = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
                sent = [http.patch(at, content=b"x" * (14 << 20), headers=part) for at in places]
                assert [answer.status_code for answer in sent] == [204, 507]
                there = http.get(places[1]).json()["offset"]
                assert 0 < there < 14 << 20, "what had room is kept"
                assert http.delete(places[0]).status_code == 204
                rest = {**part, "Upload-Offset": str(there)}
                more = http.patch(places[1], content=b"x" * ((14 << 20) - there), headers=rest)
                assert more.status_code == 204, "it goes on when there is room"
                assert http.delete(places[1]).status_code == 204
                assert http.post("/v1/assets", content=clip.read_bytes()).status_code == 201
        finally:
            process.terminate()
            assert process.wait(30) == 0
