"""What a job's row says to whichever worker runs it: the closure and the generations that the ask sees."""

import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from amber.engine.executors.admission import Requester
from amber.errors import AmberError, JobUnfitError
from amber.keys import BoundInput, Closure, Node, Snapshot, Step, canonical
from amber.registry import Registry
from amber.store.jobs import Job


@dataclass(frozen=True)
class Order:
    """A job as an engine runs it."""

    closure: Closure
    step: Step
    snapshot: Snapshot


def job_of(closure: Closure, step: Step, snapshot: Snapshot, requester: Requester | None = None) -> Job:
    """The job of an ask, on somebody's behalf."""
    whose = requester or Requester()
    generations = [
        [node.name, node.version, asset, generation]
        for node in closure.nodes.values()
        for asset in step.assets
        if (generation := snapshot.generation(node.name, node.version, asset))
    ]
    rest = canonical({"epoch": snapshot.epoch, "generations": generations, "part": step.part}).decode()
    return Job(
        key=closure.resolved_key(step, snapshot),
        algorithm=step.algorithm,
        assets=step.assets,
        closure=closure.documents_digest,
        order=f'{{"algorithms":{closure.documents},{rest[1:]}',
        priority=whose.priority,
        requester=whose.name,
    )


def read_order(registry: Registry, job: Job, known: "MutableMapping[str, Closure] | None" = None) -> Order:
    """The job as this process can run it.

    Args:
        registry: What is loaded.
        job: As it was asked for.
        known: Digest → closure, of those that were read before; one that is read is added. The job's key covers all of it.

    Raises:
        JobUnfitError: It has not loaded exactly the closure; says what is missing or differs.
    """
    order = json.loads(job.order or "{}")
    if not order:
        raise JobUnfitError(f"job {job.key[:12]} says nothing of its closure: an older release wrote it")
    closure = known.get(job.closure) if known is not None else None
    if closure is None:
        nodes = {document["name"]: _node(registry, document) for document in order["algorithms"]}
        closure = Closure(job.algorithm, nodes)
        if known is not None and closure.documents_digest == job.closure:
            known[job.closure] = closure
    somewhere: dict[tuple[str, str], dict[str, int]] = {}
    for name, version, asset, generation in order["generations"]:
        somewhere.setdefault((name, version), {})[asset] = generation
    step = Step(job.algorithm, job.assets, order["part"])
    snapshot = Snapshot(order["epoch"], {}, somewhere)
    if closure.resolved_key(step, snapshot) != job.key:
        raise JobUnfitError(
            f"job {job.key[:12]} of {job.algorithm} has another key than this release gives it"
        )
    return Order(closure, step, snapshot)


def _node(registry: Registry, document: Mapping[str, Any]) -> Node:
    name, version = document["name"], document["version"]
    try:
        algorithm = registry.get(name, version)
        settings = {one.name: one.parse(document["settings"][one.name]) for one in algorithm.settings}
        bindings = document["bindings"]
        inputs = tuple(BoundInput(one.name, one.arity, bindings[one.name]) for one in algorithm.inputs)
    except (AmberError, KeyError) as error:
        raise JobUnfitError(f"{name} {version} is not loaded as the job means it: {error}") from error
    node = Node(algorithm, settings, inputs)
    if node.document() != document:
        raise JobUnfitError(f"{name} {version} is loaded with other settings, inputs or weights")
    return node
