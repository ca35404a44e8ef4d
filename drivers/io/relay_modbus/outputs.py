"""What each coil should be, and since when it is not. Pure; time is an argument.

Every output is a lease (SAFETY.md L6, D3): a door that is opened and a leased output go back by themselves;
only a held door stays, and only because it is confirmed again and again. A coil that nobody asked for is
never written.
"""

from collections.abc import Mapping

from drivers.io.relay_modbus.settings import Door, Output, RelaySettings

ADOPT_S = 10.0
"""A door found released at the start is given this long for somebody to hold it (a fire latched across the
restart) before it is locked again."""
DISOBEYED_MAX = 10
"""Readings in a row that may contradict what was written, before the coil is called faulty."""


class OutputPlan:
    """The coils of a board: which are ours to write now, and what they should be."""

    def __init__(self, settings: RelaySettings) -> None:
        self._doors = {door.coil: door for door in settings.doors}
        self._outputs = {output.coil: output for output in settings.outputs}
        self._active_level = {door.coil: door.release_level == "on" for door in settings.doors}
        self._active_level |= dict.fromkeys(self._outputs, True)
        self._held: set[int] = set()
        self._until_s: dict[int, float] = {}
        self._is: dict[int, bool | None] = {}
        self._disobeyed: dict[int, int] = {}

    @property
    def coils(self) -> tuple[int, ...]:
        """All coils of the configuration."""
        return tuple(sorted(self._active_level))

    def watched(self, now_s: float) -> tuple[int, ...]:
        """Coils that are on, or should be, and therefore must be read back."""
        return tuple(coil for coil in self._is if self._active(coil, now_s) or self.astray(coil, now_s))

    def adopt(self, found: Mapping[int, bool], now_s: float) -> None:
        """Coils as found at a start: nothing is written but leased outputs back to off (SAFETY.md L6)."""
        for coil in self._outputs:
            self._is[coil] = found[coil]
            self._until_s[coil] = now_s
        for coil in self._doors:
            released = found[coil] is self._active_level[coil]
            if released and not self._active(coil, now_s):
                self._until_s[coil] = now_s + ADOPT_S
            if released or coil in self._is:
                self._is[coil] = found[coil]

    def open(self, door: Door, until_s: float) -> None:
        """Release a door until then, or longer when it is released for longer already."""
        self._lease(door.coil, max(until_s, self._until_s.get(door.coil, until_s)))

    def hold(self, door: Door) -> None:
        """Keep a door released until told otherwise."""
        self._held.add(door.coil)
        self._is.setdefault(door.coil, None)

    def unhold(self, door: Door, now_s: float) -> None:
        """End a hold; the door locks now."""
        self._held.discard(door.coil)
        self._lease(door.coil, now_s)

    def held(self, door: Door) -> bool:
        """Whether a door is held released."""
        return door.coil in self._held

    def lease(self, output: Output, until_s: float) -> None:
        """Switch an output on until then; a time that has passed switches it off."""
        self._lease(output.coil, until_s)

    def abandon(self, coil: int, now_s: float) -> None:
        """Nobody knows whether the write arrived: nothing shall be on because of it."""
        self._until_s[coil] = now_s
        self._is[coil] = None

    def due(self, now_s: float) -> tuple[int, ...]:
        """Coils to write now."""
        return tuple(coil for coil in self._is if self.astray(coil, now_s))

    def wrote(self, coil: int, *, level: bool) -> None:
        """The board confirmed a write."""
        self._is[coil] = level

    def observed(self, found: Mapping[int, bool]) -> int | None:
        """Coils as read back; returns one that has not obeyed ``DISOBEYED_MAX`` times, if any."""
        for coil in self._is.keys() & found.keys():
            obeys = self._is[coil] in {None, found[coil]}
            self._disobeyed[coil] = 0 if obeys else self._disobeyed.get(coil, 0) + 1
            self._is[coil] = found[coil]
            if self._disobeyed[coil] >= DISOBEYED_MAX:
                return coil
        return None

    def next_s(self, now_s: float) -> float | None:
        """When the next lease runs out."""
        return min((until for until in self._until_s.values() if until > now_s), default=None)

    def _lease(self, coil: int, until_s: float) -> None:
        self._until_s[coil] = until_s
        self._is.setdefault(coil, None)

    def _active(self, coil: int, now_s: float) -> bool:
        return coil in self._held or self._until_s.get(coil, now_s) > now_s

    def owns(self, coil: int) -> bool:
        """Whether anybody has asked for this coil, or it was found on: it may be written."""
        return coil in self._is

    def wanted(self, coil: int, now_s: float) -> bool:
        """The level that a coil should have."""
        return self._active_level[coil] is self._active(coil, now_s)

    def astray(self, coil: int, now_s: float) -> bool:
        """Whether a coil must be written."""
        return self._is[coil] is not self.wanted(coil, now_s)
