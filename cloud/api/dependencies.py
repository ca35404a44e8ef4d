"""What every route is given: the ledger, and the account that the guard found."""

import datetime as dt
from typing import Annotated, cast

from fastapi import Depends, HTTPException, Request

from cardea.runtime.clock import Clock
from cloud.access.account import Account
from cloud.access.sessions import Sessions
from cloud.aggregator import Aggregator
from cloud.disinfection import Disinfection
from cloud.entries_today import EntriesToday
from cloud.ledger import Ledger
from cloud.ledger.scope import Role
from cloud.series.store import Readable


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


def _series(request: Request) -> Readable:
    return cast("Readable", request.app.state.series)


def _zone(request: Request) -> dt.tzinfo:
    return cast("dt.tzinfo", request.app.state.zone)


def _entries(request: Request) -> EntriesToday:
    return cast("EntriesToday", request.app.state.entries)


def _disinfection(request: Request) -> Disinfection:
    return Disinfection(_ledger(request), _sessions(request), _aggregator(request).intent)


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
FromSeries = Annotated[Readable, Depends(_series)]
FromZone = Annotated[dt.tzinfo, Depends(_zone)]
"""The house's time zone, in which days begin."""
FromEntries = Annotated[EntriesToday, Depends(_entries)]
FromDisinfection = Annotated[Disinfection, Depends(_disinfection)]
FromAggregator = Annotated[Aggregator, Depends(_aggregator)]
LOGGED_IN = Depends(_account)
