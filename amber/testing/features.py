"""Promises about finding features, and about their lineage."""

from datetime import UTC, datetime

import pytest

from amber import keys
from amber.store.protocol import Blob, Catalog, Cost, TraceInput
from amber.testing.rows import FILM, OTHER, CatalogTests, digest, feature, keep, kept, key_of

#: More keys than any database takes parameters in one statement.
MANY = 100_000


class FeatureTests(CatalogTests):
    """A committed feature is found by its key, its recipe, its subject and its assets."""

    def test_a_feature_is_found_by_its_resolved_key_with_the_epoch(self, catalog: Catalog) -> None:
        made = kept(catalog, "a")
        found = catalog.lookup(key_of("a"))
        assert (found.trace, found.epoch) == (made, catalog.snapshot().epoch)

    def test_an_unknown_key_is_answered_by_the_epoch_alone(self, catalog: Catalog) -> None:
        kept(catalog, "a")
        found = catalog.lookup(key_of("b"))
        assert (found.trace, found.epoch) == (None, catalog.snapshot().epoch)

    def test_a_feature_reads_back_as_it_was_committed(self, catalog: Catalog) -> None:
        at = datetime(2026, 11, 23, 12, 30, 15, 250000, tzinfo=UTC)
        new = feature(
            "a", assets=(FILM, OTHER), settings='{"ß":0.9}', generations=(0, 17), part="block", created_at=at
        )
        assert keep(catalog, new, key=key_of("a")) == new.trace
        assert catalog.lookup(key_of("a")).trace == new.trace
        assert catalog.traces([digest("a")]) == {digest("a"): new.trace}

    def test_a_feature_says_when_it_was_committed(self, catalog: Catalog) -> None:
        before = datetime.now(UTC)
        made = kept(catalog, "a")
        assert made.created_at is not None and 0 <= (made.created_at - before).total_seconds() < 60

    def test_an_empty_value_is_a_value(self, catalog: Catalog) -> None:
        made = kept(catalog, "a", value_size=0)
        assert made.value.size_bytes == 0
        assert catalog.lookup(key_of("a")).trace == made

    def test_a_hundred_thousand_keys_are_looked_up_at_once(self, catalog: Catalog) -> None:
        made = {key_of(name): kept(catalog, name).value.sha256 for name in ("a", "b", "c")}
        asked = [digest("key", number) for number in range(MANY)]
        asked[7:7], asked[50_000:50_000], asked[MANY:] = [key_of("a")], [key_of("b")], [key_of("c")]
        assert catalog.linked_values(asked) == made
        assert catalog.linked_values([]) == {}

    def test_a_hundred_thousand_recipes_are_looked_up_at_once(self, catalog: Catalog) -> None:
        made = {digest(name): kept(catalog, name) for name in ("a", "b")}
        asked = [digest("recipe", number) for number in range(MANY)]
        asked = [digest("b"), *asked, digest("a")]
        assert catalog.traces(asked) == made
        assert catalog.traces([]) == {}
        assert catalog.made_values(asked) == {recipe: trace.value.sha256 for recipe, trace in made.items()}
        assert catalog.made_values([]) == {}

    def test_a_hundred_thousand_subjects_are_looked_up_at_once(self, catalog: Catalog) -> None:
        kept(catalog, "a", algorithm="shots")
        kept(catalog, "b", algorithm="shots", settings='{"x":1}')
        kept(catalog, "c", algorithm="motion")
        kept(catalog, "d", algorithm="people")
        there = {keys.subject("shots", "1", [FILM]), keys.subject("motion", "1", [FILM])}
        asked = [keys.subject("shots", "1", [digest(number)]) for number in range(MANY)]
        assert catalog.traced_subjects([*asked, *there]) == there
        assert catalog.traced_subjects([]) == set()

    def test_features_of_a_subject_are_of_exactly_these_assets_newest_first(self, catalog: Catalog) -> None:
        old = kept(catalog, "a", assets=(FILM, OTHER))
        kept(catalog, "b", assets=(FILM,))
        kept(catalog, "c", assets=(FILM, OTHER), version="2")
        kept(catalog, "d", assets=(FILM, OTHER), part="block")
        kept(catalog, "e", assets=(FILM, OTHER), algorithm="motion")
        new = kept(catalog, "f", assets=(FILM, OTHER), settings='{"x":1}')
        assert catalog.traces_of(keys.subject("shots", "1", [FILM, OTHER])) == [new, old]
        assert catalog.traces_of(keys.subject("shots", "3", [FILM, OTHER])) == []

    def test_features_of_an_asset_are_those_alone_and_together_newest_first(self, catalog: Catalog) -> None:
        alone = kept(catalog, "a")
        together = kept(catalog, "b", assets=(FILM, OTHER))
        others = kept(catalog, "c", assets=(OTHER,))
        assert catalog.features(FILM) == [together, alone]
        assert catalog.features(OTHER) == [others, together]
        assert catalog.features(digest("unknown")) == []

    def test_features_are_found_by_the_beginning_of_their_id(self, catalog: Catalog) -> None:
        made = sorted((kept(catalog, name) for name in "abcdefgh"), key=lambda trace: trace.recipe)
        assert catalog.find_traces("") == made
        for trace in made:
            prefix = trace.recipe[:3]
            assert catalog.find_traces(prefix.upper()) == [
                one for one in made if one.recipe.startswith(prefix)
            ]
        assert catalog.find_traces("no hex") == []
        assert catalog.find_traces(made[0].recipe + "0") == []

    def test_the_mean_seconds_are_over_all_settings(self, catalog: Catalog) -> None:
        assert catalog.mean_seconds() == {}
        kept(catalog, "a", seconds=1.0)
        kept(catalog, "b", seconds=2.0, settings='{"x":1}')
        kept(catalog, "c", seconds=6.0, part="block")
        kept(catalog, "d", seconds=8.0, version="2")
        assert catalog.mean_seconds() == {
            ("shots", "1"): pytest.approx(3.0),
            ("shots", "2"): pytest.approx(8.0),
        }

    def test_lineage_is_kept_both_ways(self, catalog: Catalog) -> None:
        first = kept(catalog, "a")
        second = kept(catalog, "b", assets=(OTHER,))
        joint = kept(catalog, "c", algorithm="pairs", assets=(FILM, OTHER), made_from=(second, first))
        later = kept(catalog, "d", algorithm="motion", made_from=(first,))
        assert catalog.made_from(first.recipe) == [TraceInput("source", FILM, FILM, None)]
        assert catalog.made_from(joint.recipe) == [
            TraceInput("input", OTHER, second.value.sha256, second.recipe),
            TraceInput("input", FILM, first.value.sha256, first.recipe),
        ]
        assert catalog.used_by(first.recipe) == [later, joint]
        assert catalog.used_by(second.recipe) == [joint]
        assert catalog.used_by(joint.recipe) == [] == catalog.used_by(digest("unknown"))
        assert catalog.made_from(digest("unknown")) == []

    def test_an_input_of_several_assets_keeps_its_label(self, catalog: Catalog) -> None:
        joint = kept(catalog, "a", assets=(FILM, OTHER))
        kept(catalog, "b", assets=(FILM, OTHER), made_from=(joint,))
        assert [entry.label for entry in catalog.made_from(digest("b"))] == [f"{FILM}+{OTHER}"]
        assert [entry.label for entry in catalog.made_from(digest("a"))] == [FILM]

    def test_reason_and_cost_are_kept(self, catalog: Catalog) -> None:
        kept(catalog, "a")
        assert catalog.reason(digest("a")) == "because of a"
        assert catalog.cost(digest("a")) == Cost(
            1.5, cpu_seconds=2.5, peak_memory_bytes=1 << 20, bytes_read=77
        )
        assert catalog.reason(digest("b")) == ""
        assert catalog.cost(digest("b")) is None

    def test_every_blob_that_a_feature_needs_is_told_once(self, catalog: Catalog) -> None:
        file = Blob(digest("encode"), 1 << 40)
        first = kept(catalog, "a", files=(file, Blob(digest("proxy"), 5)))
        second = kept(catalog, "b", files=(file,))
        told = list(catalog.referenced_blobs())
        assert {blob for blob, _ in told} == {first.value, second.value, file, Blob(digest("proxy"), 5)}
        assert len(told) == 4
        assert dict(told)[first.value] == first.recipe
        assert dict(told)[file] in (first.recipe, second.recipe)

    def test_rows_that_agree_are_no_problem(self, catalog: Catalog) -> None:
        joint = kept(catalog, "a", assets=(FILM, OTHER), files=(Blob(digest("file"), 1),))
        kept(catalog, "b", made_from=(joint,))
        assert catalog.problems() == []
