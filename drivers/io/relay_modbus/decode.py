"""What the inputs of a board said, out of the bytes of an RTU line (a sniffer's, or a session's capture)."""

from collections.abc import Iterable

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, Reject
from drivers.io.relay_modbus.contacts import Bits, Contacts
from drivers.io.relay_modbus.settings import RelaySettings
from drivers.links import rtu_exchange
from drivers.links.rtu import Garbage
from drivers.links.rtu_exchange import COUNT_MAX, READ_DISCRETE, Answered, Asked, ReadPairing
from drivers.links.spans import spans

SAMPLE_BYTES_MAX = 120


class LineDecoder:
    """The reads (FC02) of one board: a sample whenever all inputs of the settings have been told."""

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._start()

    def feed(self, chunk: bytes, at: Instant) -> list[DeviceEvent]:
        """The next bytes of the line."""
        return self._taken(self._reads.feed(chunk), at)

    def finish(self, at: Instant) -> list[DeviceEvent]:
        """The line was closed."""
        events = self._taken(self._reads.finish(), at)
        self._start()
        return events

    def _start(self) -> None:
        self._reads = ReadPairing(self._settings.unit, {READ_DISCRETE})
        self._contacts = Contacts(self._settings)
        self._bits: dict[int, bool] = {}

    def _taken(self, items: Iterable[Asked | Answered | Garbage], at: Instant) -> list[DeviceEvent]:
        return [event for item in items for event in self._take(item, at)]

    def _take(self, item: Asked | Answered | Garbage, at: Instant) -> list[DeviceEvent]:
        if isinstance(item, Garbage):
            return [Reject(at=at, reason="bytes_of_no_frame", sample=item.content[:SAMPLE_BYTES_MAX])]
        if isinstance(item, Asked):
            return []
        self._bits |= {address: bool(bit) for address, bit in item.by_address.items()}
        if not all(address in self._bits for address in self._contacts.addresses):
            return []
        bits, self._bits = self._bits, {}
        return self._contacts.sample(bits, at)


def exchange(unit: int, bits: Bits) -> bytes:
    """A reading of inputs as it stands on an RTU line: for each stretch the request and its answer."""
    stretches = spans(bits, gap_max=0, count_max=COUNT_MAX[READ_DISCRETE])
    return b"".join(
        rtu_exchange.exchange(unit, READ_DISCRETE, first, [bits[first + i] for i in range(count)])
        for first, count in stretches
    )
