"""Who looks at a page: their account, language and time zone, and where the page gets its data."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar
from urllib.parse import quote, urlencode

from sqlalchemy import Connection

from cardea.runtime.clock import Clock
from cardea.runtime.i18n import Translator
from cloud.access.account import Account
from cloud.access.sessions import Sessions
from cloud.aggregator import Aggregator
from cloud.day import midnight_before
from cloud.entries_today import EntriesToday
from cloud.ledger import Ledger
from cloud.ledger.scope import Scope
from cloud.ledger.views import AlertRow
from cloud.series.store import Readable

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class House:
    """What all pages share."""

    ledger: Ledger
    aggregator: Aggregator
    sessions: Sessions
    clock: Clock
    zone: dt.tzinfo
    series: Readable
    entries: EntriesToday = field(default_factory=EntriesToday)


@dataclass(frozen=True, slots=True)
class Reader:
    """One open page's reader."""

    house: House
    account: Account
    token: str
    say: Translator
    site: str | None = None
    """The site that the page is limited to, by ``?site=`` in its address."""
    site_name: str | None = None

    async def read(
        self,
        query: Callable[Concatenate[Connection, Scope, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """One of ``cloud.ledger.reads``, limited to what this reader may see."""
        return await self.house.ledger.read(query, self.account.scope, *args, **kwargs)

    def now(self) -> dt.datetime:
        """This moment, UTC."""
        return self.house.clock.now().utc

    def today(self) -> dt.datetime:
        """The midnight at which this day began in the house's time zone."""
        return midnight_before(self.now(), self.house.zone)

    def ago(self, at: dt.datetime) -> str:
        """How long ago something was, as people say it."""
        length = self.say.duration(max(0.0, (self.now() - at).total_seconds()))
        return self.say.text("{length} ago", length=length)


def place_of(alert: AlertRow) -> str:
    """Where an alert belongs, as precisely as it says: portal and device, else its gateway."""
    named = [part for part in (alert.portal_name, alert.device) if part]
    return " · ".join(named) or alert.gateway


def address_of(path: str, site: str | None = None) -> str:
    """The address of a page, limited to a site."""
    return path if site is None else f"{path}?{urlencode({'site': site})}"


def device_address(gateway: str, device: str) -> str:
    """The address of a device's own page."""
    return f"/devices/{quote(gateway, safe='')}/{quote(device, safe='')}"
