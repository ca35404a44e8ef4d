"""Who is logged in."""

from dataclasses import dataclass

from cloud.ledger.scope import Scope


@dataclass(frozen=True, slots=True)
class Account:
    """A login and what it may see."""

    user: int
    login: str
    scope: Scope
    language: str | None = None
