"""The people on duty of a demo: they do what the simulated devices cannot, by the ways that people have.

The manager orders a disinfection cycle once the caretaker has turned the washroom's key, and resets a fire
release once the alarm is over: through the aggregator's API, as its administrator, as a click in the console
would. The caretaker clears a lockout on site, with ``cardea edge zone clear``. Whoever changes the
administrator's password takes over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cardea.cli.tower.children import Tell
from cardea.contract.records import AlertKind
from cardea.contract.zones import Permissive, Standing, ZoneState
from cardea.runtime.clock import Clock

ADMIN = "admin"
API = "/api/v1"
LOOK_S = 2.0
AGAIN_S, CYCLE_AGAIN_S = 20.0, 110.0
"""What has been ordered is not ordered again before: a cycle takes longer, and nobody wants two in a row."""
WALK_S = 20.0
"""How long the caretaker takes to a room that is locked out."""
CARETAKER, CLEARED_BECAUSE = "caretaker", "the room is empty and the lamp is off"
ANSWER_S_MAX = 10.0
NAME = "duty"
_READY = frozenset({ZoneState.IDLE.value, ZoneState.RELEASED.value})
_TO_COME = frozenset({Permissive.ORDER.value, Permissive.LEASE.value})
"""Permissives that only the order itself brings about."""
_UNAUTHORISED, _FORBIDDEN, _TOO_MANY = 401, 403, 429

Row = dict[str, Any]
OnSite = Callable[..., Awaitable[str]]


class OffDuty(Exception):
    """Nothing more can be ordered; one line saying why. After a refused login another try would lock out."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing to order: where, what, and how to say it."""

    path: str
    portal: str | None
    words: str

    @property
    def again_s(self) -> float:
        """How long it is not ordered again."""
        return CYCLE_AGAIN_S if self.portal is None else AGAIN_S

    @property
    def body(self) -> Row:
        """What is sent."""
        return {} if self.portal is None else {"do": "clear_fire", "portal": self.portal}


def errands(zones: Sequence[Row], alerts: Sequence[Row]) -> Iterator[Errand]:
    """What is to be ordered now."""
    for zone in zones:
        if _can_start(zone):
            path = f"/zones/{zone['gateway']}/{zone['zone']}/start"
            yield Errand(path, None, f"cycle ordered in {zone['title']}")
    for alert in alerts:
        if alert["cleared_at"] is None and alert["portal"] is not None:
            portal = alert["portal"]
            yield Errand(f"/gateways/{alert['gateway']}/orders", portal, f"fire reset asked at {portal}")


def locked_out(zones: Sequence[Row]) -> frozenset[str]:
    """The zones that somebody must go and look at."""
    return frozenset(zone["zone"] for zone in zones if zone["state"] == ZoneState.LOCKOUT.value)


def _can_start(zone: Row) -> bool:
    standings = {name: found for name, found in zone["permissives"].items() if name not in _TO_COME}
    in_order = bool(standings) and all(found == Standing.OK.value for found in standings.values())
    believed = not zone["gateway_silent"] and not zone["monitor_only"]
    return believed and zone["state"] in _READY and in_order


class Duty:
    """Looks every two seconds, and orders."""

    def __init__(
        self,
        url: str,
        password_file: Path,
        on_site: OnSite,
        clock: Clock,
        tell: Tell,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """``on_site`` runs a ``cardea`` command at the gateway's machine and returns what it said;
        ``transport``: how the aggregator is reached, if not by the network.
        """
        self._url = url
        self._transport = transport
        self._password_file = password_file
        self._on_site = on_site
        self._clock = clock
        self._tell = tell
        self._locked_s: dict[str, float] = {}
        self._ordered_s: dict[Errand, float] = {}

    async def run(self) -> None:
        """On duty until cancelled, or until something says that it cannot go on."""
        async with httpx.AsyncClient(
            base_url=self._url,
            headers={"origin": self._url},
            timeout=ANSWER_S_MAX,
            transport=self._transport,
        ) as client:
            logged_in = False
            while True:
                try:
                    logged_in = await self._look(client, logged_in=logged_in)
                except OffDuty as off:
                    self._tell(NAME, str(off))
                    return
                except httpx.HTTPError:
                    logged_in = False  # the aggregator is away
                await self._clock.sleep(LOOK_S)

    async def _look(self, client: httpx.AsyncClient, *, logged_in: bool) -> bool:
        """Whether the session still stands."""
        if not logged_in:
            await self._log_in(client)
        zones = await client.get(f"{API}/zones")
        alerts = await client.get(f"{API}/alerts", params={"alert": AlertKind.FIRE.value})
        if not (zones.is_success and alerts.is_success):
            return _UNAUTHORISED not in {zones.status_code, alerts.status_code}
        try:
            found = zones.json()
            wanted = tuple(errands(found, alerts.json()["items"]))
        except (KeyError, TypeError, ValueError) as error:
            raise OffDuty(f"off duty: the aggregator's answer is not understood: {error!r}") from None
        for errand in wanted:
            await self._do(client, errand)
        await self._clear(locked_out(found))
        return True

    async def _log_in(self, client: httpx.AsyncClient) -> None:
        try:
            password = await asyncio.to_thread(self._password_file.read_text, "utf-8")
        except OSError as error:
            raise OffDuty(
                f"off duty: {self._password_file}: {error.strerror}; order cycles in the console"
            ) from None
        credentials = {"login": ADMIN, "password": password.strip()}
        answer = await client.post(f"{API}/session", json=credentials)
        if answer.status_code in {_UNAUTHORISED, _FORBIDDEN, _TOO_MANY}:
            raise OffDuty("off duty: the administrator's password was changed; order cycles in the console")
        answer.raise_for_status()

    async def _do(self, client: httpx.AsyncClient, errand: Errand) -> None:
        now_s = self._clock.monotonic_s()
        before_s = self._ordered_s.get(errand)
        if before_s is not None and now_s - before_s < errand.again_s:
            return
        answer = await client.post(f"{API}{errand.path}", json=errand.body)
        self._ordered_s[errand] = now_s
        self._tell(NAME, errand.words if answer.is_success else f"{errand.words}: {answer.text:.200}")

    async def _clear(self, zones: frozenset[str]) -> None:
        """Go to rooms that are locked out, look, and clear them."""
        now_s = self._clock.monotonic_s()
        self._locked_s = {zone: self._locked_s.get(zone, now_s) for zone in zones}
        for zone, since_s in self._locked_s.items():
            if now_s - since_s >= WALK_S:
                self._locked_s[zone] = now_s
                words = ("--by", CARETAKER, "--reason", CLEARED_BECAUSE)
                self._tell(NAME, await self._on_site("edge", "zone", "clear", zone, *words))
