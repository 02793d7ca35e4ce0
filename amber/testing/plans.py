"""Promises about plans: what they count, that they refuse a world that drifted, and that they can be taken back."""

from collections.abc import Callable
from itertools import permutations

import pytest

from amber.errors import PlanDriftedError, PlanNotFoundError, PlanStateError
from amber.store.protocol import Catalog, Disowned, Extent, KeptPlan
from amber.testing.rows import FILM, OTHER, CatalogTests, asset, digest, failed, feature, keep, kept, key_of


def planned(
    catalog: Catalog, version: str = "1", assets: tuple[str, ...] | None = None, **options: object
) -> KeptPlan:
    """A plan to disown `shots` of a version."""
    target = Disowned("shots", version, assets)
    return catalog.plan_invalidation(target, reason="wrong", who="ann", **options)  # type: ignore[arg-type]


def _family(catalog: Catalog) -> None:
    """Shots of two films, what was made from one of them, and from both, and something beside."""
    film = kept(catalog, "shots of film", value_size=10, seconds=1.0)
    other = kept(catalog, "shots of other", assets=(OTHER,), value_size=20, seconds=2.0)
    vectors = kept(catalog, "vectors", algorithm="vectors", made_from=(film,), value_size=100, seconds=4.0)
    kept(catalog, "pairs", algorithm="pairs", assets=(FILM, OTHER), made_from=(vectors, other), seconds=8.0)
    kept(catalog, "motion", algorithm="motion", seconds=16.0)


class PlanTests(CatalogTests):
    """A plan says what it would do; applying it does that and nothing else; undoing it takes it back."""

    def test_a_plan_counts_features_dependants_bytes_and_seconds(self, catalog: Catalog) -> None:
        _family(catalog)
        plan = planned(catalog)
        assert (plan.features, plan.dependants, plan.size_bytes) == (2, 2, 30)
        assert plan.seconds == pytest.approx(3.0)
        assert plan.most_seconds == pytest.approx(15.0)
        assert plan.doomed == (Extent("shots", "1", 2, 30, 3.0),)
        assert plan.depends == (Extent("pairs", "1", 1, 1234, 8.0), Extent("vectors", "1", 1, 100, 4.0))

    def test_a_plan_for_some_assets_counts_what_has_one_of_them(self, catalog: Catalog) -> None:
        _family(catalog)
        assert (planned(catalog, assets=(FILM,)).features, planned(catalog, assets=(FILM,)).dependants) == (
            1,
            2,
        )
        assert (planned(catalog, assets=(OTHER,)).features, planned(catalog, assets=(OTHER,)).dependants) == (
            1,
            1,
        )
        assert planned(catalog, assets=(OTHER, FILM)).assets == (FILM, OTHER)
        assert planned(catalog, assets=(digest("nobody"),)).features == 0

    def test_a_plan_with_dependants_disowns_all_that_their_algorithms_made(self, catalog: Catalog) -> None:
        _family(catalog)
        kept(catalog, "bound", algorithm="vectors", assets=(OTHER,), value_size=1000, seconds=32.0)
        plan = planned(catalog, with_dependants=True)
        assert [(one.algorithm, one.features) for one in plan.doomed] == [
            ("shots", 2),
            ("pairs", 1),
            ("vectors", 2),
        ]
        assert (plan.features, plan.dependants, plan.depends) == (2, 3, ())
        assert plan.seconds == pytest.approx(47.0)
        applied = catalog.apply_plan(plan.id, who="bob").plan
        assert [(one.algorithm, one.assets) for one in catalog.invalidations()] == [
            ("shots", None),
            ("pairs", None),
            ("vectors", None),
        ]
        assert applied.ids == tuple(one.id for one in catalog.invalidations())

    def test_what_was_never_made_is_a_plan_of_nothing(self, catalog: Catalog) -> None:
        plan = planned(catalog)
        assert (plan.features, plan.dependants, plan.size_bytes, plan.seconds) == (0, 0, 0, 0.0)
        assert plan.doomed == (Extent("shots", "1"),)

    def test_what_is_disowned_already_does_not_count(self, catalog: Catalog) -> None:
        _family(catalog)
        [everywhere] = catalog.invalidate([Disowned("shots", "1")], reason="x", who="a")
        assert planned(catalog).features == 0
        again = keep(catalog, feature("again", generations=(everywhere.id,)), key=key_of("again"))
        assert again.generations == (1,)
        assert planned(catalog).features == 1
        [somewhere] = catalog.invalidate([Disowned("shots", "1", (FILM,))], reason="x", who="a")
        assert planned(catalog).features == 0
        catalog.undo([everywhere.id], who="a")
        assert planned(catalog).features == 1  # that of the other film
        catalog.undo([somewhere.id], who="a")
        assert planned(catalog).features == 2

    def test_a_joint_feature_is_disowned_with_any_of_its_assets(self, catalog: Catalog) -> None:
        kept(catalog, "both", assets=(FILM, OTHER))
        kept(catalog, "mixed", assets=(FILM, OTHER), generations=(0, 1))
        assert planned(catalog).features == 1
        catalog.invalidate([Disowned("shots", "1", (OTHER,))], reason="x", who="a")
        assert planned(catalog).features == 1
        catalog.invalidate([Disowned("shots", "1", (FILM,))], reason="x", who="a")
        assert planned(catalog).features == 0

    def test_a_plan_changes_nothing(self, catalog: Catalog) -> None:
        _family(catalog)
        before = catalog.snapshot()
        planned(catalog, with_dependants=True)
        assert catalog.snapshot() == before
        assert catalog.invalidations() == [] and catalog.audits() == []

    def test_a_plan_reads_back_as_it_was_made(self, catalog: Catalog) -> None:
        _family(catalog)
        catalog.put_asset(asset(labels={"x": "1"}))
        for options in ({}, {"assets": (FILM,)}, {"assets": (FILM,), "where": {"x": "1"}}):
            plan = planned(catalog, **options)
            assert catalog.plan(plan.id) == plan
            assert (plan.state, plan.reason, plan.who, plan.ids) == ("planned", "wrong", "ann", ())
        assert len({plan.id for plan in catalog.plans()}) == 3
        with pytest.raises(PlanNotFoundError):
            catalog.plan("nothing")

    def test_applying_disowns_what_was_planned_and_notes_it(self, catalog: Catalog) -> None:
        _family(catalog)
        catalog.put_failure(failed("failed"))
        plan = planned(catalog, assets=(FILM,))
        before = catalog.snapshot().epoch
        applied = catalog.apply_plan(plan.id, who="bob")
        [record] = catalog.invalidations()
        assert (record.algorithm, record.version, record.assets) == ("shots", "1", (FILM,))
        assert (record.reason, record.who) == ("wrong", "bob")
        assert applied.blobs == () and applied.plan.ids == (record.id,)
        assert applied.plan == catalog.plan(plan.id)
        assert applied.plan.state == "applied" and applied.plan.applied_at is not None
        assert catalog.snapshot().epoch == before + 1
        assert catalog.snapshot().generation("shots", "1", FILM) == record.id
        assert catalog.failure(digest("failed")) is None
        [note] = catalog.audits()
        assert (note.action, note.who) == ("invalidate", "bob")
        assert note.detail == {
            "ids": [record.id],
            "reason": "wrong",
            "plan": plan.id,
            "disowned": ["shots@1"],
        }

    def test_a_plan_is_applied_once(self, catalog: Catalog) -> None:
        plan = planned(catalog)
        catalog.apply_plan(plan.id, who="bob")
        with pytest.raises(PlanStateError, match=r"was applied on .* already"):
            catalog.apply_plan(plan.id, who="bob")
        catalog.undo_plan(plan.id, who="bob")
        with pytest.raises(PlanStateError, match="taken back"):
            catalog.apply_plan(plan.id, who="bob")
        assert len(catalog.invalidations()) == 1
        with pytest.raises(PlanNotFoundError):
            catalog.apply_plan("nothing", who="bob")

    @pytest.mark.parametrize(
        ("drift", "told"),
        [
            (lambda c: kept(c, "new"), "2 features of shots 1 were planned, and there are 3"),
            (
                lambda c: kept(
                    c, "new", algorithm="vectors", assets=(OTHER,), made_from=tuple(c.features(OTHER))[-1:]
                ),
                "1 features of vectors 1 that depend were planned, and there are 2",
            ),
            (
                lambda c: c.invalidate([Disowned("shots", "1", (FILM,))], reason="x", who="a"),
                "2 features of shots 1 were planned, and there are 1",
            ),
            (
                lambda c: kept(c, "shots of film", value_size=11, value=digest("b"), lost=_value(c)),
                "features of shots 1 are as many as were planned, but others",
            ),
        ],
        ids=["more features", "more dependants", "fewer features", "other bytes"],
    )
    def test_a_plan_whose_world_drifted_is_refused_and_says_what(
        self, catalog: Catalog, drift: Callable[[Catalog], object], told: str
    ) -> None:
        _family(catalog)
        plan = planned(catalog)
        drift(catalog)
        before, notes = catalog.snapshot(), catalog.audits()
        with pytest.raises(PlanDriftedError) as refused:
            catalog.apply_plan(plan.id, who="bob")
        assert told in str(refused.value)
        assert (catalog.snapshot(), catalog.audits()) == (before, notes)
        assert catalog.plan(plan.id).state == "planned"

    def test_what_happens_elsewhere_is_no_drift(self, catalog: Catalog) -> None:
        _family(catalog)
        plan = planned(catalog, assets=(FILM,))
        kept(catalog, "new", assets=(OTHER,))
        kept(catalog, "newer", algorithm="motion", assets=(OTHER,))
        catalog.invalidate([Disowned("motion", "1")], reason="x", who="a")
        assert catalog.apply_plan(plan.id, who="bob").plan.state == "applied"

    def test_other_assets_with_the_labels_are_a_drift(self, catalog: Catalog) -> None:
        for name in (FILM, OTHER):
            catalog.put_asset(asset(name))
        catalog.set_labels(FILM, {"x": "1", "y": "2"})
        where = {"x": "1", "y": "2"}
        same, other = (planned(catalog, assets=(FILM,), where=where) for _ in range(2))
        catalog.set_labels(OTHER, {"x": "1"})
        catalog.apply_plan(same.id, who="bob")
        catalog.set_labels(OTHER, {"y": "2"})
        with pytest.raises(
            PlanDriftedError, match="1 assets had the labels x=1, y=2, of which 1 more has them"
        ):
            catalog.apply_plan(other.id, who="bob")
        catalog.set_labels(OTHER, {"y": None})
        catalog.set_labels(FILM, {"y": None})
        with pytest.raises(PlanDriftedError, match="of which 1 no longer has them"):
            catalog.apply_plan(other.id, who="bob")

    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_overlapping_plans_are_undone_in_any_order(
        self, catalog: Catalog, order: tuple[int, ...]
    ) -> None:
        _family(catalog)
        plans = []
        for assets in (None, (FILM,), None):
            plan = planned(catalog, assets=assets)
            plans.append(catalog.apply_plan(plan.id, who="bob").plan)
        for at in order:
            assert catalog.undo_plan(plans[at].id, who="eve").state == "undone"
        assert catalog.snapshot().is_clean
        assert planned(catalog).features == 2
        assert [note.action for note in catalog.audits()] == ["invalidate"] * 3 + ["undo"] * 3
        assert catalog.audits()[-1].detail == {"plan": plans[order[-1]].id, "ids": list(plans[order[-1]].ids)}

    def test_an_undo_raises_the_epoch_and_is_done_once(self, catalog: Catalog) -> None:
        plan = planned(catalog)
        with pytest.raises(PlanStateError, match="was never applied"):
            catalog.undo_plan(plan.id, who="bob")
        catalog.apply_plan(plan.id, who="bob")
        before = catalog.snapshot().epoch
        catalog.undo_plan(plan.id, who="bob")
        assert catalog.snapshot().epoch == before + 1
        with pytest.raises(PlanStateError, match="taken back already"):
            catalog.undo_plan(plan.id, who="bob")
        assert catalog.snapshot().epoch == before + 1

    def test_another_process_applies_and_undoes(self, catalog: Catalog, neighbour: Catalog) -> None:
        plan = planned(catalog, assets=(FILM,))
        neighbour.apply_plan(plan.id, who="bob")
        assert catalog.snapshot().generation("shots", "1", FILM) == 1
        assert catalog.undo_plan(plan.id, who="ann") == neighbour.plan(plan.id)


def _value(catalog: Catalog) -> str:
    """The value of the shots of the film."""
    return catalog.traces([digest("shots of film")])[digest("shots of film")].value.sha256
