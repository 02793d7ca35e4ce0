"""`Amber`: the Python entry, embedded in the calling process."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from amber.engine import invalidate
from amber.engine.ask import Ask, Feature
from amber.engine.engine import Engine, State
from amber.engine.events import Listener, silent
from amber.engine.executors.admission import Capacity, Requester
from amber.engine.executors.choice import executor_of
from amber.engine.executors.gate import capacity_said
from amber.engine.executors.protocol import Executor
from amber.engine.ingest import AssetName, Ingested, Progress, ingest, media_files, try_ingest
from amber.engine.lineage import Lineage, lineage
from amber.engine.names import find_asset
from amber.engine.standing_calls import StandingCalls
from amber.errors import AssetNotFoundError
from amber.plan import Plan
from amber.registry import Registry, load_algorithms
from amber.settings import Settings
from amber.store.accounts import Account
from amber.store.collect import GRACE_SECONDS, Collected, collect
from amber.store.open import open_store
from amber.store.protocol import Applied, AssetRecord, Audit, KeptPlan, Pin, Store, Trace
from amber.store.verify import Report, verify

if TYPE_CHECKING:
    # A warm ask must not wait for what only editors need.
    from amber.editing.cuts import Cut
    from amber.editing.matching import MatchCuts, Shown
    from amber.editing.originals import Original
    from amber.editing.searching import Found


class Amber(StandingCalls):
    """Features of media, computed once.

    `Amber.open()` gives one on `AMBER_HOME`; use it as a context manager, or call `close`.

    Args:
        store: Where features are kept.
        registry: The loaded algorithms.
        capacity: What steps may take together on this machine; what it has, unless given.
        executor: Computes what is missing; this machine, unless given.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        capacity: Capacity | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.store = store
        self.registry = registry
        self.engine = Engine(store, registry, capacity=capacity, executor=executor)

    @classmethod
    def open(cls, home: str | Path | None = None, *, settings: Settings | None = None) -> Self:
        """Open the store under a home and load the algorithms that the settings name; or reach a service.

        Args:
            home: Folder of the catalogue and blobs; `AMBER_HOME`, or `~/.amber`, unless given.
                `http://…` or `https://…` is a service: what comes back has the same calls, and sends `AMBER_TOKEN`.
            settings: Instead of those of the environment and `amber.toml`.

        Raises:
            ConfigurationError, DeclarationError: The settings or the algorithms cannot be used.
            StoreError: The store cannot be opened.
        """
        if isinstance(home, str) and home.startswith(("http://", "https://")):
            from amber.remote import RemoteAmber  # loads httpx, which nothing else needs

            return cast("Self", RemoteAmber.at(home, settings or Settings.read()))
        chosen = settings or Settings.read(home=Path(home) if home is not None else None)
        registry = Registry(load_algorithms(chosen.algorithms), chosen.bindings)
        store = open_store(
            chosen.home,
            chosen.database_url,
            blobs_url=chosen.blobs_url,
            redis_url=chosen.redis_url,
            copies_bytes=chosen.copies_bytes,
        )
        capacity = capacity_said(chosen)
        return cls(store, registry, capacity, executor_of(chosen, store, capacity))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store."""
        self.engine.close()
        self.store.close()

    # assets

    def ingest(
        self, path: str | Path, *, title: str | None = None, progress: Progress | None = None
    ) -> AssetRecord:
        """Name and record one media file.

        Raises:
            jasper.errors.MediaError: It is no media file, or cannot be read.
            FileNotFoundError: There is no such file.
        """
        done = self._taken(ingest(self.store, Path(path), title=title, progress=progress))
        assert done.asset is not None, "a file that was ingested has an asset"
        return self.asset(done.asset)

    def ingest_all(
        self, paths: Sequence[str | Path], *, progress: Progress | None = None
    ) -> Iterator[Ingested]:
        """Name and record files, and the media files in folders; one that fails is told, not raised."""
        for path in media_files([Path(path) for path in paths]):
            yield self._taken(try_ingest(self.store, path, progress=progress))

    def asset(self, name: AssetName, *, progress: Progress | None = None) -> AssetRecord:
        """The asset of that hash, prefix, title or path; a path that is not known yet is ingested first.

        Raises:
            AssetNotFoundError: None fits.
            AmbiguousAssetError: Several do.
        """
        if isinstance(name, AssetRecord):
            return name
        if isinstance(name, str):
            found = find_asset(self.store.catalog, name)
            if found is not None:
                return found
        if Path(name).is_file():
            return self.ingest(name, progress=progress)
        raise AssetNotFoundError(
            f"no asset {str(name)!r}: it is neither a hash, nor six digits or more of one, nor a title, nor a file; "
            "`amber assets` lists what there is"
        )

    def assets(self, where: Mapping[str, str] | None = None) -> list[AssetRecord]:
        """All assets, or those with all these labels."""
        return self.store.catalog.assets(where)

    def label(
        self, asset: AssetName, labels: Mapping[str, str | None], *, title: str | None = None
    ) -> AssetRecord:
        """Set labels (None removes one) and the title; nothing is computed again for it."""
        record = self.asset(asset)
        self.store.catalog.set_labels(record.asset, labels)
        if title is not None:
            self.store.catalog.set_title(record.asset, title)
        self._arrived(record.asset)
        return self.asset(record.asset)

    def features(self, asset: AssetName) -> list[Trace]:
        """What is stored for an asset, newest first."""
        return self.store.catalog.features(self.asset(asset).asset)

    # features

    def get(
        self,
        algorithm: str,
        *assets: AssetName,
        version: str | None = None,
        settings: Mapping[str, object] | None = None,
        use: Mapping[str, str] | None = None,
        listener: Listener = silent,
        requester: Requester | None = None,
    ) -> Feature:
        """The feature, computed if it is missing; several assets make one joint feature.

        Args:
            algorithm: Its name.
            assets: One or more.
            version: Of the algorithm; the default one, unless said.
            settings: `algorithm.name`, or a bare name if only one algorithm of the ask has it → value.
            use: Result type's name → algorithm that shall produce it.
            listener: Told of every step.
            requester: On whose behalf, and how urgent; the user of this process, who waits, unless given.

        Raises:
            NotFoundError, UsageError: What is asked for does not exist or cannot be meant.
            ComputeError: It, or one of its inputs, cannot be computed.
        """
        ask = self._ask(algorithm, assets, version, settings, use)
        return self.engine.get(ask, listener, requester=requester)

    def asks(
        self,
        algorithm: str,
        assets: Sequence[AssetName],
        *,
        version: str | None = None,
        settings: Mapping[str, object] | None = None,
        use: Mapping[str, str] | None = None,
    ) -> list[Ask]:
        """One joint ask if the algorithm takes several titles, else one for each asset."""
        joint = self._ask(algorithm, assets, version, settings, use)
        loaded = version is None or version in self.registry.versions(algorithm)
        if self.registry.closure(algorithm, version=version if loaded else None, use=use).is_joint:
            return [joint]
        return [
            self._ask(algorithm, [asset], version, settings, use) for asset in dict.fromkeys(joint.assets)
        ]

    def plan(
        self,
        algorithm: str,
        *assets: AssetName,
        version: str | None = None,
        settings: Mapping[str, object] | None = None,
        use: Mapping[str, str] | None = None,
    ) -> Plan:
        """What `get` would do, step for step: one joint feature, or one for each asset."""
        return self.engine.plan(self.asks(algorithm, assets, version=version, settings=settings, use=use))

    def state(
        self, algorithm: str, *assets: AssetName, settings: Mapping[str, object] | None = None
    ) -> State:
        """One of absent, queued, running, ready, failed."""
        return self.engine.state(self._ask(algorithm, assets, None, settings, None))

    # match cuts

    def match(
        self,
        *assets: AssetName,
        flavour: str = "embedding",
        top: int = 20,
        settings: Mapping[str, object] | None = None,
        use: Mapping[str, str] | None = None,
        filters: Mapping[str, object] | None = None,
        shown: "Shown" = "wanted",
        side_seconds: float = 2.0,
        listener: Listener = silent,
    ) -> "MatchCuts":
        """The best match cuts of one or several titles, without those that a person rejected.

        Args:
            assets: One or more.
            flavour: `frame`, `motion`, `embedding` or `combined`, as far as their algorithms are loaded.
            top: How many.
            settings: Of the flavour's algorithm and of what it is made from.
            use: Result type's name → algorithm that shall produce it.
            filters: Settings that say which pairs are listed, wherever the flavour has them: `min_seconds`,
                `max_seconds`, `apart_seconds`, `other_title_only`, `duplicate_cosine`.
            shown: `wanted` (all but rejected), `all`, `kept`, `rejected` or `open`.
            side_seconds: How long either side of a cut is in previews and exports.
            listener: Told of every step.

        Raises:
            NotFoundError, UsageError: What is asked for does not exist or cannot be meant.
            ComputeError: The pairs, or one of their inputs, cannot be computed.
        """
        from amber.editing.matching import MatchAsk, match

        hashes = tuple(dict.fromkeys(self.asset(asset).asset for asset in assets))
        ask = MatchAsk(hashes, flavour, top, settings or {}, use or {}, filters or {}, shown, side_seconds)
        return match(self.engine, ask, listener)

    def keep(self, cut: "Cut", *, who: str | None = None) -> None:
        """Remember that a cut is wanted, whatever is computed again."""
        from amber.editing.judging import judge

        judge(self.store, cut, is_kept=True, who=who or invalidate.person())

    def reject(self, cut: "Cut", *, who: str | None = None) -> None:
        """Remember that a cut is to be shown no more, whatever is computed again."""
        from amber.editing.judging import judge

        judge(self.store, cut, is_kept=False, who=who or invalidate.person())

    def reopen(self, cut: "Cut") -> bool:
        """Take back what was said of a cut; whether anything was."""
        from amber.editing.judging import reopen

        return reopen(self.store, cut)

    def previews(
        self, cuts: "MatchCuts", folder: str | Path, *, progress: Progress | None = None
    ) -> list[Path]:
        """Write one MP4 a cut into a folder: the end of one shot, the start of the other, with sound.

        Raises:
            jasper.errors.MediaError: An encode cannot be read, or a file cannot be written.
        """
        from amber.editing.previews import write_previews

        return write_previews(cuts, Path(folder), progress)

    def sheet(self, cuts: "MatchCuts", path: str | Path, *, progress: Progress | None = None) -> Path:
        """Draw the middle frames of all cuts, side by side, into a PNG file; raises as `previews`, or `OSError`."""
        from amber.editing.sheets import write_sheet

        return write_sheet(cuts, Path(path), progress)

    def export(self, cuts: "MatchCuts", path: str | Path) -> "tuple[str, list[Original]]":
        """The text of an `.otio`, `.edl` or `.csv` file of the cuts, and the originals it refers to; writes nothing.

        Raises:
            ExportError: These cuts cannot be written in that form.
            UsageError: There is no such form.
        """
        from amber.editing.exports import export

        return export(self.store, cuts, Path(path))

    # words to shots

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
    ) -> "Found":
        """The shots that fit some words, best first: of these assets, of those with these labels, or of all.

        Args:
            text: In English.
            assets: Some; the whole library, unless these or `where` are given.
            where: Labels that assets have, beside those named.
            by: `labels` of ImageNet, or `clip`, as far as their algorithms are loaded.
            ready: Only in titles of which everything is stored already, so that nothing is computed of the others.
            settings, use, listener: As `get`.

        Raises what `get` does; one title that cannot be computed fails the search.
        """
        from amber.editing.searching import SearchAsk, search

        listed = self.assets(where) if where or not assets else []
        hashes = tuple(dict.fromkeys(one.asset for one in (*map(self.asset, assets), *listed)))
        ask = SearchAsk(text, hashes, by, top, settings or {}, use or {}, ready)
        return search(self.engine, ask, listener)

    def shot_sheet(self, found: "Found", path: str | Path, *, progress: Progress | None = None) -> Path:
        """Draw the middle frames of what was found into a PNG file; raises as `sheet`."""
        from amber.editing.shot_sheets import write_shot_sheet

        return write_shot_sheet(self.engine, found, Path(path), progress)

    def clips(self, found: "Found", folder: str | Path, *, progress: Progress | None = None) -> list[Path]:
        """Write one MP4 a shot that was found into a folder, with sound; raises as `previews`."""
        from amber.editing.shot_sheets import write_clips

        return write_clips(self.engine, found, Path(folder), progress)

    # lineage and failures

    def why(self, feature: str) -> Lineage:
        """What a feature was made from, what was made from it, and why it was computed; by id or its first digits."""
        return lineage(self.store, feature)

    def retry(self, algorithm: str | None = None, asset: AssetName | None = None) -> int:
        """Forget remembered failures, so that the next ask tries again; how many there were."""
        found = self.asset(asset).asset if asset is not None else None
        return self.store.catalog.clear_failures(algorithm=algorithm, asset=found)

    # upkeep

    def plan_invalidation(
        self,
        target: str,
        *assets: AssetName,
        where: Mapping[str, str] | None = None,
        with_dependants: bool = False,
        reason: str,
        who: str | None = None,
    ) -> KeptPlan:
        """What disowning `ALGORITHM@VERSION` would cover; nothing is disowned before the plan is applied.

        Args:
            target: Algorithm and version, `shots@1`.
            assets: Only of these; of all assets, unless given or chosen by label.
            where: Only of the assets with all these labels.
            with_dependants: Disown what the algorithms that depend on it made, too.
            reason: In words, for the audit.
            who: By whom; the user of this process, unless given.

        Raises:
            NotFoundError, UsageError: What is named does not exist or cannot be meant.
        """
        return invalidate.plan_invalidation(
            self.store,
            invalidate.named_version(self.registry, self.store, target),
            assets=[self.asset(asset).asset for asset in assets],
            where=where,
            with_dependants=with_dependants,
            reason=reason,
            who=who,
        )

    def plan_forget(self, asset: AssetName, *, reason: str, who: str | None = None) -> KeptPlan:
        """What taking an asset down would remove; nothing is removed before the plan is applied."""
        return invalidate.plan_forget(self.store, self.asset(asset).asset, reason=reason, who=who)

    def plan_retention(
        self, versions: int, *, undo_seconds: float = invalidate.UNDO_SECONDS, who: str | None = None
    ) -> KeptPlan:
        """What dropping all but so many versions would remove; nothing is dropped before the plan is applied."""
        return invalidate.plan_retention(self.store, versions, undo_seconds=undo_seconds, who=who)

    def apply(self, plan: KeptPlan, *, who: str | None = None) -> Applied:
        """Do what a plan says, or nothing.

        Raises:
            PlanStateError: It was applied already.
            PlanDriftedError: What it covers is no longer what it said; says what.
        """
        return invalidate.apply_plan(self.store, plan.id, action=plan.action, who=who)

    def undo(self, plan: KeptPlan, *, who: str | None = None) -> KeptPlan:
        """Take an applied invalidation back; nothing is computed for that.

        Raises:
            PlanStateError: It cannot be taken back; says why.
        """
        return invalidate.undo_plan(self.store, plan.id, who=who)

    def audits(self) -> list[Audit]:
        """What was disowned, taken back, taken down, dropped and healed, oldest first."""
        return self.store.catalog.audits()

    def pin(self, name: str, *, reason: str, who: str | None = None) -> Pin:
        """Keep a feature (by id or its first digits), or all of `ALGORITHM@VERSION`, from being superseded.

        Raises:
            NotFoundError, UsageError: What is named does not exist or cannot be meant.
        """
        chosen = Pin(self._pinnable(name), reason, who or invalidate.person())
        self.store.catalog.pin(chosen)
        return chosen

    def unpin(self, name: str) -> bool:
        """Take a pin away; whether there was one."""
        return self.store.catalog.unpin(name) or self.store.catalog.unpin(self._pinnable(name))

    def collect(self, grace_seconds: float = GRACE_SECONDS, *, dry_run: bool = False) -> Collected:
        """Mark blobs that nothing needs, and delete those marked so long ago."""
        return collect(self.store, grace_seconds, dry_run=dry_run)

    def verify(self, *, sample: float = 1.0) -> Report:
        """Check every row and every blob, or that part of the blobs."""
        return verify(self.store, sample=sample)

    def _pinnable(self, name: str) -> str:
        if "@" in name:
            return "@".join(invalidate.named_version(self.registry, self.store, name))
        return self.why(name).trace.recipe

    def costs(self) -> list[Account]:
        """What was spent and saved, by algorithm, version and requester; this machine's latest savings included."""
        self.engine.savings.settle(self.store.catalog)
        return self.store.catalog.accounts()

    def _ask(
        self,
        algorithm: str,
        assets: Sequence[AssetName],
        version: str | None,
        settings: Mapping[str, object] | None,
        use: Mapping[str, str] | None,
    ) -> Ask:
        self.registry.get(algorithm)
        hashes = tuple(self.asset(asset).asset for asset in assets)
        return Ask(algorithm, hashes, version, settings or {}, use or {})
