"""Commands to a terminal, each done once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from cardea.contract.reasons import RefusalReason
from cardea.runtime.clock import Clock
from drivers.api import (
    AnswerCheck,
    Command,
    DeviceLost,
    DeviceMisconfigured,
    DeviceRefused,
    Executed,
    HoldOpen,
    LeaseOutput,
    NotExecuted,
    OpenDoor,
    Receipt,
    ShowText,
)
from drivers.gates.hikvision.client import Isapi
from drivers.gates.hikvision.intake import Intake
from drivers.links.http_client import JSON, XML, Declined, Unsupported

RECEIPTS_MAX = 1024
INFO_CHARS_MAX = 128
_OFFLINE = NotExecuted(RefusalReason.UNREACHABLE, "the terminal is offline")


class Commands:
    """Does commands while the session has the terminal; remembers what became of each by its id."""

    def __init__(self, clock: Clock, verdict_s_max: float) -> None:
        self._clock = clock
        self._verdict_s_max = verdict_s_max
        self._isapi: Isapi | None = None
        self._intake: Intake | None = None
        self._receipts: OrderedDict[str, asyncio.Future[Receipt]] = OrderedDict()
        self._do: Mapping[type[Any], Callable[[Isapi, Any], Awaitable[Receipt]]] = {
            AnswerCheck: self._answer,
            OpenDoor: _open,
            HoldOpen: _hold,
            ShowText: _cannot_show,
            LeaseOutput: _has_no_output,
        }

    def connect(self, isapi: Isapi | None, intake: Intake | None) -> None:
        """The session has the terminal now, or (``None``) no more."""
        self._isapi, self._intake = isapi, intake

    async def submit(self, command: Command) -> Receipt:
        """Do ``command`` unless its id was done; one that never reached the terminal may be tried again."""
        earlier = self._receipts.get(command.id)
        if earlier is not None:
            return await asyncio.shield(earlier)
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._receipts[command.id] = done
        receipt: Receipt = NotExecuted(RefusalReason.UNREACHABLE, "given up before the terminal answered")
        try:
            receipt = await self._attempt(command)
        finally:
            done.set_result(receipt)
            if isinstance(receipt, NotExecuted) and receipt.reason is RefusalReason.UNREACHABLE:
                del self._receipts[command.id]
            self._forget()
        return receipt

    def _forget(self) -> None:
        while len(self._receipts) > RECEIPTS_MAX:
            self._receipts.popitem(last=False)

    async def _attempt(self, command: Command) -> Receipt:
        isapi = self._isapi
        if isapi is None:
            return _OFFLINE
        try:
            return await self._do[type(command)](isapi, command)
        except Unsupported as error:
            return NotExecuted(RefusalReason.UNSUPPORTED, str(error))
        except (Declined, DeviceRefused) as error:
            return NotExecuted(RefusalReason.DEVICE_REFUSED, str(error))
        except (DeviceLost, DeviceMisconfigured) as error:
            return NotExecuted(RefusalReason.UNREACHABLE, str(error))

    async def _answer(self, isapi: Isapi, command: AnswerCheck) -> Receipt:
        """A verdict after the terminal's own time-out could let the next person in: it is not sent."""
        asked_s = self._intake.asked_s(command.ask) if self._intake else None
        if asked_s is None or self._clock.monotonic_s() - asked_s > self._verdict_s_max:
            return NotExecuted(RefusalReason.EXPIRED, "the terminal no longer waits for this verdict")
        verdict = {
            "serialNo": command.ask,
            "checkResult": "success" if command.granted else "failed",
            "info": command.text[:INFO_CHARS_MAX],
        }
        body = msgspec.json.encode({"RemoteCheck": verdict})
        await isapi.put("/ISAPI/AccessControl/remoteCheck?format=json", body, JSON)
        return Executed()


async def _open(isapi: Isapi, command: OpenDoor) -> Receipt:
    """The terminal times the pulse by its own setting, which ISAPI's ``open`` cannot override."""
    return await _control(isapi, command.door, "open")


async def _hold(isapi: Isapi, command: HoldOpen) -> Receipt:
    return await _control(isapi, command.door, "alwaysOpen" if command.on else "close")


async def _control(isapi: Isapi, door: int, order: str) -> Receipt:
    body = f"<RemoteControlDoor><cmd>{order}</cmd></RemoteControlDoor>".encode()
    await isapi.put(f"/ISAPI/AccessControl/RemoteControl/door/{door}", body, XML)
    return Executed()


async def _cannot_show(_isapi: Isapi, _command: ShowText) -> Receipt:
    return NotExecuted(RefusalReason.UNSUPPORTED, "ISAPI terminals show a text only with a verdict")


async def _has_no_output(_isapi: Isapi, _command: LeaseOutput) -> Receipt:
    return NotExecuted(RefusalReason.UNSUPPORTED, "an ISAPI terminal has no leased outputs")
