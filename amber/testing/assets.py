"""Promises about assets, labels and locations."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from amber.errors import AssetNotFoundError
from amber.store.protocol import Catalog, Location
from amber.testing.rows import FILM, OTHER, CatalogTests, asset, digest


def _location(uri: str, name: str = FILM, **facts: Any) -> Location:
    made = Location(
        uri, name, digest("bytes of", uri), 5_000_000_000, 1_700_000_000_123_456_789, {"title": "Ⅲ"}
    )
    return Location(**{**vars(made), **facts})


class AssetTests(CatalogTests):
    """An asset is known by its hash; people name it, and files come and go."""

    def test_an_asset_is_new_once(self, catalog: Catalog) -> None:
        assert catalog.put_asset(asset())
        assert not catalog.put_asset(asset())

    def test_an_asset_reads_back_as_it_was_put(self, catalog: Catalog) -> None:
        at = datetime(2026, 11, 23, 12, 30, 15, 250000, tzinfo=UTC)
        facts = {"codec": "h264", "rotation": 90, "tags": ["ä", None]}
        put = asset(
            rate=Fraction(24000, 1001), partial=True, facts=facts, labels={"series": "one"}, added_at=at
        )
        catalog.put_asset(put)
        assert catalog.asset(FILM) == put
        assert catalog.asset(OTHER) is None

    def test_an_asset_says_when_it_was_added(self, catalog: Catalog) -> None:
        before = datetime.now(UTC)
        catalog.put_asset(asset())
        found = catalog.asset(FILM)
        assert found is not None and found.added_at is not None
        assert 0 <= (found.added_at - before).total_seconds() < 60

    def test_a_known_asset_keeps_its_title_and_labels(self, catalog: Catalog) -> None:
        catalog.put_asset(asset(title="first", labels={"a": "1"}))
        catalog.put_asset(asset(title="second", labels={"b": "2"}))
        found = catalog.asset(FILM)
        assert found is not None and (found.title, found.labels) == ("first", {"a": "1"})

    def test_frame_times_are_those_of_the_first_sighting(self, catalog: Catalog) -> None:
        catalog.put_asset(asset(), frame_times=b"first\x00")
        catalog.put_asset(asset(), frame_times=b"second")
        catalog.put_asset(asset(OTHER))
        catalog.put_asset(asset(OTHER), frame_times=b"late")
        assert catalog.frame_times(FILM) == b"first\x00"
        assert catalog.frame_times(OTHER) is None

    def test_assets_are_found_by_six_digits_of_their_hash(self, catalog: Catalog) -> None:
        twin = FILM[:10] + digest("twin")[10:]
        for name in (FILM, OTHER, twin):
            catalog.put_asset(asset(name))
        assert [found.asset for found in catalog.find_assets(FILM[:7])] == sorted([FILM, twin])
        assert [found.asset for found in catalog.find_assets(OTHER[:6].upper())] == [OTHER]
        assert [found.asset for found in catalog.find_assets(OTHER)] == [OTHER]
        assert catalog.find_assets(OTHER[:5]) == []

    def test_assets_are_found_by_their_whole_title(self, catalog: Catalog) -> None:
        catalog.put_asset(asset(FILM, title="decade", labels={"a": "1"}))
        catalog.put_asset(asset(OTHER, title="decade"))
        assert [(found.asset, found.labels) for found in catalog.find_assets("decade")] == [
            (FILM, {"a": "1"}),
            (OTHER, {}),
        ]
        assert catalog.find_assets("dec") == []
        assert catalog.find_assets("Decade") == []
        assert catalog.find_assets("decad%") == []

    def test_assets_come_in_the_order_of_their_hashes_page_by_page(self, catalog: Catalog) -> None:
        names = sorted(digest("asset", number) for number in range(7))
        for name in reversed(names):
            catalog.put_asset(asset(name))
        assert [found.asset for found in catalog.assets()] == names
        assert [found.asset for found in catalog.assets(limit=3)] == names[:3]
        assert [found.asset for found in catalog.assets(after=names[2], limit=3)] == names[3:6]
        assert catalog.assets(after=names[-1]) == []

    def test_assets_are_selected_by_all_labels(self, catalog: Catalog) -> None:
        catalog.put_asset(asset(FILM, labels={"series": "one", "part": "1"}))
        catalog.put_asset(asset(OTHER, labels={"series": "one", "part": "2"}))
        assert [found.asset for found in catalog.assets({"series": "one"})] == [FILM, OTHER]
        assert [found.asset for found in catalog.assets({"series": "one", "part": "2"})] == [OTHER]
        assert catalog.assets({"series": "two"}) == []
        assert catalog.assets({"part": "one"}) == []

    def test_labels_are_set_and_removed_and_the_rest_stays(self, catalog: Catalog) -> None:
        catalog.put_asset(asset(labels={"keep": "1", "drop": "2", "change": "3"}))
        catalog.set_labels(FILM, {"drop": None, "change": "4", "new": "5", "never": None})
        found = catalog.asset(FILM)
        assert found is not None and found.labels == {"keep": "1", "change": "4", "new": "5"}

    def test_a_title_is_set(self, catalog: Catalog) -> None:
        catalog.put_asset(asset())
        catalog.set_title(FILM, "Big Buck Bunny")
        assert [found.asset for found in catalog.find_assets("Big Buck Bunny")] == [FILM]

    def test_what_is_said_of_an_unknown_asset_is_refused(self, catalog: Catalog) -> None:
        with pytest.raises(AssetNotFoundError):
            catalog.set_title(FILM, "a title")
        with pytest.raises(AssetNotFoundError):
            catalog.set_labels(FILM, {"a": "1"})
        with pytest.raises(AssetNotFoundError):
            catalog.put_location(_location("/a"))
        assert catalog.location("/a") is None

    def test_a_location_reads_back_as_it_was_put(self, catalog: Catalog) -> None:
        catalog.put_asset(asset())
        put = _location("/films/a b?.mkv", seen_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        catalog.put_location(put)
        assert catalog.location("/films/a b?.mkv") == put
        assert catalog.location("/films") is None

    def test_locations_come_latest_first_without_changed_ones(self, catalog: Catalog) -> None:
        catalog.put_asset(asset())
        for uri in ("/a", "/b", "/c", "/d", "/a"):
            catalog.put_location(_location(uri))
        catalog.mark_changed("/c")
        assert [found.uri for found in catalog.locations(FILM)] == ["/a", "/d", "/b"]
        changed = catalog.location("/c")
        assert changed is not None and changed.changed

    def test_a_file_that_holds_another_asset_now_is_a_location_of_that_alone(self, catalog: Catalog) -> None:
        catalog.put_asset(asset(FILM))
        catalog.put_asset(asset(OTHER))
        catalog.put_location(_location("/a", FILM))
        catalog.mark_changed("/a")
        catalog.put_location(_location("/a", OTHER))
        assert catalog.locations(FILM) == []
        assert [found.uri for found in catalog.locations(OTHER)] == ["/a"]

    def test_marking_an_unknown_location_does_nothing(self, catalog: Catalog) -> None:
        catalog.mark_changed("/nowhere")
        assert catalog.location("/nowhere") is None
