"""Who may do what: access tokens, and how many requests a caller may send."""

import ipaddress
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from amber.errors import BusyError, ConfigurationError, ScopeError, TokenRefusedError
from amber.service.problems import RefusedError
from amber.settings import Settings
from amber.store.tokens import SCOPES, Scope, Token, TokenCatalog, is_secret_of, parts

#: Tells the time.
Clock = Callable[[], float]
#: A token that was looked up is not looked up again for so long; so long a revoked one may still be let in.
FRESH_SECONDS = 1.0
#: So many refused tokens from one address, within so many seconds, and the address has to wait.
MOST_REFUSALS, REFUSAL_SECONDS = 20, 10.0
#: Callers and addresses that are remembered.
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True)
class Caller:
    """Who sends a request."""

    #: The token's public part, or `anonymous`.
    name: str
    scope: Scope

    def require(self, scope: Scope) -> None:
        """Go on only if the caller may.

        Raises:
            ScopeError: The token's scope is too weak.
        """
        if SCOPES.index(self.scope) < SCOPES.index(scope):
            raise ScopeError(f"this needs a token of scope {scope}; token {self.name} has {self.scope}")


ANYBODY = Caller("anonymous", "admin")


class Guard(Protocol):
    """Lets callers in."""

    def admit_at_once(self, authorization: str, address: str) -> Caller | None:
        """The caller, if that can be said without reading the catalogue; raises as `admit`."""

    def admit(self, authorization: str, address: str) -> Caller:
        """The caller.

        Raises:
            TokenRefusedError: The service wants a token, and this is none that it knows.
            BusyError: The caller sends more requests than it may.
        """


def check_host(host: str, settings: Settings) -> None:
    """See that only this machine reaches a service that lets everybody in.

    Raises:
        ConfigurationError: Others would, too.
    """
    if settings.auth != "token" and not _is_loopback(host):
        raise ConfigurationError(
            f"to serve on {host}, beyond this machine, set AMBER_AUTH=token and make a token with `amber token create`"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_site(method: str, host: str, origin: str) -> None:
    """See that a web page from elsewhere does not make a browser use a service that lets everybody on this machine in.

    Such a page gives its own name to this machine's address, or sends what browsers send without asking first.

    Args:
        method: Of the request.
        host: Its `Host`.
        origin: Its `Origin`; empty if it has none.

    Raises:
        RefusedError: It does (403).
    """
    name = host.rpartition(":")[0] if re.search(r":\d*$", host) else host
    if not (_is_loopback(name.strip("[]")) or name.endswith(".localhost")):
        raise RefusedError(
            403,
            "Not this machine",
            f"Host is {host[:100]!r}, and without access tokens only localhost and its addresses are served; "
            "set AMBER_AUTH=token to serve under another name",
        )
    if origin and method not in ("GET", "HEAD") and origin.partition("://")[2] != host:
        raise RefusedError(
            403,
            "Another site",
            f"a page of {origin[:100]} sends this to {host[:100]}; set AMBER_AUTH=token to allow that",
        )


class OpenGuard:
    """Lets everybody in, as on loopback.

    Args:
        rate: Requests a second of all together; 0: any number.
    """

    def __init__(self, rate: int = 0) -> None:
        self._rates = Rates(rate)

    def admit_at_once(self, authorization: str, address: str) -> Caller | None:
        """See the protocol."""
        self._rates.spend(ANYBODY.name)
        return ANYBODY

    def admit(self, authorization: str, address: str) -> Caller:
        """See the protocol."""
        self._rates.spend(ANYBODY.name)
        return ANYBODY


class TokenGuard:
    """Lets callers in whose token is known and not revoked.

    Args:
        catalog: Where tokens are.
        rate: Requests a second of one token; 0: any number.
        clock: Seconds, from whenever.
    """

    def __init__(self, catalog: TokenCatalog, rate: int = 0, *, clock: Clock = time.monotonic) -> None:
        self._catalog = catalog
        self._clock = clock
        self._rates = Rates(rate, clock=clock)
        self._refusals = Rates(MOST_REFUSALS / REFUSAL_SECONDS, burst=MOST_REFUSALS, clock=clock)
        self._known: OrderedDict[str, tuple[float, Token | None]] = OrderedDict()

    def admit_at_once(self, authorization: str, address: str) -> Caller | None:
        """See the protocol."""
        named = _bearer(authorization)
        until, token = self._known.get(named[0], _UNKNOWN) if named else _UNKNOWN
        if named is None or token is None or until < self._clock():
            return None
        return self._checked(token, named[1], address)

    def admit(self, authorization: str, address: str) -> Caller:
        """See the protocol."""
        named = _bearer(authorization)
        if named is None or self._known.get(named[0], _UNKNOWN)[1] is None:
            self._refusals.check(
                address
            )  # who is known is let in, whoever else guesses from the same address
        if named is None:
            raise TokenRefusedError(
                "send an access token: `Authorization: Bearer …`; `amber token create` makes one"
            )
        return self._checked(self._look_up(named[0]), named[1], address)

    def _look_up(self, public: str) -> Token | None:
        until, token = self._known.get(public, _UNKNOWN)
        if until < self._clock():
            token = self._catalog.token(public)
            self._known[public] = (self._clock() + FRESH_SECONDS, token)
            while len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        return token

    def _checked(self, token: Token | None, secret: str, address: str) -> Caller:
        # An unknown token takes the comparison, too, so that its time does not tell it from a wrong secret.
        is_right = is_secret_of(token or _NOBODY, secret)
        if token is None or not is_right or token.revoked_at is not None:
            self._refusals.spend(address)
            raise TokenRefusedError("the access token is unknown or revoked")
        self._rates.spend(token.id)
        return Caller(token.id, token.scope)


_NOBODY = Token("", "", "read", "0" * 64)
#: Until when a token that was never looked up is known, and as what.
_UNKNOWN: tuple[float, Token | None] = (float("-inf"), None)


def _bearer(authorization: str) -> tuple[str, str] | None:
    scheme, _, text = authorization.partition(" ")
    return parts(text.strip()) if scheme.lower() == "bearer" else None


class Rates:
    """How many requests each caller has left: so many a second, and a second's worth at once.

    Args:
        rate: A second; 0: any number.
        burst: At once; what comes in a second, unless given.
        clock: Seconds, from whenever.
    """

    def __init__(self, rate: float, burst: float | None = None, *, clock: Clock = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._burst = burst if burst is not None else max(1.0, rate)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, name: str) -> None:
        """Count one request.

        Raises:
            BusyError: There is none left; says when there is.
        """
        if self._rate:
            left = self._now(name)
            self._put(name, max(-1.0, left - 1.0))
            if left < 1.0:
                raise self._busy(left)

    def check(self, name: str) -> None:
        """Go on only if there is one left; raises as `spend`."""
        if self._rate and self._now(name) < 1.0:
            raise self._busy(self._now(name))

    def _now(self, name: str) -> float:
        left, at = self._left.get(name, (self._burst, self._clock()))
        return min(self._burst, left + (self._clock() - at) * self._rate)

    def _put(self, name: str, left: float) -> None:
        self._left[name] = (left, self._clock())
        self._left.move_to_end(name)
        while len(self._left) > _MOST_REMEMBERED:
            self._left.popitem(last=False)

    def _busy(self, left: float) -> BusyError:
        error = BusyError(f"more than {self._rate:g} requests a second; slow down")
        error.retry_seconds = (1.0 - left) / self._rate
        return error
