"""What happened while nobody listened: the terminal's own log, read on from the cursor."""

import datetime as dt

import msgspec

from cardea.runtime.backoff import Backoff
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.logs import get_logger
from drivers.api import CredentialPresented, Emit
from drivers.gates.hikvision.access import HistoryPage, history_page
from drivers.gates.hikvision.client import Isapi
from drivers.gates.hikvision.identity import shown_time
from drivers.gates.hikvision.intake import Intake
from drivers.gates.hikvision.payload import Unreadable
from drivers.gates.hikvision.settings import HikvisionSettings
from drivers.gates.hikvision.snapshots import Payload
from drivers.links.http_client import JSON, Declined

PAGE_EVENTS = 30
"""What terminals give in one answer at most."""
PAGES_MAX = 8192
_PATH = "/ISAPI/AccessControl/AcsEvent?format=json"

_log = get_logger("hikvision")


class _NotTaken(Exception):
    """The store refused an event; ``before`` it, so many were taken."""

    def __init__(self, before: int) -> None:
        super().__init__()
        self.before = before


class History:
    """Fetches missed events; live ones may come at the same time."""

    def __init__(
        self,
        isapi: Isapi,
        intake: Intake,
        settings: HikvisionSettings,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._isapi = isapi
        self._intake = intake
        self._settings = settings
        self._clock = clock
        self._entropy = entropy
        self._backoff = Backoff(clock, entropy)
        self._works = settings.history_days > 0

    async def fetch(self, emit: Emit) -> int:
        """Hand on all that was missed, oldest first; how many people were among it.

        The search ends at this moment by the terminal's clock: what happens later comes live. It reads on
        from what is settled, and what came live meanwhile is recognised; so a search that the store breaks
        off, or that ends at ``history_events_max``, is only begun again.

        Raises:
            DeviceLost: the terminal gave way.
        """
        self._backoff.reset()
        new = 0
        while self._works:
            try:
                return new + await self._search(emit)
            except _NotTaken as held:
                new += held.before
                await self._backoff.wait()
        return new

    async def _search(self, emit: Emit) -> int:
        until = await shown_time(self._isapi) or self._clock.now().utc
        after = self._intake.settled
        search = {
            "searchID": self._entropy.new_id(),
            "maxResults": PAGE_EVENTS,
            "major": 0,
            "minor": 0,
            "startTime": _said(until - dt.timedelta(days=self._settings.history_days)),
            "endTime": _said(until),
            "beginSerialNo": after + 1,
        }
        position = new = 0
        for _ in range(PAGES_MAX):
            page = await self._page({**search, "searchResultPosition": position})
            if page is None:
                return new
            for payload in page.payloads:
                taken = await self._hand_on(payload, after, emit)
                if taken is None:
                    raise _NotTaken(new)
                new += taken
            position += page.matches
            if not page.more or not page.matches:
                return new
            if new >= self._settings.history_events_max:
                break
        _log.warning("history_cut_short", terminal=self._settings.base_url, fetched=new)
        return new

    async def _page(self, search: dict[str, object]) -> HistoryPage | None:
        """One answer; ``None`` when this terminal has no history to search."""
        try:
            answer = await self._isapi.post(_PATH, msgspec.json.encode({"AcsEventCond": search}), JSON)
            return history_page(answer, self._clock.now())
        except (Declined, Unreadable) as error:
            self._works = False
            _log.warning("history_unavailable", terminal=self._settings.base_url, reason=str(error))
            return None

    async def _hand_on(self, payload: Payload, after: int, emit: Emit) -> bool | None:
        """Whether this told of somebody new; ``None``: it was not taken.

        Entries up to ``after`` are passed over, since a terminal may ignore ``beginSerialNo``.
        """
        serial = payload[-1].cursor
        if serial is not None and serial <= after:
            return False
        before = self._intake.repeated
        if not await self._intake.take(payload, emit):
            return None
        if serial is not None:
            self._intake.settle(serial)
        return isinstance(payload[-1], CredentialPresented) and self._intake.repeated == before


def _said(time: dt.datetime) -> str:
    return time.isoformat(timespec="seconds")
