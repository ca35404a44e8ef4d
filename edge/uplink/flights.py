"""What is in flight: batches sent and not yet acknowledged as stored. Pure; time is an argument."""

from dataclasses import dataclass

from cardea.contract import ranges
from cardea.contract.batches import Lane, Range
from cardea.contract.ranges import Ranges


@dataclass(frozen=True, slots=True)
class Stream:
    """One way of drawing on a lane, and how many of its batches may be in flight."""

    lane: Lane
    newest_first: bool
    batches_max: int


STREAMS = (
    Stream(Lane.ALERT, newest_first=False, batches_max=4),
    Stream(Lane.RECORD, newest_first=True, batches_max=4),
    Stream(Lane.RECORD, newest_first=False, batches_max=2),
    Stream(Lane.TELEMETRY, newest_first=True, batches_max=2),
    Stream(Lane.TELEMETRY, newest_first=False, batches_max=2),
)
"""In the order of priority. Newest first shows what is live before the backlog (SAFETY.md R7); oldest first
eats the backlog from its other end. Alerts go in order, since clearing follows raising."""


@dataclass(slots=True)
class _Flight:
    stream: Stream
    left: Ranges
    sent_s: float


class Flights:
    """The batches in flight on one session; a new session starts with none."""

    def __init__(self) -> None:
        self._flights: list[_Flight] = []

    def has_room(self, stream: Stream) -> bool:
        """Whether one more batch of ``stream`` may be sent."""
        return sum(flight.stream is stream for flight in self._flights) < stream.batches_max

    def of(self, lane: Lane) -> Ranges:
        """The rows of ``lane`` that are in flight."""
        return ranges.merge(*(flight.left for flight in self._flights if flight.stream.lane is lane))

    def launch(self, stream: Stream, span: Range, now_s: float) -> None:
        """A batch with the rows of ``span`` was sent."""
        self._flights.append(_Flight(stream, (span,), now_s))

    def land(self, lane: Lane, stored: Ranges) -> None:
        """These rows are stored."""
        for flight in self._flights:
            if flight.stream.lane is lane:
                flight.left = ranges.subtract(flight.left, stored)
        self._flights = [flight for flight in self._flights if flight.left]

    def give_up(self, now_s: float, patience_s: float) -> int:
        """Take batches for lost that were sent ``patience_s`` ago or earlier; returns how many."""
        flying = [flight for flight in self._flights if flight.sent_s + patience_s > now_s]
        lost = len(self._flights) - len(flying)
        self._flights = flying
        return lost

    def due_s(self, now_s: float, patience_s: float) -> float | None:
        """Seconds until the oldest batch is to be taken for lost; ``None`` when nothing is in flight."""
        if not self._flights:
            return None
        oldest_s = min(flight.sent_s for flight in self._flights)
        return max(0.0, oldest_s + patience_s - now_s)
