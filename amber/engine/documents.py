"""The JSON documents that commands print and the service answers; their shapes are fixed, and grow only by new names."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from amber.engine.ask import Ask, Feature
from amber.errors import VersionNotFoundError

if TYPE_CHECKING:
    from amber.algorithm import Algorithm
    from amber.engine.engine import Engine
    from amber.engine.ingest import Ingested
    from amber.engine.lineage import Lineage
    from amber.keys import Closure
    from amber.plan import Plan
    from amber.registry import Registry
    from amber.store.jobs import Job
    from amber.store.protocol import AssetRecord, Blob, Location, Trace


def asset_document(record: "AssetRecord") -> dict[str, Any]:
    """One asset of the library."""
    return {
        "asset": record.asset,
        "title": record.title,
        "duration_seconds": record.duration_seconds,
        "frame_count": record.frame_count,
        "labels": dict(record.labels),
        "width": record.width,
        "height": record.height,
        "rate": str(record.rate) if record.rate is not None else None,
        "partial": record.partial,
        "added_at": record.added_at,
    }


def shown_document(
    record: "AssetRecord", locations: Iterable["Location"], features: Iterable["Trace"]
) -> dict[str, Any]:
    """One asset with all that is known of it."""
    return {
        **asset_document(record),
        "facts": dict(record.facts),
        "locations": [
            {
                "uri": at.uri,
                "file_digest": at.file_digest,
                "size_bytes": at.size_bytes,
                "metadata": dict(at.metadata),
                "seen_at": at.seen_at,
            }
            for at in locations
        ],
        "features": [trace_document(trace) for trace in features],
    }


def ingested_document(done: "Ingested") -> dict[str, Any]:
    """What became of one path."""
    document: dict[str, Any] = {"path": str(done.path), "asset": done.asset, "state": done.state}
    if done.problem is not None:
        document["problem"] = done.problem
    if done.partial:
        document["partial"] = True
    return document


def blob_document(blob: "Blob") -> dict[str, Any]:
    """A value by name and size."""
    return {"sha256": blob.sha256, "size_bytes": blob.size_bytes}


def trace_document(trace: "Trace") -> dict[str, Any]:
    """A stored feature."""
    return {
        "feature": trace.recipe,
        "algorithm": trace.algorithm,
        "version": trace.version,
        "assets": list(trace.assets),
        "settings": json.loads(trace.settings),
        "value": blob_document(trace.value),
        "seconds": trace.seconds,
        "created_at": trace.created_at,
    }


def feature_document(engine: "Engine", ask: Ask, feature: Feature, *, rows: bool = True) -> dict[str, Any]:
    """The answer to one ask.

    Args:
        engine: Knows the settings that the ask left at their defaults.
        ask: What was asked.
        feature: What came of it.
        rows: Whether the rows are wanted.
    """
    document: dict[str, Any] = {
        "feature": feature.id,
        "key": {
            "assets": list(feature.trace.assets),
            "algorithm": feature.trace.algorithm,
            "version": feature.trace.version,
            "settings": _settings(engine, ask, feature),
        },
        "state": "ready",
        "hit": feature.hit,
        "value": blob_document(feature.trace.value),
        "computed": [
            {"algorithm": done.step.algorithm, "assets": list(done.step.assets), "seconds": done.seconds}
            for done in feature.computed
        ],
    }
    if rows:
        document["rows"] = feature.rows()
    return document


def _settings(engine: "Engine", ask: Ask, feature: Feature) -> dict[str, Any]:
    """Every setting of the ask as `--set` takes it; those of the asked algorithm alone if its code is gone."""
    try:
        return settings_document(engine.closure(ask))
    except VersionNotFoundError:
        own = json.loads(feature.trace.settings)
        return {f"{ask.algorithm}.{name}": value for name, value in own.items()}


def settings_document(closure: "Closure") -> dict[str, Any]:
    """Every setting of an ask as `--set` takes it."""
    nodes = closure.nodes.items()
    return {f"{name}.{key}": value for name, node in nodes for key, value in node.settings.items()}


def failed_document(ask: Ask, error: dict[str, str]) -> dict[str, Any]:
    """The answer to one ask of several that failed."""
    key = {"assets": list(ask.assets), "algorithm": ask.algorithm, "version": ask.version}
    return {"feature": None, "key": key, "state": "failed", "error": error}


def plan_document(plan: "Plan") -> dict[str, Any]:
    """What an ask would do."""
    steps = [
        {
            "algorithm": planned.step.algorithm,
            "assets": list(planned.step.assets),
            "mark": planned.mark,
            "reason": planned.reason,
            "seconds": planned.seconds,
        }
        for planned in plan.steps
    ]
    return {"steps": steps, "seconds": plan.seconds}


def lineage_document(lineage: "Lineage") -> dict[str, Any]:
    """Where a feature comes from and what came of it."""
    cost = lineage.cost
    return {
        **trace_document(lineage.trace),
        "reason": lineage.reason,
        "cost": None
        if cost is None
        else {
            "seconds": cost.seconds,
            "cpu_seconds": cost.cpu_seconds,
            "peak_memory_bytes": cost.peak_memory_bytes,
            "bytes_read": cost.bytes_read,
        },
        "made_from": [
            {
                "parameter": entry.parameter,
                "assets": entry.label.split("+"),
                "value": entry.value,
                "feature": entry.recipe,
                "algorithm": lineage.sources[entry.recipe].algorithm
                if entry.recipe in lineage.sources
                else None,
            }
            for entry in lineage.made_from
        ],
        "used_by": [trace_document(trace) for trace in lineage.used_by],
    }


def algorithm_document(registry: "Registry", algorithm: "Algorithm[..., Any]") -> dict[str, Any]:
    """One loaded version of an algorithm."""
    return {
        "name": algorithm.name,
        "version": algorithm.version,
        "is_default": registry.versions(algorithm.name)[-1] == algorithm.version,
        "inputs": [
            {
                "parameter": wanted.name,
                "type": wanted.type.__name__,
                "arity": wanted.arity,
                "producer": registry.producer(wanted, {}) or None,
            }
            for wanted in algorithm.inputs
        ],
        "settings": {setting.name: setting.default for setting in algorithm.settings},
        "weights": {
            entry.name: {"name": entry.weights.name, "sha256": entry.weights.sha256}
            for entry in algorithm.weights
        },
        "resources": {
            "cpus": algorithm.cpus,
            "gpus": algorithm.gpus,
            "memory_bytes": algorithm.memory_bytes,
            "memory_bytes_a_pixel": algorithm.memory_bytes_a_pixel,
            "memory_bytes_a_frame": algorithm.memory_bytes_a_frame,
        },
        "result": algorithm.result.__name__,
        "help": summary(algorithm),
    }


def graph_document(registry: "Registry") -> dict[str, Any]:
    """The default versions of the loaded algorithms, and what enters them."""
    algorithms = [registry.get(name) for name in registry.names()]
    edges = [
        {
            "producer": producer,
            "consumer": algorithm.name,
            "parameter": wanted.name,
            "arity": wanted.arity,
        }
        for algorithm in algorithms
        for wanted in algorithm.inputs
        if (producer := registry.producer(wanted, {}))
    ]
    return {"algorithms": registry.names(), "edges": edges}


def summary(algorithm: "Algorithm[..., Any]") -> str:
    """The first line of an algorithm's docstring."""
    return (algorithm.function.__doc__ or "").strip().partition("\n")[0]


def job_document(job: "Job") -> dict[str, Any]:
    """An ask in flight, and how far it is."""
    from amber.engine.engine import job_state

    state = job.state if job.is_ended else job_state(job)
    told = job.progress
    return {
        "job": job.key,
        "algorithm": job.algorithm,
        "assets": list(job.assets),
        "state": state,
        "step": told.step or None,
        "done": told.done,
        "total": told.total,
        "unit": told.unit,
        # The last steps may have been too quick to be told one by one.
        "steps_done": told.steps_total if state == "ready" else told.steps_done,
        "steps_total": told.steps_total,
        "eta_seconds": told.remaining_seconds if state == "running" else None,
        "feature": job.recipe or None,
        "computed": json.loads(job.made),
        "problem": {"error": job.error, "detail": job.message} if state == "failed" else None,
        "revision": job.revision,
        "created_at": _moment(job.created_at),
        "started_at": _moment(job.started_at),
        "changed_at": _moment(job.changed_at),
    }


def _moment(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else None
