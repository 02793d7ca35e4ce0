"""A worker as a process: signals, logs and metrics around it."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from amber.client import Amber
from amber.engine.ask import Feature
from amber.engine.events import StepEvent
from amber.engine.sources import Watching, watched
from amber.engine.steward import Steward
from amber.engine.webhooks import Webhooks
from amber.engine.worker import Worker
from amber.service import metrics
from amber.service.logs import log, log_to
from amber.service.tracing import span
from amber.store.arrivals import Arrival
from amber.store.jobs import Job


class Telling:
    """Logs and counts what a worker does."""

    def left_alone(self, job: Job, why: str) -> None:
        """See the protocol."""
        log("job left alone", level=logging.WARNING, why=why, **_named(job))

    def claimed(self, job: Job, taken_over: bool) -> None:
        """See the protocol."""
        if taken_over:
            metrics.TAKEOVERS.labels("job").inc()
        log("job claimed", taken_over=taken_over, **_named(job))

    def step(self, job: Job, event: StepEvent) -> None:
        """See the protocol."""
        metrics.count_step(event)
        if event.state == "computed":
            log("step computed", step=event.step.algorithm, seconds=round(event.seconds, 4), **_named(job))
            span(event.step.algorithm, event.seconds, job=job.key)

    def done(self, job: Job, feature: Feature | None, seconds: float) -> None:
        """See the protocol."""
        state = "ready" if feature is not None else "given up"
        metrics.JOBS_ENDED.labels(job.algorithm, state).inc()
        log(f"job {state}", seconds=round(seconds, 4), **_named(job))
        span(f"job {job.algorithm}", seconds, job=job.key)

    def failed(self, job: Job, error: Exception, seconds: float) -> None:
        """See the protocol."""
        metrics.JOBS_ENDED.labels(job.algorithm, "failed").inc()
        said: dict[str, Any] = {
            "problem": type(error).__name__,
            "detail": str(error),
            "seconds": round(seconds, 4),
        }
        log("job failed", level=logging.WARNING, **said, **_named(job))


def work(
    amber: Amber,
    *,
    jobs: int = 2,
    grace_seconds: float = 10.0,
    metrics_port: int | None = None,
    until_eof: bool = False,
    watch: Sequence[str] = (),
) -> None:
    """Run jobs until a signal says to stop; then finish those at hand, or hand them back after the grace.

    Args:
        amber: What computes.
        jobs: How many are run at once.
        grace_seconds: How long those at hand may go on.
        metrics_port: Where Prometheus may read what this process counts; nowhere unless given.
        until_eof: Stop as well when standard input ends, as it does when the process that started this one dies.
        watch: Folders of this machine where new media appears.
    """
    log_to()
    worker = Worker(amber.engine, Telling(), jobs=jobs)
    steward = Steward(amber.engine, _steward_failed)
    _Stopping(worker, grace_seconds).listen(until_eof=until_eof)
    if metrics_port is not None:
        from prometheus_client import start_http_server

        start_http_server(metrics_port, "127.0.0.1", metrics.OWN)
    log("worker began", jobs=jobs, pid=os.getpid(), algorithms=amber.registry.names())
    watching = Watching(amber.engine, watched(amber.engine, watch), _taken, _source_failed)
    telling = Watching(amber.engine, [Webhooks(amber.engine)], failed=_source_failed)
    others: tuple[Steward | Watching, ...] = (steward, watching, telling)
    for one in others:
        one.start()
    worker.run()
    for one in others:
        one.stop()
    log("worker ended", pid=os.getpid())


def _taken(arrival: Arrival) -> None:
    if arrival.asset is None:
        log("arrival not taken", level=logging.WARNING, uri=arrival.uri, detail=arrival.problem)
    else:
        log("arrival", uri=arrival.uri, asset=arrival.asset)


def _source_failed(error: Exception) -> None:
    log("source not looked at", level=logging.WARNING, problem=type(error).__name__, detail=str(error))


def _steward_failed(error: Exception) -> None:
    log("what stands waits", level=logging.WARNING, problem=type(error).__name__, detail=str(error))


class _Stopping:
    """Ends a worker in order: first no more jobs, then those at hand are handed back, then it is abandoned."""

    def __init__(self, worker: Worker, grace_seconds: float) -> None:
        self._worker = worker
        self._grace = grace_seconds
        self._asked = 0
        self._lock = threading.Lock()

    def listen(self, *, until_eof: bool) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._in_thread(self.stop))
        if until_eof:
            self._in_thread(self._wait_for_eof)

    def stop(self) -> None:
        with self._lock:
            self._asked += 1
            is_first = self._asked == 1
        if not is_first:
            self._leave()
            return
        log("worker stops", at_hand=self._worker.busy)
        self._worker.stop()
        end = time.monotonic() + self._grace
        while self._worker.busy and time.monotonic() < end:
            time.sleep(0.05)
        if self._worker.busy:
            self._leave()

    def _leave(self) -> None:
        """Hand everything back; who does not hear within a second is left where it is."""
        self._worker.hand_back()
        end = time.monotonic() + 1.0
        while self._worker.busy and time.monotonic() < end:
            time.sleep(0.05)
        if self._worker.busy:
            self._worker.abandon()
            log("worker ended", pid=os.getpid(), abandoned=self._worker.busy)
            os._exit(0)

    def _wait_for_eof(self) -> None:
        while sys.stdin.buffer.read(1024):
            continue
        self.stop()

    def _in_thread(self, does: Callable[[], None]) -> None:
        threading.Thread(target=does, name="amber-stopping", daemon=True).start()


def _named(job: Job) -> dict[str, Any]:
    return {"job": job.key, "algorithm": job.algorithm, "assets": list(job.assets[:4])}
