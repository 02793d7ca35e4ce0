"""Access tokens, in memory."""

import time
from dataclasses import replace

from amber.store.tokens import Token


class TokensInMemory:
    """The part of a catalogue in memory that knows of access tokens."""

    def __init__(self) -> None:
        super().__init__()
        self._tokens: dict[str, Token] = {}

    def put_token(self, token: Token) -> None:
        """See the protocol."""
        self._tokens[token.id] = replace(token, created_at=token.created_at or time.time())

    def token(self, id: str) -> Token | None:  # noqa: A002 - as in the protocol
        """See the protocol."""
        return self._tokens.get(id)

    def tokens(self) -> list[Token]:
        """See the protocol."""
        return sorted(self._tokens.values(), key=lambda token: token.id)

    def revoke_token(self, id: str) -> Token | None:  # noqa: A002 - as in the protocol
        """See the protocol."""
        found = self._tokens.get(id)
        if found is not None and found.revoked_at is None:
            found = self._tokens[id] = replace(found, revoked_at=time.time())
        return found
