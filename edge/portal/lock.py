"""The portal machine with its clock: steps at once with every fact, and by itself when something falls due.

A step is synchronous: what a fact asks for is on its way to the devices before the next one is looked at, so
a fire waits behind no inbox, no disk and no hanging device (SAFETY.md L4).
"""

import asyncio
from collections.abc import Callable, Sequence

from cardea.runtime.clock import Clock
from edge.decide import portal as machine
from edge.decide.decision import Effect
from edge.decide.portal import Event, Fitting, Kept, PortalState
from edge.notes import NoteKind, Notes

Carry = Callable[[Sequence[Effect], Event], None]
"""Carry effects out in order; never waits."""


class Lock:
    """One portal's machine."""

    def __init__(
        self, portal: str, clock: Clock, notes: Notes, fitting: Callable[[], Fitting], carry: Carry
    ) -> None:
        self._portal = portal
        self._clock = clock
        self._notes = notes
        self._carry = carry
        self._changed = asyncio.Event()
        self._fitting = fitting
        self.state = PortalState()

    @property
    def fitting(self) -> Fitting:
        """What the portal is built of, with the times of the policy in force."""
        return self._fitting()

    def boot(self) -> None:
        """Begin, as the notes say it was; pulses nothing (SAFETY.md L6)."""
        kept = self._notes.get(NoteKind.FIRE_LATCHED, self._portal)
        self.step(machine.Booted(Kept(kept) if kept in set(Kept) else Kept.NOTHING))

    def step(self, event: Event) -> Sequence[Effect]:
        """What ``event`` leads to; carried out when this returns."""
        before = machine.kept(self.state)
        self.state, effects = machine.step(self.state, event, self._clock.monotonic_s(), self.fitting)
        self._carry(effects, event)
        after = machine.kept(self.state)
        if after is Kept.NOTHING:
            self._notes.drop(NoteKind.FIRE_LATCHED, self._portal)
        elif after is not before:
            self._notes.put(NoteKind.FIRE_LATCHED, self._portal, after.value)
        self._changed.set()
        return effects

    async def run(self) -> None:
        """Step with ``Tick`` whenever something falls due, until cancelled."""
        while True:
            self._changed.clear()
            due_s = machine.next_due_s(self.state, self.fitting)
            wait_s = None if due_s is None else max(0.0, due_s - self._clock.monotonic_s())
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                self.step(machine.Tick())
