"""Effects on devices: every command in its own task with a time-out, so that no device holds up another.

A timed release is submitted once: its moment passes. A hold (fire) is submitted again until the device has
confirmed it, and anew whenever the portal machine says so, as it does when the device comes back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cardea.contract.reasons import Reason
from cardea.contract.records import Outcome, Side
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.i18n import Translator
from cardea.runtime.logs import get_logger
from cardea.runtime.phrases import terminal_phrase
from drivers.api import (
    AnswerCheck,
    Command,
    Driver,
    Executed,
    HoldOpen,
    OpenDoor,
    Receipt,
    ShowText,
)
from edge.configuration.settings import DoorRef, Portal

T = TypeVar("T")

HOLD_RETRY_S = 1.0
IN_FLIGHT_MAX = 64
"""Commands of one portal on their way at a time; beyond it texts are dropped, releases never."""
_LOG = get_logger("actuation")

Submit = Callable[[str, Command], Awaitable[Receipt]]
"""Hand a command to a device; answers within a time of its own and never raises."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A terminal that waits for a verdict."""

    device: str
    number: int
    door: int


class Actuation:
    """The doors and displays of one portal."""

    def __init__(
        self,
        portal: Portal,
        drivers: Mapping[str, Driver[Any]],
        submit: Submit,
        translator: Translator,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._portal = portal
        self._drivers = drivers
        self._submit = submit
        self._translator = translator
        self._clock = clock
        self._entropy = entropy
        self._tasks: set[asyncio.Task[Any]] = set()
        self._holding = {
            door: _Hold(self, door) for door in self._doors() if self._can(door.device, HoldOpen)
        }

    def release(self, side: Side, release_s: float, asks: Sequence[Ask] = ()) -> "asyncio.Task[bool] | None":
        """Pulse the door of that side; the task says whether the device did. ``None``: nothing to pulse.

        A door whose own terminal asked is opened by the terminal, on the answer (:meth:`answer`).
        """
        door = self._door_of(side)
        if door is None or any(DoorRef(device=ask.device, door=ask.door) == door for ask in asks):
            return None
        if not self._can(door.device, OpenDoor):
            return None
        return self._start(door.device, OpenDoor(self._entropy.new_id(), door.door, release_s))

    def answer(self, ask: Ask, *, granted: bool, text: str) -> None:
        """Answer a terminal that waits."""
        self._start(ask.device, AnswerCheck(self._entropy.new_id(), ask.number, granted=granted, text=text))

    def show(self, device: str, text: str) -> None:
        """Show a line on a device that can."""
        if self._can(device, ShowText) and len(self._tasks) < IN_FLIGHT_MAX:
            self._start(device, ShowText(self._entropy.new_id(), text))

    def text(self, outcome: Outcome, reason: Reason) -> str:
        """The line for the person in front of the portal, in the gateway's language."""
        return self._translator.text(terminal_phrase(outcome, reason))

    def hold(self, *, on: bool) -> None:
        """Keep every door of the portal released, or end that; again until each device has confirmed."""
        for hold in self._holding.values():
            hold.want(on=on)

    @property
    def devices(self) -> frozenset[str]:
        """The devices that move this portal's doors."""
        return frozenset(door.device for door in self._doors())

    def spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run ``work`` beside everything else until :meth:`close`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """End what is on its way. Doors keep what their devices were told: leases and holds end there."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def submit(self, device: str, command: Command) -> Receipt:
        """One command, with a line in the log when it was not executed."""
        receipt = await self._submit(device, command)
        if not isinstance(receipt, Executed):
            _LOG.warning(
                "command_not_executed",
                device=device,
                command=type(command).__name__,
                reason=receipt.reason.value,
                detail=receipt.detail,
            )
        return receipt

    async def pause(self) -> None:
        """Between two attempts of a hold."""
        await self._clock.sleep(HOLD_RETRY_S)

    def command_id(self) -> str:
        """A fresh id: an attempt that failed is not the same command again."""
        return self._entropy.new_id()

    def _start(self, device: str, command: Command) -> "asyncio.Task[bool]":
        return self.spawn(self._executed(device, command))

    async def _executed(self, device: str, command: Command) -> bool:
        return isinstance(await self.submit(device, command), Executed)

    def _doors(self) -> tuple[DoorRef, ...]:
        doors = (self._portal.ingress.actuator, self._portal.egress.actuator)
        return tuple(dict.fromkeys(door for door in doors if door is not None))

    def _door_of(self, side: Side) -> DoorRef | None:
        if side is Side.EGRESS and self._portal.egress.actuator is not None:
            return self._portal.egress.actuator
        return self._portal.ingress.actuator

    def _can(self, device: str, command: type[Command]) -> bool:
        driver = self._drivers.get(device)
        return driver is not None and command in driver.commands


class _Hold:
    """One door that is to be held released, or no longer."""

    def __init__(self, actuation: Actuation, door: DoorRef) -> None:
        self._actuation = actuation
        self._door = door
        self._wanted: bool | None = None
        self._asked = 0
        self._done = 0
        self._busy = False

    def want(self, *, on: bool) -> None:
        """Say it to the device, also when it was said before: a pulse in between may have relocked."""
        self._wanted = on
        self._asked += 1
        if not self._busy:
            self._busy = True
            self._actuation.spawn(self._insist())

    async def _insist(self) -> None:
        """Until the device has confirmed the latest wish."""
        try:
            while self._done < self._asked and self._wanted is not None:
                asked = self._asked
                command = HoldOpen(self._actuation.command_id(), self._door.door, on=self._wanted)
                receipt = await self._actuation.submit(self._door.device, command)
                if isinstance(receipt, Executed):
                    self._done = asked
                elif self._asked == asked:
                    await self._actuation.pause()
        finally:
            self._busy = False
