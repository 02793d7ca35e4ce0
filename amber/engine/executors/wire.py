"""What is sent to another machine to compute steps there, and what comes back: digests and plain data, never values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module, metadata
from platform import python_version_tuple
from typing import Any

from amber.algorithm import Algorithm, SettingValue
from amber.engine.compute import Computed, Entry, InputLostError, Task
from amber.engine.leases import host_name
from amber.errors import WorkerUnfitError
from amber.keys import BLOCKS, BoundInput, Node, Step
from amber.lock import lock_entry
from amber.registry import Registry
from amber.settings import Settings

#: Modules whose errors are made again as what they are.
_KNOWN = ("amber.errors", "jasper.errors", "builtins")


@dataclass(frozen=True)
class Deployment:
    """Where the stores are and what is loaded, as whoever asks has it."""

    #: Of the machine that asks, and used on that one alone; another one has a home of its own.
    home: str
    #: The machine that asks.
    host: str
    algorithms: tuple[str, ...]
    bindings: tuple[tuple[str, str], ...]
    copies_bytes: int
    database_url: str | None = field(default=None, repr=False)
    blobs_url: str = field(default="", repr=False)
    redis_url: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "Deployment":
        """The deployment that settings name."""
        return cls(
            home=str(settings.home),
            host=host_name(),
            algorithms=settings.algorithms,
            bindings=tuple(sorted(settings.bindings.items())),
            copies_bytes=settings.copies_bytes,
            database_url=settings.database_url,
            blobs_url=settings.blobs_url,
            redis_url=settings.redis_url,
        )


@dataclass(frozen=True)
class Commission:
    """One step to be computed elsewhere."""

    #: Names it among those of whoever asks.
    id: str
    name: str
    version: str
    settings: Mapping[str, SettingValue]
    inputs: tuple[BoundInput, ...]
    #: Parameter → version of the algorithm that produces the input.
    versions: Mapping[str, str]
    step: Step
    recipe: str
    entries: tuple[Entry, ...]
    #: What decides the result besides settings and inputs, where it is asked for; see `made_with`.
    made_with: Mapping[str, Any]


@dataclass(frozen=True)
class Report:
    """What became of a commission."""

    id: str
    #: The machine that had it.
    machine: str
    computed: Computed | None = None
    #: The number of the entry whose value cannot be read.
    lost: int | None = None
    #: What the algorithm raised: module and name of its class, and its sentence.
    error: tuple[str, str] = ("", "")
    message: str = ""


@cache
def made_with(algorithm: Algorithm[..., Any]) -> dict[str, Any]:
    """What must be the same wherever an algorithm is computed: its source, weights and libraries, Amber and Python."""
    return {
        "amber": metadata.version("amber"),
        "Python": ".".join(python_version_tuple()[:2]),
        **lock_entry(algorithm),
    }


def commission(task: Task, name: str) -> Commission:
    """A task as it is sent."""
    return Commission(
        id=name,
        name=task.node.name,
        version=task.node.version,
        settings=dict(task.node.settings),
        inputs=task.node.inputs,
        versions=dict(task.versions),
        step=task.step,
        recipe=task.recipe,
        entries=task.entries,
        made_with=made_with(task.node.algorithm),
    )


def task_of(sent: Commission, registry: Registry, machine: str) -> Task:
    """The task that a commission means, with the algorithms that are loaded here.

    Raises:
        WorkerUnfitError: They are not those that it was asked for with; says what differs.
        NotFoundError: They are not loaded.
    """
    algorithm = registry.get(sent.name, sent.version)
    here = made_with(algorithm)
    if here != sent.made_with:
        raise WorkerUnfitError(
            f"{sent.name} {sent.version} is not computed on {machine}: {_difference(here, sent.made_with)}; "
            "install the same wheel with the same constraints on all machines of the cluster"
        )
    node = Node(algorithm, sent.settings, sent.inputs)
    types = {
        bound.parameter: registry.get(bound.producer, sent.versions[bound.parameter]).result
        for bound in sent.inputs
        if bound.producer
    }
    types[BLOCKS] = algorithm.result
    return Task(node, sent.step, sent.recipe, sent.entries, types, sent.versions)


def _difference(here: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """What differs, in words."""
    told = []
    for name in sorted({*here, *there}):
        found, wanted = here.get(name), there.get(name)
        if found == wanted:
            continue
        if isinstance(found, Mapping) and isinstance(wanted, Mapping):
            differing = [one for one in sorted({*found, *wanted}) if found.get(one) != wanted.get(one)]
            told += [f"{one} is {found.get(one)} there and {wanted.get(one)} here" for one in differing]
        elif name == "source":
            told.append("its source differs")
        else:
            told.append(f"{name} is {found} there and {wanted} here")
    return ", ".join(told)


def failed(sent: Commission, machine: str, error: Exception) -> Report:
    """What is sent back of an error: its class by name, and its sentence."""
    if isinstance(error, InputLostError):
        return Report(sent.id, machine, lost=sent.entries.index(error.entry))
    kind = type(error)
    return Report(sent.id, machine, error=(kind.__module__, kind.__name__), message=str(error))


def error_of(report: Report, task: Task) -> Exception:
    """The error that a report tells of: of the same class where that is ours or the language's, else of one called the same."""
    if report.lost is not None:
        return InputLostError(task.entries[report.lost])
    module, name = report.error
    kind: type[Exception] = type(name, (Exception,), {"__module__": module})
    known = getattr(import_module(module), name, None) if module in _KNOWN else None
    if isinstance(known, type) and issubclass(known, Exception):
        kind = known
    made = kind.__new__(kind, report.message)
    Exception.__init__(made, report.message)
    return made
