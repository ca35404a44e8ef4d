"""A device's durable place in its own history.

It is noted after the event it stands for was committed. After a crash a device may therefore deliver a few
events again; their ids derive from the device's numbers (``edge.ids``), so they stay the same rows.
"""

from cardea.runtime.clock import Clock
from edge.notes import NoteKind, Notes

SETTLE_S = 30.0
"""Live events are noted this long after a session began and after its last backfilled event: while a device
still tells its past, a live number must not be taken for "everything before it is committed"."""


class DeviceCursor:
    """What a device's session sees of its place."""

    def __init__(self, notes: Notes, device: str) -> None:
        self._notes = notes
        self._device = device

    async def load(self) -> int | None:
        """The last event number that was committed, if any."""
        noted = self._notes.get(NoteKind.CURSOR, self._device)
        return None if noted is None else int(noted)


class Place:
    """How far the events of one device are committed without a gap."""

    def __init__(self, notes: Notes, device: str, clock: Clock) -> None:
        self._notes = notes
        self._device = device
        self._clock = clock
        self._settled_s = 0.0
        self._live: int | None = None

    def session_began(self) -> None:
        """The device may now tell what it missed to tell."""
        self._live = None
        self._settled_s = self._clock.monotonic_s() + SETTLE_S

    def passed(self, number: int, *, offline: bool) -> None:
        """The event with this number is committed."""
        if offline:
            self._settled_s = self._clock.monotonic_s() + SETTLE_S
            self._note(number)
        else:
            self._live = number

    def tick(self) -> None:
        """Time has passed: the past is told, live numbers can be noted."""
        if self._live is not None and self._clock.monotonic_s() >= self._settled_s:
            self._note(self._live)
            self._live = None

    def _note(self, number: int) -> None:
        self._notes.put(NoteKind.CURSOR, self._device, str(number))
