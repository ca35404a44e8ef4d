"""The first start: an administrator with a random password, said once and never kept in the clear by us."""

import asyncio
import os
from pathlib import Path

from sqlalchemy import Connection

from cardea.runtime.clock import Clock, Entropy
from cloud.access.passwords import hash_password
from cloud.ledger import Ledger, accounts
from cloud.ledger.scope import Scope

ADMIN = "admin"
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CHARACTERS = 20


async def make_administrator(ledger: Ledger, scope: Scope, clock: Clock, entropy: Entropy) -> str | None:
    """Make the login ``admin`` if there is no login at all; returns its password, this once."""
    if await ledger.read(accounts.count_users) > 0:
        return None
    password = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in entropy.token(_CHARACTERS))
    hashed = await asyncio.to_thread(hash_password, password)
    at = clock.now().utc

    def add(connection: Connection) -> None:
        accounts.add_user(connection, ADMIN, scope, hashed, at)

    await ledger.write(add)
    return password


def keep_password(path: Path, password: str) -> None:
    """Write a password for its owner's eyes (mode 0600); only where the configuration names a file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{password}\n")
    path.chmod(0o600)
