"""Promises about standing orders, backfills, watched sources and duties."""

from dataclasses import replace

import pytest

from amber.errors import AssetNotFoundError, BackfillNotFoundError
from amber.store.arrivals import Arrival
from amber.store.backfills import Backfill, Item, Wish
from amber.store.protocol import Blob, Catalog
from amber.store.subscriptions import Delivery, Standing, Subscription
from amber.testing.rows import FILM, OTHER, CatalogTests, asset, digest, kept, key_of

THIRD = digest("third film")
WISH = Wish("shots", "1", {"shots.threshold": 27.5}, {"Shots": "shots"}, {"show": "one"})
ORDER = Subscription("0123456789ab", WISH, "ann", "http://127.0.0.1/told", "secret", 1_700_000_000.5)


def _library(catalog: Catalog) -> list[str]:
    """Three films, two of them of one show; the hashes of those two."""
    for name, show in ((FILM, "one"), (OTHER, "two"), (THIRD, "one")):
        catalog.put_asset(asset(name, labels={"show": show, "kind": "film"}))
    return sorted((FILM, THIRD))


class BackfillTests(CatalogTests):
    """A backfill is about the assets that there were, and knows what became of each."""

    def test_a_backfill_reads_back_with_the_assets_of_its_labels(self, catalog: Catalog) -> None:
        theirs = _library(catalog)
        put = Backfill(
            "ab", WISH, "ann", canary=1, concurrency=3, rate=0.5, expected_seconds=7.5, made_at=8.5
        )
        assert catalog.put_backfill(put) == replace(put, counts={"waiting": 2}) == catalog.backfill("ab")
        assert catalog.items("ab") == [Item(0, theirs[0]), Item(1, theirs[1])]
        assert catalog.backfills() == [catalog.backfill("ab")]
        with pytest.raises(BackfillNotFoundError):
            catalog.backfill("cd")

    def test_assets_that_come_later_are_not_in_it(self, catalog: Catalog) -> None:
        catalog.put_asset(asset(FILM))
        made = catalog.put_backfill(Backfill("ab", Wish("shots"), "ann"))
        catalog.put_asset(asset(OTHER))
        assert made.made_at > 1_700_000_000
        assert [item.asset for item in catalog.items("ab")] == [FILM]

    def test_it_can_be_about_named_assets_which_must_be_known(self, catalog: Catalog) -> None:
        _library(catalog)
        catalog.put_backfill(Backfill("ab", Wish("shots"), "ann"), [OTHER, FILM, OTHER])
        assert [item.asset for item in catalog.items("ab")] == [FILM, OTHER]
        with pytest.raises(AssetNotFoundError):
            catalog.put_backfill(Backfill("cd", Wish("shots"), "ann"), [FILM, digest("nowhere")])
        assert [one.id for one in catalog.backfills()] == ["ab"]

    def test_what_became_of_items_is_counted_and_stays(self, catalog: Catalog) -> None:
        _library(catalog)
        catalog.put_backfill(Backfill("ab", Wish("shots"), "ann"))
        one, two, three = catalog.items("ab")
        failed = replace(three, state="failed", key=key_of("c"), error="ValueError", message="no ß")
        told = [replace(one, state="ready", hit=True), replace(two, state="asked", key=key_of("b")), failed]
        catalog.tell_items("ab", told, elapsed_seconds=1.5, next_at=99.5)
        catalog.tell_items("ab", [replace(one, state="failed")], elapsed_seconds=1.0)
        found = catalog.backfill("ab")
        assert found.counts == {"ready": 1, "asked": 1, "failed": 1}
        assert (found.hits, found.total, found.left) == (1, 3, 1)
        assert (found.elapsed_seconds, found.next_at) == (2.5, 99.5)
        assert catalog.items("ab") == told
        assert catalog.items("ab", states=["asked", "failed"], after=1) == [failed]
        assert catalog.items("ab", limit=1) == told[:1]

    def test_a_state_changes_only_from_where_it_is_meant_to(self, catalog: Catalog) -> None:
        _library(catalog)
        catalog.put_backfill(Backfill("ab", Wish("shots"), "ann"))
        assert catalog.move_backfill("ab", "paused", of=["running"], reason="a canary died")
        assert not catalog.move_backfill("ab", "paused", of=["running"])
        assert (catalog.backfill("ab").state, catalog.backfill("ab").reason) == ("paused", "a canary died")
        assert catalog.move_backfill("ab", "running", of=["paused"], canary=7)
        assert catalog.backfill("ab").canary == 7
        assert (catalog.backfill("ab").reason, catalog.backfill("ab").ended_at) == ("", None)
        assert not catalog.move_backfill("cd", "running", of=["paused"])

    def test_cancelling_cancels_what_has_not_ended(self, catalog: Catalog) -> None:
        _library(catalog)
        catalog.put_backfill(Backfill("ab", Wish("shots"), "ann"))
        one, two, _ = catalog.items("ab")
        catalog.tell_items("ab", [replace(one, state="ready"), replace(two, state="asked", key=key_of("b"))])
        assert catalog.move_backfill("ab", "cancelled", of=["running", "paused"])
        found = catalog.backfill("ab")
        assert found.counts == {"ready": 1, "cancelled": 2} and found.ended_at is not None
        catalog.tell_items("ab", [replace(two, state="ready")])
        assert catalog.backfill("ab").counts == found.counts

    def test_items_go_with_an_asset_that_is_taken_down(self, catalog: Catalog) -> None:
        _library(catalog)
        catalog.put_backfill(Backfill("ab", Wish("shots"), "ann"))
        catalog.apply_plan(catalog.plan_forget(OTHER, reason="x", who="a").id, who="a")
        assert catalog.backfill("ab").total == 2
        assert OTHER not in {item.asset for item in catalog.items("ab")}

    def test_assets_and_when_they_were_recorded(self, catalog: Catalog) -> None:
        theirs = _library(catalog)
        assert list(catalog.assets_added({"show": "one", "kind": "film"})) == theirs
        added = catalog.asset(FILM)
        assert added is not None and added.added_at is not None
        assert catalog.assets_added()[FILM] == pytest.approx(added.added_at.timestamp(), abs=1e-3)
        assert catalog.assets_added({"show": "three"}) == {}

    def test_mean_bytes_count_values_and_the_files_that_they_name(self, catalog: Catalog) -> None:
        kept(catalog, "a", value_size=100, files=[Blob(digest("encode"), 1000), Blob(digest("proxy"), 500)])
        kept(catalog, "b", value_size=300, assets=(OTHER,))
        kept(catalog, "c", value_size=7, algorithm="motion", version="2")
        assert catalog.mean_bytes() == {("shots", "1"): 950.0, ("motion", "2"): 7.0}


class SubscriptionTests(CatalogTests):
    """An order stands until it is removed."""

    def test_orders_read_back_oldest_first(self, catalog: Catalog) -> None:
        later = catalog.put_subscription(Subscription("ff", Wish("motion"), "bob"))
        assert later.made_at > ORDER.made_at
        assert catalog.put_subscription(ORDER) == ORDER
        assert catalog.subscriptions() == [ORDER, later]

    def test_how_an_order_stands_is_kept(self, catalog: Catalog) -> None:
        catalog.put_subscription(ORDER)
        standing = Standing(9, 5, 2, 1, 3.25, 1_700_000_001.5)
        catalog.tell_subscription(ORDER.id, standing)
        catalog.tell_subscription("unknown", standing)
        assert catalog.subscriptions() == [replace(ORDER, standing=standing)]
        assert standing.missing == 3

    def test_deliveries_go_with_their_order(self, catalog: Catalog) -> None:
        catalog.put_subscription(ORDER)
        first = Delivery(ORDER.id, key_of("a"), FILM, next_at=2.5)
        second = Delivery(ORDER.id, key_of("b"), OTHER, "due", "{}", 1, 1.5, "refused")
        assert catalog.put_deliveries([first, second, Delivery("unknown", key_of("a"), FILM)]) == 2
        assert catalog.put_deliveries([replace(first, state="sent")]) == 0
        assert catalog.deliveries() == [second, first]
        assert catalog.deliveries(state="open") == [first]
        assert catalog.deliveries(subscription="unknown") == []
        assert catalog.deliveries(limit=1) == [second]
        sent = replace(second, state="sent", problem="", attempts=2)
        catalog.tell_deliveries([sent, Delivery("unknown", key_of("a"), FILM)])
        assert catalog.deliveries(subscription=ORDER.id) == [sent, first]
        assert catalog.drop_subscription(ORDER.id)
        assert not catalog.drop_subscription(ORDER.id)
        assert catalog.deliveries() == [] == catalog.subscriptions()


class SourceTests(CatalogTests):
    """What sources showed is remembered, and what one shall do is done by one."""

    def test_what_was_read_at_a_place_is_replaced_by_what_is_read_later(self, catalog: Catalog) -> None:
        first = Arrival("/in/a.mp4", "1 2", FILM, "", 1.5)
        other = Arrival("/IN/a.mp4", "1 2", None, "not media", 1.5)
        for arrival in (first, other, Arrival("/in%/b.mp4", "3", None, "", 1.0)):
            catalog.put_arrival(arrival)
        assert catalog.arrivals("/in/") == [first]
        catalog.put_arrival(replace(first, fingerprint="3 4", asset=None, problem="cut off"))
        assert catalog.arrivals("/in/") == [Arrival("/in/a.mp4", "3 4", None, "cut off", 1.5)]
        catalog.drop_arrivals(["/in/a.mp4", "/nowhere"])
        assert catalog.arrivals("/in/") == []
        assert catalog.arrivals("/IN") == [other]

    def test_a_duty_is_one_process_s_until_it_ends(self, catalog: Catalog) -> None:
        assert catalog.take_duty("reconcile", "one", 60.0)
        assert catalog.take_duty("reconcile", "one", 60.0)
        assert not catalog.take_duty("reconcile", "two", 60.0)
        assert catalog.take_duty("backfill ab", "two", 60.0)
        assert [(duty.name, duty.owner) for duty in catalog.duties()] == [
            ("backfill ab", "two"),
            ("reconcile", "one"),
        ]
        catalog.leave_duty("reconcile", "two")
        assert not catalog.take_duty("reconcile", "two", 60.0)
        catalog.leave_duty("reconcile", "one")
        assert catalog.take_duty("reconcile", "two", 0.0)
        assert [duty.name for duty in catalog.duties()] == ["backfill ab"]
        assert catalog.take_duty("reconcile", "one", 60.0)

    def test_the_duty_of_a_dead_process_is_taken_over_at_once(self, catalog: Catalog) -> None:
        assert catalog.take_duty("reconcile", "one", 60.0)
        assert catalog.take_duty("reconcile", "two", 60.0, dead=["one"])
        assert not catalog.take_duty("reconcile", "one", 60.0)
