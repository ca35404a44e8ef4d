"""Logging in and out, and finding the account behind a cookie.

A cookie's value is random and kept only as its SHA-256. Every login makes a new one (no fixation), and
a session ends ``SESSION_H`` after it began whatever happens in it.
"""

import asyncio
import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cardea.runtime.clock import Clock, Entropy
from cloud.access.account import Account
from cloud.access.passwords import hash_password, verify_password
from cloud.access.throttle import Throttle
from cloud.ledger import Ledger, accounts
from cloud.ledger.accounts import KeptSession, User

SESSION_H = 12.0
TOKEN_BYTES = 32
TOKEN_CHARACTERS_MAX = 128
REMEMBERED_S = 30.0
"""How long a found session is believed without asking the ledger again."""
REMEMBERED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The new cookie's value, and whose it is."""

    token: str
    account: Account
    seconds: int


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """Wrong login or password; with ``retry_after_s`` above 0, too many tries."""

    retry_after_s: float = 0.0


class Sessions:
    """The logins of one aggregator."""

    def __init__(self, ledger: Ledger, clock: Clock, entropy: Entropy) -> None:
        self._ledger = ledger
        self._clock = clock
        self._entropy = entropy
        self._throttle = Throttle()
        self._found: dict[str, tuple[float, KeptSession]] = {}

    async def log_in(self, login: str, password: str, address: str) -> LoggedIn | LoginRefused:
        """Check a password and open a session. ``address`` is where the try comes from."""
        account = await self.vouch(login, password, address)
        if isinstance(account, LoginRefused):
            return account
        token = self._entropy.token(TOKEN_BYTES).hex()
        now = self._clock.now().utc
        lasts = dt.timedelta(hours=SESSION_H)
        await self._ledger.write(accounts.open_session, _digest(token), account.user, now, now + lasts)
        return LoggedIn(token, account, int(lasts.total_seconds()))

    async def vouch(self, login: str, password: str, address: str) -> Account | LoginRefused:
        """Check a password and open nothing: a second person stands by what the first one does."""
        keys = (f"login:{login}", f"address:{address}")
        wait_s = self._throttle.retry_after_s(self._clock.monotonic_s(), *keys)
        if wait_s > 0:
            return LoginRefused(wait_s)
        user = await self._ledger.read(accounts.find_user, login)
        kept = None if user is None else user.password_hash
        if not await asyncio.to_thread(verify_password, password, kept) or user is None:
            self._throttle.failed(self._clock.monotonic_s(), *keys)
            return LoginRefused(self._throttle.retry_after_s(self._clock.monotonic_s(), *keys))
        self._throttle.succeeded(*keys)
        return _account(user)

    async def find(self, token: str) -> Account | None:
        """The account behind a cookie's value, ``None`` when it is not (or no longer) open."""
        if len(token) > TOKEN_CHARACTERS_MAX:
            return None
        digest = _digest(token)
        now_s, now = self._clock.monotonic_s(), self._clock.now().utc
        found = self._found.get(digest)
        if found is None or now_s - found[0] > REMEMBERED_S:
            kept = await self._ledger.read(accounts.find_session, digest, now)
            if kept is None:
                self._found.pop(digest, None)
                return None
            if len(self._found) >= REMEMBERED_MAX:
                self._found.clear()
            found = self._found[digest] = (now_s, kept)
        kept = found[1]
        return _account(kept.user) if kept.expires_at > now else None

    async def log_out(self, token: str) -> None:
        """Close a session; unknown ones are closed already."""
        digest = _digest(token)
        await self._ledger.write(accounts.close_session, digest)
        self._found.pop(digest, None)

    async def change_password(self, account: Account, old: str, new: str) -> bool:
        """Set a new password and end all of the login's sessions; ``False`` when the old one is wrong."""
        user = await self._ledger.read(accounts.find_user, account.login)
        if user is None or not await asyncio.to_thread(verify_password, old, user.password_hash):
            return False
        hashed = await asyncio.to_thread(hash_password, new)
        await self._ledger.write(accounts.set_password, user.id, hashed)
        self._forget(lambda kept: kept.user.id == user.id)
        return True

    async def set_language(self, account: Account, language: str) -> None:
        """Remember in which language this login reads."""
        await self._ledger.write(accounts.set_language, account.user, language)
        self._forget(lambda kept: kept.user.id == account.user)

    def _forget(self, which: Callable[[KeptSession], bool]) -> None:
        self._found = {digest: found for digest, found in self._found.items() if not which(found[1])}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _account(user: User) -> Account:
    return Account(user.id, user.login, user.scope, user.language)
