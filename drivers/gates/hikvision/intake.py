"""Hands payloads on, each serial number once: live and history tell the same things, and devices repeat."""

import asyncio
from collections import OrderedDict

from drivers.api import Accepted, CredentialPresented, Emit
from drivers.gates.hikvision.serials import Serials
from drivers.gates.hikvision.snapshots import Payload

ASKS_MAX = 1024
"""Questions that are recognised again and can be answered."""


class Intake:
    """Between the decoder and the supervisor.

    ``committed`` is the last serial number that was committed before; of it only that one number is taken as
    told, since a terminal sends again whatever it got no 200 for.
    """

    def __init__(self, committed: int | None) -> None:
        self._committed = Serials()
        self._asks: OrderedDict[int, float] = OrderedDict()
        self._under_way: dict[int, asyncio.Future[bool]] = {}
        self._settled = committed or 0
        self.repeated = 0
        """Payloads that were told before."""
        if committed is not None:
            self._committed.add(committed)

    @property
    def settled(self) -> int:
        """Up to this serial number nothing is missing; the history is read from the next one on."""
        self._settled = self._committed.unbroken_from(self._settled)
        return self._settled

    def settle(self, serial: int) -> None:
        """The history was read up to here."""
        self._settled = max(self._settled, serial)

    async def take(self, payload: Payload, emit: Emit) -> bool:
        """Hand a payload on; whether it is committed now, by this call or an earlier one."""
        last = payload[-1]
        serial = last.cursor
        if serial is None:
            return await _hand_on(payload, emit)
        if (under_way := self._under_way.get(serial)) is not None:
            self.repeated += 1
            return await asyncio.shield(under_way)
        ask = last.ask if isinstance(last, CredentialPresented) else None
        # What the history told first can still be asked live: only a question is an old question.
        if serial in (self._committed if ask is None else self._asks):
            self.repeated += 1
            return True
        if ask is not None:
            self._asks[ask] = last.at.mono_s
            if len(self._asks) > ASKS_MAX:
                self._asks.popitem(last=False)
        return await self._first(serial, payload, emit)

    async def _first(self, serial: int, payload: Payload, emit: Emit) -> bool:
        under_way: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._under_way[serial] = under_way
        committed = False
        try:
            committed = await _hand_on(payload, emit)
        finally:
            del self._under_way[serial]
            under_way.set_result(committed)
            if committed:
                self._committed.add(serial)
            else:
                self._asks.pop(serial, None)
        return committed

    def asked_s(self, ask: int) -> float | None:
        """When this question came (monotonic, s); ``None`` when it never did or long ago."""
        return self._asks.get(ask)


async def _hand_on(payload: Payload, emit: Emit) -> bool:
    for event in payload:
        if not isinstance(await emit(event), Accepted):
            return False
    return True
