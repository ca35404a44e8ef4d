"""Which relay may be on until when, and whether the unit obeys. Pure; time is an argument.

Every output is a lease (SAFETY.md D3): nothing stays on, or comes on again, unless somebody asks for it anew.
"""

from collections.abc import Mapping

FEEDBACK_S_MAX = 1.5
"""Feedback may contradict a leased output for so long. The zone's machine acts after 1 s (SAFETY.md D6); this
is for when it does not."""


class Leases:
    """The relays of a unit by coil, and what each was last told. Before the first word nobody knows."""

    def __init__(self, coils: Mapping[int, int]) -> None:
        self.coils = tuple(coils.values())
        self._coils = coils
        self._until_s: dict[int, float] = {}
        self._told: dict[int, bool | None] = dict.fromkeys(self.coils)

    def forget(self) -> None:
        """A session begins: nothing is leased, nothing is known."""
        self._until_s.clear()
        self._told = dict.fromkeys(self.coils)

    def coil(self, channel: int) -> int | None:
        """The coil of an output."""
        return self._coils.get(channel)

    def lease(self, coil: int, until_s: float) -> None:
        """On until then; a time that has passed means off."""
        self._until_s[coil] = until_s

    def end_all(self) -> None:
        """Everything off."""
        self._until_s.clear()

    def told(self, coil: int, *, on: bool) -> None:
        """The unit confirmed a write."""
        self._told[coil] = on

    def abandon(self, coil: int) -> None:
        """Nobody knows whether a write arrived: nothing shall be on because of it."""
        self._until_s.pop(coil, None)
        self._told[coil] = None

    def wanted(self, coil: int, now_s: float) -> bool:
        """Whether a relay should be on."""
        return self._until_s.get(coil, now_s) > now_s

    def emits(self, now_s: float) -> bool:
        """Whether the unit should emit: all its relays, which are in series, are leased."""
        return bool(self.coils) and all(self.wanted(coil, now_s) for coil in self.coils)

    def active(self, now_s: float) -> tuple[int, ...]:
        """Coils that are leased now."""
        return tuple(coil for coil in self.coils if self.wanted(coil, now_s))

    def due(self, now_s: float) -> tuple[int, ...]:
        """Coils that were told something else than they should be, or nothing."""
        return tuple(coil for coil in self.coils if self._told[coil] is not self.wanted(coil, now_s))

    def maybe_on(self) -> tuple[int, ...]:
        """Coils that are not known to be off."""
        return tuple(coil for coil in self.coils if self._told[coil] is not False)

    def astray(self, found: Mapping[int, bool]) -> int | None:
        """A coil that reads otherwise than it was told, if any."""
        return next((coil for coil in self.coils if found[coil] is not self._told[coil]), None)

    def next_s(self, now_s: float) -> float | None:
        """When the next lease ends."""
        return min((until_s for until_s in self._until_s.values() if until_s > now_s), default=None)


class Feedback:
    """For how long the output has not been what the leases say."""

    def __init__(self, now_s: float) -> None:
        self._agreed_s = now_s

    def contradicts(self, shown: float | None, leases: Leases, now_s: float) -> bool:
        """Take what the unit shows (``None``: nothing believable); true when it has been wrong for too long.

        With nothing leased there is nothing to switch off: a welded relay is then reported, not acted upon.
        """
        if not leases.active(now_s) or shown == float(leases.emits(now_s)):
            self._agreed_s = now_s
        return now_s - self._agreed_s > FEEDBACK_S_MAX
