"""Access tokens, in SQL."""

from typing import Any

from sqlalchemy import insert, select, update

from amber.store.schema import token as tokens
from amber.store.sql.session import Session, clock
from amber.store.tokens import Token


class TokenRows(Session):
    """The rows about access tokens."""

    def put_token(self, token: Token) -> None:
        """See the protocol."""
        with self._writing() as connection:
            now = connection.execute(select(clock(connection))).scalar_one()
            row = {
                **vars(token),
                "sha256": bytes.fromhex(token.sha256),
                "created_at": token.created_at or now,
            }
            connection.execute(insert(tokens).values(row))

    def token(self, id: str) -> Token | None:  # noqa: A002 - as in the protocol
        """See the protocol."""
        with self._reading() as connection:
            row = connection.execute(select(tokens).where(tokens.c.id == id)).one_or_none()
        return None if row is None else _token(row)

    def tokens(self) -> list[Token]:
        """See the protocol."""
        with self._reading() as connection:
            return [_token(row) for row in connection.execute(select(tokens).order_by(tokens.c.id))]

    def revoke_token(self, id: str) -> Token | None:  # noqa: A002 - as in the protocol
        """See the protocol."""
        with self._writing() as connection:
            standing = update(tokens).where(tokens.c.id == id, tokens.c.revoked_at.is_(None))
            connection.execute(standing.values(revoked_at=clock(connection)))
            row = connection.execute(select(tokens).where(tokens.c.id == id)).one_or_none()
            return None if row is None else _token(row)


def _token(row: Any) -> Token:
    return Token(**{**row._mapping, "sha256": row.sha256.hex()})
