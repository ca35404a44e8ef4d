"""One lane of a simulated gateway, in memory until acknowledged as stored. Pure; time is an argument.

What is sent together stays together as one encoded parcel, and is sent again as the same bytes: the
aggregator must cope with rows that it has already (SAFETY.md R2), so we count what we made it cope with.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cardea.contract.ranges import Ranges, Span, merge, size, subtract

FLYING_MAX = 4
"""Parcels of one lane on their way at the most, as a gateway has it."""


@dataclass(slots=True, eq=False)
class Parcel:
    """Rows that travel as one message."""

    span: Span
    payload: bytes
    sealed_s: float
    left: Ranges
    """Rows of it that are not acknowledged yet."""
    sent_s: float | None = None
    """When it was last sent over the connection there is now."""
    told: bool = False
    """It has been sent before, over this connection or an earlier one."""


@dataclass(slots=True)
class LaneCounts:
    """What has become of a lane's rows; ``made = acknowledged + pending`` at any time (SAFETY.md R4)."""

    made: int = 0
    acknowledged: int = 0
    sent: int = 0
    """Rows sent for the first time."""
    resent: int = 0
    """Rows sent again, acknowledged meanwhile or not: duplicates, if the first sending arrived."""
    phantom: int = 0
    """Rows acknowledged that were never sent."""
    held_back: int = 0
    """Rows not made because too many were waiting."""

    def add(self, other: "LaneCounts") -> None:
        """Another lane's as well."""
        self.made += other.made
        self.acknowledged += other.acknowledged
        self.sent += other.sent
        self.resent += other.resent
        self.phantom += other.phantom
        self.held_back += other.held_back


class FleetLane:
    """Parcels in order of their rows, which count from ``first``; at most ``rows_max`` wait."""

    def __init__(self, first: int, rows_max: int, *, newest_first: bool = False) -> None:
        self._next = first
        self._rows_max = rows_max
        self._step = -1 if newest_first else 1
        self._parcels: dict[int, Parcel] = {}
        self.counts = LaneCounts()

    @property
    def next_seq(self) -> int:
        """The number that the next row gets."""
        return self._next

    @property
    def pending(self) -> int:
        """Rows that are not acknowledged, counted one by one."""
        return sum(size(parcel.left) for parcel in self._parcels.values())

    def seal(self, rows: int, encoded: Callable[[int], bytes], now_s: float) -> bool:
        """Number ``rows`` rows and keep them as ``encoded(first)``; False when there is no room."""
        if self.counts.made - self.counts.acknowledged + rows > self._rows_max:
            self.counts.held_back += rows
            return False
        span = (self._next, self._next + rows - 1)
        self._parcels[span[0]] = Parcel(span, encoded(span[0]), now_s, (span,))
        self._next += rows
        self.counts.made += rows
        return True

    def to_send(self) -> Parcel | None:
        """The next parcel to send, if there is one and not too many are on their way."""
        flying = 0
        found: Parcel | None = None
        for parcel in list(self._parcels.values())[:: self._step]:
            if parcel.sent_s is not None:
                flying += 1
                if flying == FLYING_MAX:
                    return None
            elif found is None:
                found = parcel
        return found

    def launch(self, parcel: Parcel, now_s: float) -> None:
        """It is sent now."""
        rows = parcel.span[1] - parcel.span[0] + 1
        if parcel.told:
            self.counts.resent += rows
        else:
            self.counts.sent += rows
        parcel.told, parcel.sent_s = True, now_s

    def give_up(self, now_s: float, patience_s: float) -> int:
        """Take parcels for lost that were sent ``patience_s`` ago or earlier; returns how many."""
        lost = [p for p in self._flying() if self._due_s(p, now_s, patience_s) <= 0]
        for parcel in lost:
            parcel.sent_s = None
        return len(lost)

    def due_s(self, now_s: float, patience_s: float) -> float | None:
        """Seconds until the oldest flight is to be taken for lost; ``None`` when nothing flies."""
        due = (max(0.0, self._due_s(parcel, now_s, patience_s)) for parcel in self._flying())
        return min(due, default=None)

    def acknowledge(self, stored: Iterable[Span], now_s: float) -> tuple[float, ...]:
        """Forget exactly these rows; how long each parcel that is now complete took, in seconds."""
        ranges = merge(stored)
        self.counts.phantom += size(subtract(ranges, self._told()))
        took: list[float] = []
        for first, parcel in list(self._parcels.items()):
            left = subtract(parcel.left, ranges) if parcel.told else parcel.left
            self.counts.acknowledged += size(parcel.left) - size(left)
            parcel.left = left
            if not left:
                took.append(now_s - parcel.sealed_s)
                del self._parcels[first]
        return tuple(took)

    def disconnect(self) -> None:
        """The connection is gone: what was on its way counts as not sent."""
        for parcel in self._parcels.values():
            parcel.sent_s = None

    def _flying(self) -> list[Parcel]:
        return [parcel for parcel in self._parcels.values() if parcel.sent_s is not None]

    @staticmethod
    def _due_s(parcel: Parcel, now_s: float, patience_s: float) -> float:
        assert parcel.sent_s is not None
        return parcel.sent_s + patience_s - now_s

    def _told(self) -> Ranges:
        """Every row that has ever been sent, also by an earlier run of the same outbox."""
        made: Ranges = ((1, self._next - 1),)
        return subtract(made, merge(p.span for p in self._parcels.values() if not p.told))
