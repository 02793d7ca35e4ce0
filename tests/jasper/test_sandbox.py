"""A worker process may crash, hang or swell: the caller gets an error, and the next file works."""

import dataclasses
import io
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import jasper
from jasper import identity, wire
from jasper.errors import (
    DecoderCrashedError,
    DecoderStoppedError,
    DecodingMemoryError,
    DecodingTimeError,
    MediaError,
    MediaIOError,
    OutputTooLargeError,
    SourceChangedError,
    UnreadableMediaError,
)
from jasper.frames import FrameTimes
from jasper.limits import Limits
from jasper.results import Identity
from jasper.sandbox import Sandbox
from jasper.standard_form import standardize
from tests.jasper.making import ffmpeg, sha256


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def closing(limits: Limits) -> Iterator[Sandbox]:
    sandbox = Sandbox(limits)
    yield sandbox
    sandbox.close()


def on_first_word(sandbox: Sandbox, number: int) -> Callable[[int, int], None]:
    """Sends a signal to the worker as soon as it tells of progress."""
    sent: list[int] = []

    def progress(done: int, total: int) -> None:
        if not sent:
            sent.append(done)
            os.kill(sandbox.pids[0], number)

    return progress


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that takes a worker a while."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=24:duration=40", "-c:v", "mpeg4", "-q:v", 5, path)
    return path


def test_a_worker_finds_what_the_function_itself_finds(film: Path, sandbox: Sandbox) -> None:
    told: list[tuple[int, int]] = []
    found = sandbox.identify(film, progress=lambda done, total: told.append((done, total)))
    own = identity.identify(film)
    assert found == own and found.times == own.times
    assert told[0] == (1, 72) and told[-1] == (72, 72)


def test_a_worker_makes_what_the_function_itself_makes(film: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    asset = sandbox.identify(film).asset
    theirs = sandbox.standardize(film, tmp_path / "theirs", asset=asset)
    own = standardize(film, tmp_path / "own", asset=asset)
    for field in dataclasses.fields(own):
        mine, found = getattr(own, field.name), getattr(theirs, field.name)
        if isinstance(mine, Path):
            assert (found.parent, found.name) == (tmp_path / "theirs", mine.name)
            assert sha256(found) == sha256(mine)
        else:
            assert found == mine
    assert sorted(path.name for path in (tmp_path / "theirs").iterdir()) == sorted(
        path.name for path in (tmp_path / "own").iterdir()
    )


def test_recorded_times_reach_the_worker(sandbox: Sandbox, tmp_path: Path) -> None:
    film = tmp_path / "variable.mkv"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30:duration=2", "-vf", "select='not(eq(mod(n,7),3))'",
        "-fps_mode", "vfr", "-c:v", "libx264", film,
    )  # fmt: skip
    found = sandbox.identify(film)
    assert found.rate is None and found.times is not None
    result = sandbox.standardize(film, tmp_path / "out", asset=found.asset, times=found.times)
    assert FrameTimes.load(result.frame_times) == found.times
    moved = FrameTimes(found.times.ticks * 2, found.times.time_base)
    with pytest.raises(jasper.errors.TimelineConflictError, match="keep one of the two files"):
        sandbox.standardize(film, tmp_path / "out", asset=found.asset, times=moved)


def test_one_worker_reads_many_files(film: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    pids = set()
    for number in range(20):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(film.read_bytes() if number % 2 else b"no film")
        try:
            sandbox.identify(path)
        except UnreadableMediaError as error:
            assert path.name in str(error)  # noqa: PT017 - every second one is no film
        pids.update(sandbox.pids)
    assert len(pids) == 1


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [
        (signal.SIGSEGV, DecoderCrashedError, "made the decoder crash .signal 11."),
        (signal.SIGABRT, DecoderCrashedError, "made the decoder crash .signal 6."),
        (signal.SIGKILL, DecoderStoppedError, "was ended from outside .signal 9., .*; try again"),
        (signal.SIGTERM, DecoderStoppedError, "was ended from outside .signal 15."),
    ],
)
def test_a_worker_that_dies_takes_nothing_along(
    film: Path, long_film: Path, sandbox: Sandbox, tmp_path: Path, number: int, error: type, words: str
) -> None:
    asset = sandbox.identify(long_film).asset
    with pytest.raises(error, match=words) as raised:
        sandbox.standardize(long_film, tmp_path, asset=asset, progress=on_first_word(sandbox, number))
    assert long_film.name in str(raised.value)
    assert list(tmp_path.iterdir()) == []
    assert sandbox.identify(film).frame_count == 72


def test_a_worker_that_hangs_is_given_up(film: Path, long_film: Path) -> None:
    for sandbox in closing(Limits(stall_seconds=0.3)):
        with pytest.raises(DecodingTimeError, match=r"long.mp4' got nowhere for 0 s; .*copy or download"):
            sandbox.identify(long_film, progress=on_first_word(sandbox, signal.SIGSTOP))
        assert sandbox.pids == []
        assert sandbox.identify(film).frame_count == 72


def test_a_file_may_take_so_long_and_no_longer(film: Path, long_film: Path, tmp_path: Path) -> None:
    for sandbox in closing(Limits(standardize_seconds=0.2, standardize_bytes_a_second=10**9)):
        asset = sandbox.identify(long_film).asset
        with pytest.raises(DecodingTimeError, match=r"took longer than the 0 s that a file of its size"):
            sandbox.standardize(long_film, tmp_path, asset=asset)
        assert list(tmp_path.iterdir()) == []
        assert sandbox.identify(film).frame_count == 72


def test_a_worker_that_swells_is_given_up(film: Path, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.mkv"
    one = tmp_path / "one.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "color=black:size=3840x2160:rate=1:duration=1", "-c:v", "libx264", "-preset",
        "ultrafast", one,
    )  # fmt: skip
    ffmpeg("-i", one, *("-map", "0:v") * 60, "-c", "copy", bomb)
    assert bomb.stat().st_size < 2_000_000
    for sandbox in closing(Limits(memory_bytes=250_000_000)):
        with pytest.raises(DecodingMemoryError, match=r"took 0.\d GB of memory, and 0.3 GB are allowed"):
            sandbox.identify(bomb)
        assert sandbox.usage().peak_memory_bytes < 600_000_000
        assert sandbox.identify(film).frame_count == 72


def test_a_worker_fills_no_disk(film: Path, long_film: Path, tmp_path: Path) -> None:
    for sandbox in closing(Limits(output_bytes=200_000, output_bytes_a_byte=0)):
        asset = sandbox.identify(long_film).asset
        with pytest.raises(
            OutputTooLargeError, match=r"file of more than 200,000 bytes.*; cut it into parts"
        ):
            sandbox.standardize(long_film, tmp_path, asset=asset)
        assert list(tmp_path.iterdir()) == []
        assert sandbox.identify(film).frame_count == 72


def test_errors_come_through_with_their_class_and_sentence(
    film: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    with pytest.raises(SourceChangedError, match="no longer holds asset 000000000000"):
        sandbox.standardize(film, tmp_path / "out", asset="0" * 64)
    with pytest.raises(MediaIOError, match=r"missing.mp4' cannot be opened: No such file"):
        sandbox.identify(tmp_path / "missing.mp4")
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(MediaIOError, match="cannot be written"):
        sandbox.standardize(film, blocked, asset="0" * 64)


def test_a_relative_path_is_where_the_caller_stands(
    film: Path, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.identify(film)
    (tmp_path / "here.mp4").write_bytes(film.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert sandbox.identify(Path("here.mp4")).frame_count == 72
    with pytest.raises(MediaIOError, match=r"^'there.mp4' cannot"):
        sandbox.identify(Path("there.mp4"))


def test_an_interrupted_call_ends_its_worker_and_leaves_nothing(
    long_film: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    asset = sandbox.identify(long_film).asset
    seen: list[int] = []

    def interrupt(done: int, total: int) -> None:
        seen.extend(sandbox.pids)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sandbox.standardize(long_film, tmp_path, asset=asset, progress=interrupt)
    assert list(tmp_path.iterdir()) == []
    assert seen and not Path(f"/proc/{seen[0]}").exists()


_ASKS_FOR_EVER = """
import signal, sys
from pathlib import Path
from jasper import sandbox
def progress(done, total):
    if done > 0:
        print(sandbox.shared.pids[0], flush=True)
        signal.pause()
sandbox.identify(Path(sys.argv[1]), progress=progress)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="SKIPPED: only Linux tells when a process is gone")
@pytest.mark.parametrize("stopped", [False, True])
def test_a_killed_parent_leaves_no_worker(long_film: Path, stopped: bool) -> None:
    parent = subprocess.Popen([sys.executable, "-c", _ASKS_FOR_EVER, long_film], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    watched = os.pidfd_open(worker)
    if stopped:
        os.kill(worker, signal.SIGSTOP)
    parent.kill()
    parent.communicate()
    import select

    poll = select.poll()
    poll.register(watched, select.POLLIN)
    assert poll.poll(20_000), "the worker is still there"
    os.close(watched)


def test_a_worker_has_no_privileges(film: Path, sandbox: Sandbox) -> None:
    sandbox.identify(film)
    (pid,) = sandbox.pids
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    assert [line.split()[4] for line in limits if line.startswith("Max core file size")] == ["0"]
    assert [line.split()[3] for line in limits if line.startswith("Max open files")] == ["64"]
    assert os.getsid(pid) == pid, "Ctrl-C does not reach it"


_TRIES = """
import errno, os, socket, subprocess, sys
from jasper import confine
confine.give_up_privileges()
def refused(call, *given):
    try:
        call(*given)
    except PermissionError:
        return True
    return False
print(refused(socket.socket), refused(os.execv, "/bin/true", ["true"]), refused(os.kill, os.getppid(), 0))
os._exit(0)
"""


def test_a_worker_may_not_reach_the_network_nor_start_programs_nor_touch_others() -> None:
    done = subprocess.run([sys.executable, "-c", _TRIES], capture_output=True, text=True, check=True)
    assert done.stdout == "True True True\n"


def test_a_worker_sees_no_secret_and_no_module_of_the_working_directory(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "av.py").write_text("raise SystemExit('the wrong module')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    for sandbox in closing(Limits()):
        assert sandbox.identify(film).frame_count == 72
        (pid,) = sandbox.pids
        assert b"a secret" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_threads_have_workers_of_their_own(film: Path, sandbox: Sandbox) -> None:
    barrier = threading.Barrier(3)

    def identify(number: int) -> str:
        return sandbox.identify(
            film, progress=lambda done, total: barrier.wait(60) if done == 1 else None
        ).asset

    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(identify, range(3)))) == 1
    assert len(sandbox.pids) == 2, "not all of them are kept"


def _identified(path: Path) -> str:
    return jasper.identify(path).asset


def test_a_forked_process_has_workers_of_its_own(film: Path) -> None:
    mine = jasper.identify(film).asset
    before = jasper.sandbox.shared.pids
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(_identified, (film,)) == mine
    assert jasper.sandbox.shared.pids == before
    assert jasper.identify(film).asset == mine


def test_what_workers_use_is_counted(film: Path, sandbox: Sandbox) -> None:
    sandbox.identify(film)
    usage = sandbox.usage()
    assert usage.bytes_read >= 2 * film.stat().st_size
    assert 20_000_000 < usage.peak_memory_bytes < 200_000_000


# what a worker says is not believed


_LIES = """
import os, sys
from jasper import worker
worker._answer = lambda request, arrays, say: {answer}
worker.main(*map(int, sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "answer",
    [
        r"""b'no JSON\n'""",
        r"""b'[1]\n'""",
        r"""b'{"progress": [1]}\n{"result": {}}\n'""",
        r"""b'{"result": {"asset": "x"}}\n'""",
        r"""b'{"error": {"type": "SystemExit", "message": "x"}}\n'""",
        r"""b'{"error": {"type": "ClassVar", "message": "x"}}\n'""",
        r"""b'{"error": 5}\n'""",
        r"""b'{"something": 5}\n'""",
        r"""b'[' * 100_000 + b'\n'""",
        r"""b'x' * 6_000_000""",
    ],
)
def test_nonsense_from_a_worker_is_an_error(film: Path, answer: str) -> None:
    sandbox = Sandbox(command=(sys.executable, "-P", "-c", _LIES.format(answer=answer)))
    with pytest.raises(DecoderCrashedError, match="made the decoder say what it never says"):
        sandbox.identify(film)
    assert sandbox.pids == []


_LINKS = """
import os, sys
from pathlib import Path
from jasper import worker
made = worker.standardize
def standardize(source, into, **given):
    result = made(source, into, **given)
    result.encode.unlink()
    result.encode.symlink_to("/etc/hostname")
    return result
worker.standardize = standardize
worker.main(*map(int, sys.argv[1:]))
"""


def test_a_link_from_a_worker_is_no_result(film: Path, tmp_path: Path) -> None:
    sandbox = Sandbox(command=(sys.executable, "-P", "-c", _LINKS))
    asset = sandbox.identify(film).asset
    with pytest.raises(DecoderCrashedError, match=r"encode.mp4 was to be a file"):
        sandbox.standardize(film, tmp_path, asset=asset)
    assert list(tmp_path.iterdir()) == []


def test_values_are_what_their_types_say() -> None:
    arrays = io.BytesIO()
    times = FrameTimes([0, 1, 5], Fraction(1, 24))
    assert wire.from_plain(FrameTimes, wire.to_plain(times, arrays), arrays) == times
    empty = FrameTimes([], Fraction(1, 24))
    assert wire.from_plain(FrameTimes, wire.to_plain(empty, arrays), arrays) == empty
    for declared, data in (
        (int, True),
        (int, 1.5),
        (float, float("nan")),
        (str, None),
        (Fraction, "1/0"),
        (Fraction, 1),
        (Path, "../x"),
        (Path, "/x"),
        (Path, ".."),
        (Identity, {}),
        (FrameTimes, {"at": 0, "count": 4, "time_base": "1/24"}),
        (FrameTimes, {"at": 0, "count": 10**12, "time_base": "1/24"}),
        (FrameTimes, {"at": 0, "count": 1, "time_base": "-1/24"}),
    ):
        with pytest.raises(wire.MalformedMessageError):
            wire.from_plain(declared, data, io.BytesIO(np.array([0, 1], dtype=np.int64).tobytes()))
    with pytest.raises(wire.MalformedMessageError, match="out of order"):
        wire.from_plain(
            FrameTimes,
            {"at": 0, "count": 2, "time_base": "1"},
            io.BytesIO(np.array([2, 1], dtype=np.int64).tobytes()),
        )


def test_a_mistake_of_ours_is_told_and_ends_the_worker(film: Path) -> None:
    code = "import sys\nfrom jasper import worker\nworker.identify = lambda *a, **b: 1 / 0\nworker.main(*map(int, sys.argv[1:]))"
    sandbox = Sandbox(command=(sys.executable, "-P", "-c", code))
    with pytest.raises(MediaError, match=r"ZeroDivisionError in the decoder .division by zero.; copy"):
        sandbox.identify(film)
    assert sandbox.pids == []


def test_a_large_film_is_allowed_more_memory_up_to_a_bound() -> None:
    limits = Limits()
    assert limits.memory_for(1_000_000) < 1_100_000_000 < limits.memory_for(10**8)
    assert limits.memory_for(10**12) == 3_000_000_000
