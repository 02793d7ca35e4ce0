"""The service and its workers as processes: with nothing set, under `kill -9`, and told to stop."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from amber.client import Amber
from amber.settings import Settings
from tests.acceptance.command import AMBER
from tests.servers.processes import free_port, until
from tests.service.serving import TINY
from tests.service.test_uploads import padded

#: Jobs that are accepted before the service is killed.
JOBS = 40 if os.environ.get("AMBER_SOAK") else 12


@contextmanager
def started(folder: Path, *words: str, **variables: str) -> Iterator[tuple[Any, "subprocess.Popen[str]"]]:
    """A command of the service, and what it said when it was ready; killed at the end if it still runs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AMBER_")}
    environment = {**kept, "AMBER_HOME": str(folder / "home"), "AMBER_ALGORITHMS": str(TINY), **variables}
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [AMBER, *words, "--json"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder / "log").read_text()
        yield json.loads(line), process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()


def log_of(folder: Path) -> list[Any]:
    """What was logged so far."""
    return [json.loads(line) for line in (folder / "log").read_text().splitlines() if line.startswith("{")]


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def worker_pids(folder: Path) -> list[int]:
    """The processes of workers that began."""
    return [line["pid"] for line in log_of(folder) if line["event"] == "worker began"]


def test_with_nothing_set_it_serves_this_machine_and_computes(tmp_path: Path, clip: Path) -> None:
    with started(tmp_path, "serve", "--port", "0") as (told, process):
        assert told["url"].startswith("http://127.0.0.1:")
        with httpx.Client(base_url=told["url"], timeout=60) as http:
            asset = http.post("/v1/assets", content=clip.read_bytes()).json()["asset"]
            path = f"/v1/assets/{asset}/features/scaled"
            answer = http.get(path, headers={"Prefer": "wait=60"})
            assert [row["amount"] for row in answer.json()["rows"]] == [51.0, 58.0, 60.5]
            # The service and its worker add up what they count.
            metrics = http.get("/metrics").text
            assert 'amber_misses_total{algorithm="scaled"} 1.0' in metrics
            assert 'amber_jobs_ended_total{algorithm="scaled",state="ready"} 1.0' in metrics
            [worker] = worker_pids(tmp_path)
            assert os.getpgid(worker) == worker != os.getpgid(process.pid)
        process.terminate()
        assert process.wait(30) == 0
        until(lambda: not is_alive(worker), "the worker has gone with the service")
    events = [line["event"] for line in log_of(tmp_path)]
    assert {"serving", "request", "job claimed", "step computed", "job ready", "service ended"} <= set(events)
    computed = [line for line in log_of(tmp_path) if line["event"] == "step computed"]
    assert {line["step"] for line in computed} == {"first_bytes", "scaled"} and computed[0]["job"]


def test_beyond_loopback_it_does_not_start_without_tokens(tmp_path: Path) -> None:
    done = subprocess.run(
        [AMBER, "serve", "--host", "0.0.0.0", "--port", "0"],
        env={**os.environ, "AMBER_HOME": str(tmp_path), "AMBER_ALGORITHMS": str(TINY)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2 and "AMBER_AUTH=token" in done.stderr


def test_every_accepted_job_finishes_after_the_service_was_killed(tmp_path: Path, clip: Path) -> None:
    port = str(free_port())
    with started(tmp_path, "serve", "--port", port) as (told, process):
        accepted = _accepted(told["url"], clip)
        until(lambda: any(line["event"] == "job claimed" for line in log_of(tmp_path)), "a job is at hand")
        [worker] = worker_pids(tmp_path)
        process.send_signal(signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        process.wait(30)
    with (
        started(tmp_path, "serve", "--port", port) as (told, _),
        httpx.Client(base_url=told["url"], timeout=60) as http,
    ):
        for job in accepted:
            answer = http.get(job, headers={"Prefer": "wait=60"})
            assert answer.status_code == 303, answer.text
            assert http.get(answer.headers["location"]).status_code == 200
        assert 'amber_takeovers_total{what="job"}' in http.get("/metrics").text


def _accepted(url: str, clip: Path) -> list[str]:
    """Jobs that the service accepted."""
    found = []
    with httpx.Client(base_url=url, timeout=60) as http:
        asset = http.post("/v1/assets", content=clip.read_bytes()).json()["asset"]
        for number in range(1, JOBS + 1):
            query = {"setting.factor": number, "setting.first_bytes.rows": number}
            answer = http.get(f"/v1/assets/{asset}/features/scaled", params=query)
            assert answer.status_code == 202
            found.append(answer.headers["location"])
    return found


def test_an_upload_goes_on_after_the_service_was_killed(tmp_path: Path, clip: Path) -> None:
    film = padded(clip, tmp_path / "film.mp4", 24 << 20)
    words = ("serve", "--no-worker", "--port", str(free_port()))
    sent: list[int] = []
    with ExitStack() as stack:
        told, process = stack.enter_context(started(tmp_path, *words))

        def kill_in_the_middle(done: int, total: int) -> None:
            if done == 16 << 20 and done > max(sent, default=0):
                [there] = (tmp_path / "home" / "scratch" / "uploads").glob("*/bytes")
                until(lambda: there.stat().st_size > 8 << 20, "half of it has come")
                process.kill()
                process.wait(30)
                stack.enter_context(started(tmp_path, *words))
            sent.append(done)

        with Amber.open(told["url"], settings=Settings(tmp_path)) as amber:
            asset = amber.ingest(film, progress=kill_in_the_middle)
            again = amber.ingest(clip)
    assert asset.asset == again.asset
    # What was sent twice is what had not come before the kill, and nothing was sent from the beginning again.
    assert sent.count(1 << 20) == 1 and sent[-1] == 24 << 20


def test_a_worker_dies_with_its_service_and_is_replaced_while_it_lives(tmp_path: Path) -> None:
    with started(tmp_path, "serve", "--port", "0") as (_, process):
        until(lambda: len(worker_pids(tmp_path)) == 1, "the worker works")
        os.kill(worker_pids(tmp_path)[0], signal.SIGKILL)
        until(lambda: len(worker_pids(tmp_path)) == 2, "another one works")
        process.kill()
        until(lambda: not is_alive(worker_pids(tmp_path)[1]), "it does not outlive the service")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("again", [False, True])
def test_a_service_ends_in_order_whatever_it_is_at(
    tmp_path: Path, clip: Path, number: signal.Signals, again: bool
) -> None:
    """A job at hand goes back to the queue, who follows it is let go, and the exit code is 0; told twice, it waits for nothing."""
    endless = {"AMBER_ALGORITHMS": str(TINY.parents[1] / "service" / "patient.py")}
    grace = "60" if again else "0.5"
    with started(tmp_path, "serve", "--port", "0", "--grace", grace, **endless) as (told, process):
        with httpx.Client(base_url=told["url"], timeout=60) as http:
            asset = http.post("/v1/assets", content=clip.read_bytes()).json()["asset"]
            job = http.get(f"/v1/assets/{asset}/features/endless").headers["location"]
            until(lambda: http.get(job).json()["state"] == "running", "the job is at hand")
            with http.stream("GET", f"{job}/events") as stream:
                lines = stream.iter_lines()
                assert next(lines)
                process.send_signal(number)
                if again:
                    until(lambda: bool(_stops(tmp_path)), "it has heard")
                    process.send_signal(number)
                assert list(lines)[-1] == ""
        assert process.wait(30) == 0
    if again:
        assert _stops(tmp_path) == [False, True]
    with Amber.open(settings=Settings(tmp_path / "home", (endless["AMBER_ALGORITHMS"],))) as amber:
        [left] = amber.jobs()
        assert again or left.state == "queued"
    assert not list((tmp_path / "home" / "scratch").glob("*/*.db")), "nothing is left of what it counted"


def _stops(folder: Path) -> list[bool]:
    """Each time that the service was told to stop: whether at once."""
    return [line["at_once"] for line in log_of(folder) if line["event"] == "service stops"]


def test_what_a_killed_service_counted_goes_with_the_next_one(tmp_path: Path) -> None:
    scratch = tmp_path / "home" / "scratch"
    with started(tmp_path, "serve", "--port", "0", "--no-worker") as (told, process):
        httpx.get(f"{told['url']}/v1/assets")
        [kept] = scratch.iterdir()
        process.kill()
        process.wait(30)
    assert list(kept.glob("*.db"))
    with started(tmp_path, "serve", "--port", "0", "--no-worker"):
        assert [folder for folder in scratch.iterdir() if folder == kept] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path, "worker") as (told, process):
        until(lambda: bool(worker_pids(tmp_path)), "it works")
        assert told == {"pid": process.pid, "jobs": 2}
        process.send_signal(number)
        assert process.wait(30) == 0
    assert log_of(tmp_path)[-1]["event"] == "worker ended"
