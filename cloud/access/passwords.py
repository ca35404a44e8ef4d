"""Passwords: argon2id with the parameters of OWASP's password storage sheet (19 MiB, 2 passes, 1 lane)."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1

_HASHER = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


@cache
def _nobody() -> str:
    """A hash to compare with when there is no such login."""
    return _HASHER.hash("nobody has this password")


def hash_password(password: str) -> str:
    """The PHC string to keep; takes some 20 ms, so call it in a worker thread."""
    return _HASHER.hash(password)


def verify_password(password: str, kept: str | None) -> bool:
    """Whether ``password`` is the one. Takes equally long when there is no such login (``kept`` None)."""
    try:
        return _HASHER.verify(_nobody() if kept is None else kept, password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False
