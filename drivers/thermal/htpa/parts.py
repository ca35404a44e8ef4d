"""The two datagrams of a frame put together again. Pure.

They carry no number, only their lengths tell them apart, so a frame is believed when its parts came one after
the other and close together. Swapped parts are of one frame when nothing else came near them, which shows
with the next datagram. A picture of two frames needs two parts lost in a row, and a gateway that was so busy
meanwhile that it read what was left of both frames at once.
"""

from dataclasses import dataclass

from cardea.contract.time import Instant

FIRST_BYTES, SECOND_BYTES = 1292, 1288


@dataclass(frozen=True, slots=True)
class Part:
    """A datagram with its time."""

    data: bytes
    at: Instant


@dataclass(frozen=True, slots=True)
class Whole:
    """A frame's bytes, in their order."""

    data: bytes
    at: Instant
    """When the later part came."""


@dataclass(frozen=True, slots=True)
class Stray:
    """A part that no frame was made of."""

    part: Part
    why: str


class Pairing:
    """One sensor's parts in a row."""

    def __init__(self, part_s_max: float) -> None:
        self._near_s = part_s_max
        self._first: Part | None = None
        self._early: Part | None = None
        """A second part that came before ``_first``, or before any."""
        self._used: tuple[bytes, bytes] = (b"", b"")
        """The parts of the last frame."""

    def take(self, part: Part) -> list[Whole | Stray]:
        """The next first or second part, in the order they came."""
        found = self._swapped(part.at)
        return found + (self._begun(part) if len(part.data) == FIRST_BYTES else self._ended(part))

    def give_up(self) -> list[Whole | Stray]:
        """Nothing more comes for what has begun."""
        waiting = [each for each in (self._early, self._first) if each is not None]
        self._first = self._early = None
        return [Stray(each, "part_alone") for each in waiting]

    def _swapped(self, now: Instant) -> list[Whole | Stray]:
        """The swapped pair that waits, once something came well after it."""
        if self._first is None or self._early is None:
            return []
        first, early = self._first, self._early
        if self._near(early.at, first.at) and not self._near(first.at, now):
            self._first = self._early = None
            return [self._made(first, early)]
        self._early = None
        return [Stray(early, "part_alone")]

    def _begun(self, part: Part) -> list[Whole | Stray]:
        before, self._first = self._first, part
        if before is None:
            return []
        return [Stray(before, "part_repeated" if before.data == part.data else "part_alone")]

    def _ended(self, part: Part) -> list[Whole | Stray]:
        first = self._first
        late = part.data == self._used[1] and (first is None or first.data != self._used[0])
        if late:
            return [Stray(part, "part_repeated")]
        if first is None:
            before, self._early = self._early, part
            return [Stray(before, "part_alone")] if before is not None else []
        self._first = None
        if not self._near(first.at, part.at):
            self._early = part
            return [Stray(first, "part_alone")]
        return [self._made(first, part)]

    def _made(self, first: Part, second: Part) -> Whole:
        self._used = (first.data, second.data)
        return Whole(first.data + second.data, max(first.at, second.at, key=lambda at: at.mono_s))

    def _near(self, earlier: Instant, later: Instant) -> bool:
        return later.mono_s - earlier.mono_s <= self._near_s
