"""Amber behind a service: the same calls and the same answers as embedded, over HTTP."""

import json
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import quote

from amber.editing.searching import Found, SearchAsk, found_in
from amber.engine.ask import Ask, ComputedStep, Feature
from amber.engine.engine import State
from amber.engine.events import Listener, StepEvent, silent
from amber.engine.ingest import AssetName, Ingested, Progress, media_files
from amber.engine.kept_plans import read_plan
from amber.engine.lineage import Lineage
from amber.engine.names import ambiguous
from amber.engine.values import Value
from amber.errors import (
    AlgorithmNotFoundError,
    AmberError,
    AssetNotFoundError,
    DeclarationError,
    JobNotFoundError,
    UsageError,
)
from amber.http import Link
from amber.keys import Step
from amber.plan import Plan, PlannedStep
from amber.registry import Registry, load_algorithms
from amber.remote_orders import RemoteBackfills, RemoteSubscriptions
from amber.settings import Settings
from amber.store.accounts import Account
from amber.store.blobs import FileBlobs
from amber.store.jobs import Job
from amber.store.jobs import Progress as JobProgress
from amber.store.protocol import Applied, AssetRecord, Blob, Cost, KeptPlan, Trace, TraceInput

#: A request waits so long for its job before it is sent again.
WAIT_SECONDS = 20
_PAGE = 1000


class RemoteAmber:
    """Amber behind a service, with the calls of `Amber`. `Amber.open("http://host:8000")` gives one.

    Results are typed where the algorithms are loaded here too; tables come without them.

    Args:
        url: Of the service.
        token: Sent with every request, if it wants one; `AMBER_TOKEN`, unless given.
        registry: The algorithms that are loaded here, for the types of results.
    """

    def __init__(self, url: str, token: str = "", registry: Registry | None = None) -> None:
        self._link = Link(url, token)
        #: What is made to exist once for many assets.
        self.backfills = RemoteBackfills(self._link)
        #: What shall exist for every asset that comes.
        self.subscriptions = RemoteSubscriptions(self._link)
        self._types = registry
        self._folder = tempfile.TemporaryDirectory(prefix="amber-remote-")
        self._blobs = _RemoteBlobs(self._link, Path(self._folder.name))

    @classmethod
    def at(cls, url: str, settings: Settings) -> "RemoteAmber":
        """The service at a URL, with the algorithms of the settings for the types of results, as far as they load."""
        try:
            registry = Registry(load_algorithms(settings.algorithms), settings.bindings)
        except DeclarationError:
            registry = None
        return cls(url, settings.token, registry)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections and of local copies."""
        self._link.close()
        self._folder.cleanup()

    # assets

    def ingest(
        self, path: str | Path, *, title: str | None = None, progress: Progress | None = None
    ) -> AssetRecord:
        """Send one media file, which the service names, records and keeps; raises as embedded."""
        chosen = Path(path)
        return _asset(self._link.send_file(chosen, title or chosen.stem, progress))

    def ingest_all(
        self, paths: Sequence[str | Path], *, progress: Progress | None = None
    ) -> Iterator[Ingested]:
        """Send files, and the media files in folders; one that fails is told, not raised."""
        from jasper.errors import MediaError

        for path in media_files([Path(path) for path in paths]):
            try:
                answer = self._link.send_file(path, path.stem, progress)
            except (AmberError, MediaError, OSError) as error:
                yield Ingested(path, "failed", problem=str(error))
            else:
                yield Ingested(path, answer["state"], answer["asset"], partial=answer["partial"])

    def asset(self, name: AssetName, *, progress: Progress | None = None) -> AssetRecord:
        """The asset of that hash, prefix, title or path; a path that is not known yet is sent first; raises as embedded."""
        if isinstance(name, AssetRecord):
            return name
        found = self._link.get("/v1/assets", {"name": str(name)})["assets"]
        if len(found) == 1:
            return _asset(found[0])
        if found:
            raise ambiguous(str(name), [(one["asset"], one["title"]) for one in found])
        if Path(name).is_file():
            return self.ingest(name, progress=progress)
        raise AssetNotFoundError(
            f"no asset {str(name)!r}: it is neither a hash, nor six digits or more of one, nor a title, nor a file"
        )

    def assets(self, where: Mapping[str, str] | None = None) -> list[AssetRecord]:
        """All assets, or those with all these labels."""
        labels = {f"label.{name}": value for name, value in (where or {}).items()}
        return [_asset(one) for one in self._link.pages("/v1/assets", labels, "assets", _PAGE)]

    def label(
        self, asset: AssetName, labels: Mapping[str, str | None], *, title: str | None = None
    ) -> AssetRecord:
        """Set labels (None removes one) and the title."""
        path = f"/v1/assets/{self.asset(asset).asset}"
        return _asset(self._link.send("PATCH", path, json={"labels": dict(labels), "title": title}))

    def features(self, asset: AssetName) -> list[Trace]:
        """What is stored for an asset, newest first."""
        path = f"/v1/assets/{self.asset(asset).asset}/features"
        return [_trace(one) for one in self._link.pages(path, {}, "features", _PAGE)]

    # features

    def get(
        self,
        algorithm: str,
        *assets: AssetName,
        version: str | None = None,
        settings: Mapping[str, object] | None = None,
        use: Mapping[str, str] | None = None,
        listener: Listener = silent,
    ) -> Feature:
        """The feature, computed by a worker if it is missing; raises as embedded.

        Sent again after a lost connection, it joins its own job: the request has an idempotency key.
        """
        return self._get(
            "/v1/features", _body(self._ask(algorithm, assets, version, settings, use)), listener
        )

    def _get(self, path: str, body: Mapping[str, Any], listener: Listener) -> Feature:
        """What is there, waited for as long as it takes."""
        idempotency = uuid.uuid4().hex
        while True:
            headers = {"Idempotency-Key": idempotency, "Prefer": f"wait={self._patience(listener)}"}
            answer = self._link.ask(path, body, {"limit": 1}, headers)
            if answer.status == 200:
                return self._feature(answer.document)
            self._tell(answer.document, listener)

    def search(
        self,
        text: str,
        *assets: AssetName,
        where: Mapping[str, str] | None = None,
        by: str = "labels",
        top: int = 20,
        ready: bool = False,
        settings: Mapping[str, object] | None = None,
        use: Mapping[str, str] | None = None,
        listener: Listener = silent,
    ) -> Found:
        """The shots that fit some words, best first; a worker computes what is missing; raises as embedded."""
        chosen = [self.asset(asset) for asset in assets]
        if where or not assets:
            chosen += self.assets(where)
        hashes = tuple(dict.fromkeys(record.asset for record in chosen))
        ask = SearchAsk(text, hashes, by, top, settings or {}, use or {}, ready)
        feature = self._get("/v1/search", _search_body(ask), listener)
        searched = set(feature.trace.assets)
        return found_in(feature, [record for record in chosen if record.asset in searched], ask)

    def _patience(self, listener: Listener) -> int:
        """Seconds to wait for a job at a time: short where somebody wants to hear how far it is."""
        return WAIT_SECONDS if listener is silent else 1

    def _tell(self, job: Any, listener: Listener) -> None:
        if job.get("step"):
            step = Step(job["step"], tuple(job["assets"]))
            listener(StepEvent(step, "running", job["done"], job["total"], job["unit"]))

    def _feature(self, document: Any) -> Feature:
        key = document["key"]
        own = {
            name.removeprefix(f"{key['algorithm']}."): value
            for name, value in key["settings"].items()
            if name.startswith(f"{key['algorithm']}.")
        }
        trace = _trace({**document, **key, "settings": own})
        computed = tuple(
            ComputedStep(Step(one["algorithm"], tuple(one["assets"])), one["seconds"])
            for one in document["computed"]
        )
        value = Value(self._blobs.read(trace.value.sha256), self._blobs)
        return Feature(trace, value, self._result_type(trace), computed, document["hit"])

    def _result_type(self, trace: Trace) -> type | None:
        if self._types is None:
            return None
        try:
            return self._types.get(trace.algorithm).result
        except AlgorithmNotFoundError:
            return None

    def plan(
        self,
        algorithm: str,
        *assets: AssetName,
        version: str | None = None,
        settings: Mapping[str, object] | None = None,
        use: Mapping[str, str] | None = None,
    ) -> Plan:
        """What `get` would do, step for step."""
        ask = self._ask(algorithm, assets, version, settings, use)
        answer = self._link.send("POST", "/v1/plans", json=_body(ask))
        return Plan(
            tuple(
                PlannedStep(
                    Step(one["algorithm"], tuple(one["assets"])), one["mark"], one["reason"], one["seconds"]
                )
                for one in answer["steps"]
            )
        )

    def state(
        self, algorithm: str, *assets: AssetName, settings: Mapping[str, object] | None = None
    ) -> State:
        """One of absent, queued, running, ready, failed."""
        ask = self._ask(algorithm, assets, None, settings, None)
        return str(self._link.send("POST", "/v1/states", json=_body(ask))["state"])

    def why(self, feature: str) -> Lineage:
        """What a feature was made from, what was made from it, and why it was computed."""
        found = self._link.get(f"/v1/features/{feature}/lineage")
        cost = found["cost"]
        entries = [
            TraceInput(one["parameter"], "+".join(one["assets"]), one["value"], one["feature"])
            for one in found["made_from"]
        ]
        sources = {
            one.recipe: _trace(self._link.get(f"/v1/features/{one.recipe}/lineage"))
            for one in entries
            if one.recipe
        }
        return Lineage(
            trace=_trace(found),
            reason=found["reason"],
            cost=Cost(**cost) if cost is not None else None,
            made_from=tuple(entries),
            sources=sources,
            used_by=tuple(_trace(one) for one in found["used_by"]),
        )

    def retry(self, algorithm: str | None = None, asset: AssetName | None = None) -> int:
        """Forget remembered failures; how many there were."""
        found = self.asset(asset).asset if asset is not None else None
        body = {"algorithm": algorithm, "asset": found}
        return int(self._link.send("POST", "/v1/admin/retry", json=body)["forgotten"])

    # upkeep: who did it is written down as the token that was sent

    def plan_invalidation(
        self,
        target: str,
        *assets: AssetName,
        where: Mapping[str, str] | None = None,
        with_dependants: bool = False,
        reason: str,
    ) -> KeptPlan:
        """What disowning `ALGORITHM@VERSION` would cover; raises as embedded."""
        body = {
            "assets": [self.asset(asset).asset for asset in assets],
            "where": dict(where or {}),
            "with_dependants": with_dependants,
            "reason": reason,
        }
        return read_plan(self._link.send("POST", f"{_version_path(target)}/invalidate", json=body))

    def costs(self) -> list[Account]:
        """What was spent and saved, by algorithm, version and requester."""
        return [Account(**row) for row in self._link.send("GET", "/v1/costs")["rows"]]

    def plan_forget(self, asset: AssetName, *, reason: str) -> KeptPlan:
        """What taking an asset down would remove; nothing is removed before the plan is applied."""
        path = f"/v1/admin/assets/{self.asset(asset).asset}/forget"
        return read_plan(self._link.send("POST", path, json={"reason": reason}))

    def apply(self, plan: KeptPlan) -> Applied:
        """Do what a plan says, or nothing; raises as embedded. The blobs that nothing needs any more are not told."""
        if plan.action == "forget" and plan.assets:
            path = f"/v1/admin/assets/{plan.assets[0]}/forget"
        else:
            path = f"{_path_of(plan)}/invalidate"
        return Applied(read_plan(self._link.send("POST", path, json={"plan_id": plan.id})))

    def undo(self, plan: KeptPlan) -> KeptPlan:
        """Take an applied invalidation back; raises as embedded."""
        return read_plan(self._link.send("POST", f"{_path_of(plan)}/restore", json={"plan_id": plan.id}))

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"there is no {name!r} over HTTP; open the store itself for it: Amber.open() with AMBER_HOME or AMBER_DATABASE_URL"
        )

    # jobs

    def jobs(self, *, ended: bool = False) -> list[Job]:
        """The jobs that wait or run; with `ended`, all that are still known."""
        query = {"ended": "true" if ended else "false"}
        return [_job(one) for one in self._link.pages("/v1/jobs", query, "jobs", _PAGE)]

    def job(self, name: str) -> Job:
        """The job whose id is, or begins with, `name` (six digits or more)."""
        found = [job for job in self.jobs(ended=True) if len(name) >= 6 and job.key.startswith(name.lower())]
        if len(found) != 1:
            raise JobNotFoundError(f"{'several jobs begin with' if found else 'there is no job'} {name!r}")
        return found[0]

    def cancel(self, name: str) -> Job:
        """Take back an ask of this caller."""
        return _job(self._link.send("DELETE", f"/v1/jobs/{self.job(name).key}"))

    def _ask(
        self,
        algorithm: str,
        assets: Sequence[AssetName],
        version: str | None,
        settings: Mapping[str, object] | None,
        use: Mapping[str, str] | None,
    ) -> Ask:
        hashes = tuple(self.asset(asset).asset for asset in assets)
        return Ask(algorithm, hashes, version, settings or {}, use or {})


class _RemoteBlobs(FileBlobs):
    """Blobs as local copies, fetched when they are first read and checked by their digest."""

    def __init__(self, link: Link, folder: Path) -> None:
        super().__init__(folder / "blobs", folder / "scratch")
        self._link = link

    def read(self, sha256: str) -> bytes:
        """See the protocol."""
        self._fetch(sha256)
        return super().read(sha256)

    def local_path(self, sha256: str) -> Path:
        """See the protocol."""
        self._fetch(sha256)
        return super().local_path(sha256)

    def _fetch(self, sha256: str) -> None:
        if sha256 in self.present([sha256]):
            return
        with tempfile.NamedTemporaryFile(prefix="amber-blob-") as file:
            self._link.download(f"/v1/blobs/{sha256}", file)
            file.flush()
            self.put_file(Path(file.name))


def _version_path(target: str) -> str:
    """Where the service disowns `ALGORITHM@VERSION`.

    Raises:
        UsageError: It is written otherwise.
    """
    algorithm, separator, version = target.partition("@")
    if not (algorithm and separator and version):
        raise UsageError(f"say ALGORITHM@VERSION; found {target!r}")
    return f"/v1/admin/algorithms/{quote(algorithm, safe='')}/versions/{quote(version, safe='')}"


def _path_of(plan: KeptPlan) -> str:
    if plan.action != "invalidate" or not plan.doomed:
        raise UsageError(
            f"plan {plan.id} is to {plan.action}; over HTTP, only invalidating and forgetting are planned"
        )
    return _version_path(f"{plan.doomed[0].algorithm}@{plan.doomed[0].version}")


def _body(ask: Ask) -> dict[str, Any]:
    return {
        "algorithm": ask.algorithm,
        "assets": list(ask.assets),
        "version": ask.version,
        "settings": dict(ask.settings),
        "use": dict(ask.use),
    }


def _search_body(ask: SearchAsk) -> dict[str, Any]:
    return {
        "text": ask.text,
        "assets": list(ask.assets),
        "by": ask.by,
        "top": ask.top,
        "ready": ask.ready,
        "settings": dict(ask.settings),
        "use": dict(ask.use),
    }


def _asset(one: Mapping[str, Any]) -> AssetRecord:
    return AssetRecord(
        asset=one["asset"],
        title=one["title"],
        duration_seconds=one["duration_seconds"],
        frame_count=one["frame_count"],
        width=one["width"],
        height=one["height"],
        rate=Fraction(one["rate"]) if one["rate"] is not None else None,
        partial=one["partial"],
        labels=one["labels"],
        added_at=_moment(one["added_at"]),
    )


def _trace(one: Mapping[str, Any]) -> Trace:
    return Trace(
        recipe=one["feature"],
        algorithm=one["algorithm"],
        version=one["version"],
        part="whole",
        assets=tuple(one["assets"]),
        generations=(0,) * len(one["assets"]),
        settings=json.dumps(one["settings"], sort_keys=True, separators=(",", ":")),
        value=Blob(one["value"]["sha256"], one["value"]["size_bytes"]),
        seconds=one["seconds"],
        created_at=_moment(one["created_at"]),
    )


def _job(one: Mapping[str, Any]) -> Job:
    problem = one["problem"] or {"error": "", "detail": ""}
    told = JobProgress(
        one["step"] or "",
        one["done"],
        one["total"],
        one["unit"],
        one["steps_done"],
        one["steps_total"],
        one["eta_seconds"],
    )
    return Job(
        key=one["job"],
        algorithm=one["algorithm"],
        assets=tuple(one["assets"]),
        state=one["state"],
        progress=told,
        recipe=one["feature"] or "",
        made=json.dumps(one["computed"]),
        error=problem["error"],
        message=problem["detail"],
        revision=one["revision"],
        created_at=_seconds(one["created_at"]),
        started_at=_seconds(one["started_at"]),
        changed_at=_seconds(one["changed_at"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _seconds(text: str | None) -> float:
    moment = _moment(text)
    return moment.timestamp() if moment else 0.0
