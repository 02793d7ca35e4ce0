"""What is computed on a cluster: the same bytes, ended when nobody wants it, again when a process dies, and never through us."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from amber.client import Amber
from amber.engine.ask import Ask
from amber.engine.events import StepEvent
from amber.engine.executors import cluster
from amber.engine.executors.node import machine_name
from amber.engine.executors.wire import Report, made_with
from amber.engine.orders import job_of
from amber.errors import AlgorithmFailedError, ConfigurationError, StepTooLargeError, WorkerUnfitError
from amber.service.metrics import count_step, exposition
from amber.settings import Settings
from tests.cli.clips import write_clip
from tests.cluster.conftest import WATCHED
from tests.cluster.watched import calls, let_end
from tests.servers.processes import PATIENCE_SECONDS, free_port, until
from tests.servers.ray import RayCluster, is_listening
from tests.service.serving import working


@pytest.fixture
def amber(settings: Settings) -> Iterator[Amber]:
    """Amber on the cluster."""
    with Amber.open(settings=settings) as amber:
        yield amber


def test_values_are_the_same_bytes_and_never_come_through_whoever_asks(
    amber: Amber, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Report] = []
    reports = cluster.Running.reports

    def kept(self: cluster.Running) -> list[Report]:
        found = reports(self)
        seen.extend(found)
        return found

    monkeypatch.setattr(cluster.Running, "reports", kept)
    made = amber.get("many", clip)
    with Amber.open(settings=Settings(tmp_path / "here", algorithms=(str(WATCHED),))) as here:
        assert here.get("many", clip).trace.value == made.trace.value
    [report] = seen
    assert made.trace.value.size_bytes > 8_000_000
    assert len(repr(report)) < 2_000, "only digests came back"


def test_progress_comes_back(amber: Amber, clip: Path) -> None:
    told: list[StepEvent] = []

    def listen(event: StepEvent) -> None:
        if event.state == "running":
            told.append(event)
            let_end(clip)

    assert amber.get("patient", clip, listener=listen).value.number.tolist() == [0]
    assert (told[0].unit, told[0].total) == ("turns", 1000) and told[0].done > 0


def test_what_nobody_wants_any_more_is_ended_there(amber: Amber, clip: Path) -> None:
    ask = Ask("patient", (amber.ingest(clip).asset,))
    closure = amber.engine.closure(ask)
    job = job_of(closure, closure.step(ask.assets), amber.store.catalog.snapshot())
    amber.store.catalog.ask_job(job, "ann")
    with working(amber) as hears:
        until(lambda: calls(clip), "it is being computed")
        amber.store.catalog.withdraw_job(job.key, "ann")
        until(lambda: hears.ended == ["given up"], "the worker has given it up")
    [process] = calls(clip)
    until(lambda: not _computes(process), "nobody computes it any more")
    assert len(calls(clip)) == 1
    assert amber.features(ask.assets[0]) == []


def _computes(process: int) -> bool:
    """Whether a process of the cluster is at work on a step."""
    try:
        title = Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return False
    return "IDLE" not in title


def test_what_a_dead_process_had_is_computed_again_and_committed_once(amber: Amber, clip: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(amber.get, "patient", clip)
        until(lambda: len(calls(clip)) == 1, "it is being computed", patience=60)
        os.kill(calls(clip)[0], signal.SIGKILL)
        until(lambda: len(calls(clip)) == 2, "it is computed again", patience=60)
        let_end(clip)
        assert asked.result(PATIENCE_SECONDS).value.number.tolist() == [0]
    first, second = calls(clip)
    assert first != second
    assert amber.store.catalog.problems() == []


def test_what_each_machine_did_is_counted(amber: Amber, clip: Path) -> None:
    heard: list[StepEvent] = []
    amber.get("many", clip, listener=heard.append)
    before = exposition(amber.store.catalog).decode()
    for event in heard:
        count_step(event)
    machine = machine_name()
    after = exposition(amber.store.catalog).decode().splitlines()
    [written] = [line for line in after if f'_bytes_total{{machine="{machine}",way="written"}}' in line]
    assert float(written.split()[-1]) > 8_000_000
    [waited] = [line for line in after if 'amber_queue_seconds_count{algorithm="many"}' in line]
    assert float(waited.split()[-1]) >= 1 and waited not in before
    assert any(
        f'amber_machine_seconds_total{{algorithm="many",machine="{machine}"}}' in line for line in after
    )


def test_an_error_that_cannot_be_sent_goes_by_its_name_and_sentence(amber: Amber, clip: Path) -> None:
    with pytest.raises(AlgorithmFailedError, match=r"odd 1 failed on .*: OddError: one and two"):
        amber.get("odd", clip)
    with pytest.raises(
        AlgorithmFailedError, match=r"odd failed once .algorithm's fault.: OddError: one and two"
    ):
        amber.get("odd", clip)


def test_a_process_with_another_source_is_refused(settings: Settings, clip: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    shutil.copy(WATCHED, own)
    with Amber.open(settings=replace(settings, algorithms=(str(own),))) as amber:
        assert made_with(amber.registry.get("many")), "as it is loaded here"
        own.write_text(own.read_text().replace("np.arange(rows)", "np.arange(rows) + 1"))
        with pytest.raises(
            WorkerUnfitError, match=r"many 1 is not computed on .*: its source differs; install"
        ):
            amber.get("many", clip)
        assert amber.features(amber.asset(clip)) == []


def test_a_step_that_no_machine_has_memory_for_is_refused_at_once(settings: Settings, clip: Path) -> None:
    large = clip.with_name("large.py")
    text = WATCHED.read_text()
    large.write_text(text.replace('version="1")\ndef many', 'version="1", memory_bytes=10**15)\ndef many'))
    with (
        Amber.open(settings=replace(settings, algorithms=(str(large),))) as amber,
        pytest.raises(StepTooLargeError, match="the largest machine of the cluster has"),
    ):
        amber.get("many", clip)


def test_what_is_stored_needs_no_cluster(settings: Settings, clip: Path) -> None:
    with Amber.open(settings=settings) as amber:
        amber.get("many", clip)
    code = (
        "import sys; from amber.client import Amber\n"
        "with Amber.open() as amber: assert amber.get('many', sys.argv[1]).hit\n"
        "assert 'ray' not in sys.modules"
    )
    nowhere = _variables(replace(settings, ray_address=f"127.0.0.1:{free_port()}"))
    subprocess.run([sys.executable, "-c", code, clip], env=nowhere, check=True, timeout=60)


def test_a_cluster_that_is_not_there_is_told(settings: Settings, clip: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    variables = _variables(replace(settings, ray_address=address))
    command = [sys.executable, "-m", "amber.cli", "get", "many", str(clip), "--json"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=150)
    assert done.returncode == 1
    assert f"no Ray cluster answers at {address}" in done.stderr and "Traceback" not in done.stderr
    assert json.loads(done.stdout)["error"]["type"] == "ClusterUnavailableError"
    assert _checked(variables).startswith(f"False no Ray cluster answers at {address}")


def test_a_check_says_what_the_cluster_has(settings: Settings) -> None:
    found = _checked(_variables(settings))
    assert found.startswith(
        f"True {settings.ray_address}; its machines have up to 2 processors, 0 accelerators and"
    )


def _checked(variables: dict[str, str]) -> str:
    """What `amber doctor` finds of the cluster, with these variables."""
    code = "from amber.cli.checks import *; r = run_check('cluster', check_cluster); print(r.ok, r.found)"
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=variables, capture_output=True, text=True, check=True, timeout=100
    ).stdout


def test_whoever_is_outside_of_the_cluster_asks_by_its_client(
    ray_cluster: RayCluster, settings: Settings, clip: Path
) -> None:
    host, _, port = ray_cluster.client_address.removeprefix("ray://").partition(":")
    until(lambda: is_listening(int(port), host), "the cluster takes clients")
    command = [sys.executable, "-m", "amber.cli", "get", "many", str(clip), "--set", "rows=3", "--json"]
    outside = replace(settings, ray_address=ray_cluster.client_address)
    done = subprocess.run(command, env=_variables(outside), capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr
    assert [row["number"] for row in json.loads(done.stdout)["rows"]] == [0, 1, 2]


def test_an_interruption_ends_the_step_and_the_same_command_goes_on(settings: Settings, clip: Path) -> None:
    command = [sys.executable, "-m", "amber.cli", "get", "patient", str(clip), "--json"]
    asking = subprocess.Popen(
        command, env=_variables(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        until(lambda: len(calls(clip)) == 1, "it is being computed", patience=100)
        asking.send_signal(signal.SIGINT)
        out, _ = asking.communicate(timeout=60)
    finally:
        asking.kill()
    assert (asking.returncode, json.loads(out)["error"]["type"]) == (130, "KeyboardInterrupt")
    [process] = calls(clip)
    until(lambda: not _computes(process), "nobody computes it any more")
    let_end(clip)
    with Amber.open(settings=settings) as again:
        assert again.get("patient", clip).value.number.tolist() == [0]
    assert len(calls(clip)) == 2


def _variables(settings: Settings) -> dict[str, str]:
    """The environment of a process with these settings."""
    return {
        **os.environ,
        "AMBER_HOME": str(settings.home),
        "AMBER_ALGORITHMS": ",".join(settings.algorithms),
        "AMBER_EXECUTOR": settings.executor,
        "AMBER_RAY_ADDRESS": settings.ray_address,
    }


def test_without_ray_it_says_what_to_install(settings: Settings) -> None:
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from amber.engine.executors.cluster import connect\n"
        "try: connect('auto')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == (
        f"{ConfigurationError.__name__} AMBER_EXECUTOR is ray, and Ray is not installed: pip install 'amber[ray]'"
    )


def test_a_process_works_with_one_cluster(amber: Amber, clip: Path, settings: Settings) -> None:
    amber.get("many", clip)
    elsewhere = replace(settings, home=settings.home.with_name("other"), ray_address="127.0.0.1:1")
    with (
        Amber.open(settings=elsewhere) as other,
        pytest.raises(ConfigurationError, match="this process computes on the cluster"),
    ):
        other.get("many", clip)


def test_several_steps_at_once_are_as_many_as_the_cluster_has_room_for(amber: Amber, clip: Path) -> None:
    asset = amber.ingest(clip)
    with ThreadPoolExecutor(3) as pool:
        asked = {n: pool.submit(amber.get, "patient", asset, settings={"number": n}) for n in range(3)}
        until(lambda: _begun(clip) >= 2, "two are computed", patience=60)
        waiting = [number for number in range(3) if not calls(clip, number)]
        assert len(waiting) == 1
        for number in {0, 1, 2} - {*waiting}:
            let_end(clip, number)
            assert asked[number].result(60).value.number.tolist() == [number]
        until(lambda: _begun(clip) == 3, "the third has room", patience=60)
        let_end(clip, waiting[0])
        assert asked[waiting[0]].result(60).value.number.tolist() == waiting


def test_several_titles_of_one_ask_are_computed_at_once(amber: Amber, clip: Path) -> None:
    films = [clip, write_clip(clip.with_name("other.mp4"), shade=200)]
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(amber.get, "total", *films, settings={"number": 21})
        until(
            lambda: asked.done() or all(calls(film, 21) for film in films),
            "both are being computed",
            patience=60,
        )
        assert not asked.done(), asked.exception()
        for film in films:
            let_end(film, 21)
        assert asked.result(60).value.number.tolist() == [42]
    assert [len(calls(film, 21)) for film in films] == [1, 1]


def _begun(clip: Path) -> int:
    return sum(len(calls(clip, number)) for number in range(3))
