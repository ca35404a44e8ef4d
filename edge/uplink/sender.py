"""One session's sending: batches out by priority, rows deleted on acknowledgement, the rest sent again."""

import asyncio
from collections.abc import Sequence

from cardea.contract import ranges
from cardea.contract.batches import Ack, Lane
from cardea.contract.encoding import ACK, Undecodable
from cardea.contract.topics import LANE_LEAF, topic
from cardea.runtime.bus import MessageTooLong, Session
from cardea.runtime.clock import Clock
from cardea.runtime.disk import StoreFull
from cardea.runtime.logs import get_logger
from edge.outbox import Outbox, Row
from edge.uplink.batches import ROWS_BYTES_MAX, batch
from edge.uplink.flights import STREAMS, Flights, Stream

RESEND_S = 5.0
"""An aggregator that has stored a batch says so within milliseconds."""
RESEND_S_MAX = 60.0
ACKS_AT_ONCE_MAX = 64
BATCH_BYTES_MIN = 4096

_log = get_logger("uplink")


class Sender:
    """Sends what waits in the outbox over one session."""

    def __init__(self, gateway: str, outbox: Outbox, session: Session, clock: Clock) -> None:
        self._gateway = gateway
        self._outbox = outbox
        self._session = session
        self._clock = clock
        self._flights = Flights()
        self._wake = asyncio.Event()
        self._deleting = asyncio.Semaphore(ACKS_AT_ONCE_MAX)
        self._patience_s = RESEND_S
        self._bytes_max = ROWS_BYTES_MAX
        self.unheard = False
        """Batches were taken for lost and none has been acknowledged since: the aggregator is down, or it
        takes this gateway for a clone (SAFETY.md R8). Everything stays pending."""
        self.acks_rejected = 0

    def wake(self) -> None:
        """There is something new to send."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled; raises BusDown when the session ends and StoreFailed when the disk fails."""
        async with asyncio.TaskGroup() as publishing:
            while True:
                self._wake.clear()
                await self._send_all(publishing)
                await self._wait()

    async def acknowledge(self, payload: bytes, deleting: asyncio.TaskGroup) -> None:
        """Begin to delete what an acknowledgement names; waits while too many are being worked on."""
        ack = ACK.decode(payload)
        if isinstance(ack, Undecodable):
            self.acks_rejected += 1
            return
        await self._deleting.acquire()
        deleting.create_task(self._forget(ack)).add_done_callback(lambda _: self._deleting.release())

    async def _send_all(self, publishing: asyncio.TaskGroup) -> None:
        empty: set[Stream] = set()
        while (stream := self._next(empty)) is not None:
            rows = await self._outbox.take(
                stream.lane,
                newest_first=stream.newest_first,
                skip=self._flights.of(stream.lane),
                bytes_max=self._bytes_max,
            )
            if rows:
                self._flights.launch(stream, (rows[0][0], rows[-1][0]), self._clock.monotonic_s())
                publishing.create_task(self._publish(stream.lane, rows))
            else:
                empty.add(stream)

    def _next(self, empty: set[Stream]) -> Stream | None:
        """The stream of the highest priority that has rows waiting and room for a batch."""
        pending = self._outbox.pending
        return next(
            (
                stream
                for stream in STREAMS
                if stream not in empty
                and self._flights.has_room(stream)
                and pending[stream.lane] > ranges.size(self._flights.of(stream.lane))
            ),
            None,
        )

    async def _publish(self, lane: Lane, rows: Sequence[Row]) -> None:
        try:
            payload = batch(lane, self._outbox.epoch, rows)
            await self._session.publish(topic(self._gateway, LANE_LEAF[lane]), payload)
        except MessageTooLong:
            self._shrink(lane, rows)

    def _shrink(self, lane: Lane, rows: Sequence[Row]) -> None:
        """The broker takes less than we thought: smaller batches. A single row waits for its time-out."""
        self._bytes_max = max(BATCH_BYTES_MIN, self._bytes_max // 2)
        _log.warning("batch_too_long", lane=lane.value, rows=len(rows), bytes_max=self._bytes_max)
        if len(rows) > 1:
            self._flights.land(lane, ((rows[0][0], rows[-1][0]),))
            self._wake.set()

    async def _wait(self) -> None:
        """Until there is something new, room for more, or a batch to be taken for lost."""
        due_s = self._flights.due_s(self._clock.monotonic_s(), self._patience_s)
        try:
            async with asyncio.timeout(due_s):
                await self._wake.wait()
        except TimeoutError:
            self._give_up()

    def _give_up(self) -> None:
        lost = self._flights.give_up(self._clock.monotonic_s(), self._patience_s)
        if not lost:
            return
        self._patience_s = min(RESEND_S_MAX, 2 * self._patience_s)
        if not self.unheard:
            _log.warning("uplink_unheard", batches=lost, waiting=waiting(self._outbox))
        self.unheard = True

    async def _forget(self, ack: Ack) -> None:
        try:
            await self._outbox.forget(ack)
        except StoreFull as error:
            _log.warning("stored_rows_kept", lane=ack.lane.value, reason=str(error))
            return
        if not self._outbox.recognises(ack):
            return
        self._flights.land(ack.lane, ranges.merge(ack.ranges))
        self._patience_s = RESEND_S
        if self.unheard:
            _log.info("uplink_heard", waiting=waiting(self._outbox))
        self.unheard = False
        self._wake.set()


def waiting(outbox: Outbox) -> dict[str, int]:
    """How many rows wait in each lane, for logs and presence."""
    return {lane.value: rows for lane, rows in outbox.pending.items()}
