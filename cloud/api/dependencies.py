"""What every route is given: the ledger, and the account that the guard found."""

from typing import Annotated, cast

from fastapi import Depends, HTTPException, Request

from cardea.runtime.clock import Clock
from cloud.access.account import Account
from cloud.access.sessions import Sessions
from cloud.aggregator import Aggregator
from cloud.ledger import Ledger
from cloud.ledger.scope import Role


def _account(request: Request) -> Account:
    """The guard lets nobody through without a session, except to log in."""
    account = cast("Account | None", request.state.account)
    if account is None:
        raise HTTPException(401, "log in first")
    return account


def _ledger(request: Request) -> Ledger:
    return cast("Ledger", request.app.state.ledger)


def _sessions(request: Request) -> Sessions:
    return cast("Sessions", request.app.state.sessions)


def _aggregator(request: Request) -> Aggregator:
    return cast("Aggregator", request.app.state.aggregator)


def _clock(request: Request) -> Clock:
    return cast("Clock", request.app.state.clock)


def _manager(account: Annotated[Account, Depends(_account)]) -> Account:
    if account.scope.role is not Role.MANAGER:
        raise HTTPException(403, "only a property manager may do this")
    return account


Caller = Annotated[Account, Depends(_account)]
Manager = Annotated[Account, Depends(_manager)]
FromLedger = Annotated[Ledger, Depends(_ledger)]
FromSessions = Annotated[Sessions, Depends(_sessions)]
FromClock = Annotated[Clock, Depends(_clock)]
FromAggregator = Annotated[Aggregator, Depends(_aggregator)]
LOGGED_IN = Depends(_account)
