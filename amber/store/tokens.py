"""Access tokens of the service: who may do what. Of the secret only its digest is kept."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from amber.errors import UsageError

#: `write` may ask for what has to be computed and upload; `admin` may disown and forget. Each has those before it.
Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
_PREFIX = "amber"


@dataclass(frozen=True)
class Token:
    """What is kept of an access token."""

    #: Public part: names the token in lists and logs.
    id: str
    #: For people: whose it is.
    name: str
    scope: Scope
    #: Hex SHA-256 of the secret.
    sha256: str
    #: Seconds since 1970.
    created_at: float = 0.0
    revoked_at: float | None = None


class TokenCatalog(Protocol):
    """Rows about access tokens."""

    def put_token(self, token: Token) -> None:
        """Record a new token."""

    def token(self, id: str) -> Token | None:  # noqa: A002 - it is called so everywhere
        """The token of that public part, revoked or not."""

    def tokens(self) -> list[Token]:
        """All tokens, by id."""

    def revoke_token(self, id: str) -> Token | None:  # noqa: A002
        """Revoke a token, from now on; None if there is none."""


def new_token(name: str, scope: Scope) -> tuple[Token, str]:
    """A token, and the text of it that only its owner has: 256 bits that nobody can guess."""
    if scope not in SCOPES:
        raise UsageError(f"there is no scope {scope!r}; there are: {', '.join(SCOPES)}")
    public, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return Token(public, name, scope, _digest(secret)), f"{_PREFIX}_{public}_{secret}"


def parts(text: str) -> tuple[str, str] | None:
    """The public part and the secret of a token's text; None if it is none."""
    prefix, _, rest = text.partition("_")
    public, _, secret = rest.partition("_")
    return (public, secret) if prefix == _PREFIX and public and secret else None


def is_secret_of(token: Token, secret: str) -> bool:
    """Whether the secret is that of the token; takes as long for a wrong one as for the right one."""
    return hmac.compare_digest(token.sha256, _digest(secret))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
