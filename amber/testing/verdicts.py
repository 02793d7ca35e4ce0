"""Promises about what people say of cuts."""

from dataclasses import replace

import pytest

from amber.errors import AssetNotFoundError
from amber.store.protocol import Catalog, Disowned
from amber.store.verdicts import FrameRange, Verdict
from amber.testing.rows import FILM, OTHER, CatalogTests, asset, digest, kept

ONE, TWO, THREE = FrameRange(FILM, 0, 48), FrameRange(FILM, 96, 120), FrameRange(OTHER, 5, 9)


def _said(one: FrameRange, other: FrameRange, *, is_kept: bool = True) -> Verdict:
    return replace(Verdict.about(one, other, is_kept=is_kept, who="editor"), said_at=1_700_000_000.5)


class VerdictTests(CatalogTests):
    """What a person says of a cut stays, whatever is computed, until it is taken back or the asset is taken down."""

    def _known(self, catalog: Catalog) -> None:
        catalog.put_asset(asset(FILM))
        catalog.put_asset(asset(OTHER))

    def test_a_verdict_reads_back_as_it_was_said(self, catalog: Catalog) -> None:
        self._known(catalog)
        said = [_said(ONE, TWO), _said(ONE, THREE, is_kept=False)]
        for verdict in reversed(said):
            catalog.put_verdict(verdict)
        assert catalog.verdicts([OTHER, FILM]) == said
        catalog.put_verdict(Verdict.about(THREE, TWO, is_kept=True, who="editor"))
        assert catalog.verdicts([FILM, OTHER])[-1].said_at > 1_700_000_001

    def test_verdicts_are_those_within_and_between_the_assets(self, catalog: Catalog) -> None:
        self._known(catalog)
        within, between = _said(ONE, TWO), _said(ONE, THREE)
        catalog.put_verdict(within)
        catalog.put_verdict(between)
        assert catalog.verdicts([FILM]) == [within]
        assert catalog.verdicts([OTHER]) == catalog.verdicts([]) == []

    def test_a_later_verdict_on_the_same_frames_replaces_the_earlier(self, catalog: Catalog) -> None:
        self._known(catalog)
        catalog.put_verdict(_said(ONE, TWO))
        later = replace(_said(TWO, ONE, is_kept=False), who="somebody else")
        catalog.put_verdict(later)
        assert catalog.verdicts([FILM]) == [later]

    def test_a_verdict_is_taken_back(self, catalog: Catalog) -> None:
        self._known(catalog)
        catalog.put_verdict(_said(ONE, TWO))
        assert not catalog.drop_verdict(ONE, THREE)
        assert catalog.drop_verdict(ONE, TWO)
        assert not catalog.drop_verdict(ONE, TWO)
        assert catalog.verdicts([FILM]) == []

    def test_a_verdict_on_an_unknown_asset_is_refused(self, catalog: Catalog) -> None:
        catalog.put_asset(asset(FILM))
        with pytest.raises(AssetNotFoundError):
            catalog.put_verdict(_said(ONE, FrameRange(digest("nowhere"), 0, 1)))
        assert catalog.verdicts([FILM, digest("nowhere")]) == []

    def test_disowning_what_was_computed_leaves_verdicts_alone(self, catalog: Catalog) -> None:
        self._known(catalog)
        kept(catalog, "a")
        catalog.put_verdict(_said(ONE, TWO))
        catalog.invalidate([Disowned("shots", "1")], reason="x", who="a")
        assert catalog.verdicts([FILM]) == [_said(ONE, TWO)]

    def test_verdicts_go_with_an_asset_that_is_taken_down(self, catalog: Catalog) -> None:
        self._known(catalog)
        catalog.put_verdict(_said(ONE, TWO))
        catalog.put_verdict(_said(ONE, THREE))
        plan = catalog.plan_forget(OTHER, reason="x", who="a")
        catalog.apply_plan(plan.id, who="a")
        catalog.put_asset(asset(OTHER))
        assert catalog.verdicts([FILM, OTHER]) == [_said(ONE, TWO)]
