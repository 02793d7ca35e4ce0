"""Promises about access tokens."""

from dataclasses import replace

from amber.store.protocol import Catalog
from amber.store.tokens import is_secret_of, new_token, parts
from amber.testing.rows import CatalogTests


class TokenTests(CatalogTests):
    """A token is kept without its secret, until it is revoked."""

    def test_a_token_reads_back_as_it_was_put(self, catalog: Catalog) -> None:
        put, _ = new_token("pipeline", "write")
        catalog.put_token(put)
        found = catalog.token(put.id)
        assert found is not None and found.created_at > 1_700_000_000
        assert found == replace(put, created_at=found.created_at)
        assert catalog.tokens() == [found]
        assert catalog.token("other") is None

    def test_the_secret_is_told_from_others_and_not_kept(self, catalog: Catalog) -> None:
        put, text = new_token("pipeline", "read")
        catalog.put_token(put)
        public, secret = parts(text) or ("", "")
        found = catalog.token(public)
        assert found is not None and is_secret_of(found, secret) and not is_secret_of(found, secret + "x")
        assert secret not in repr(found)

    def test_a_revoked_token_stays_revoked(self, catalog: Catalog) -> None:
        put, _ = new_token("pipeline", "admin")
        catalog.put_token(put)
        first = catalog.revoke_token(put.id)
        assert first is not None and first.revoked_at is not None
        assert catalog.revoke_token(put.id) == first == catalog.token(put.id)
        assert catalog.revoke_token("other") is None
