"""What a pyrometer said, out of the bytes of an RTU line (a sniffer's, or a session's capture). Pure."""

from collections.abc import Iterable, Iterator, Mapping

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, Reject
from drivers.links import rtu_exchange
from drivers.links.rtu import Garbage
from drivers.links.rtu_exchange import COUNT_MAX, READ_HOLDING, READ_INPUT, Answered, Asked, ReadPairing
from drivers.links.spans import spans
from drivers.thermal.modbus_spot.reading import Instrument, Place, Words
from drivers.thermal.modbus_spot.registers import Table
from drivers.thermal.modbus_spot.settings import SpotSettings

CHANNEL = "line"
FUNCTIONS: Mapping[Table, int] = {"holding": READ_HOLDING, "input": READ_INPUT}
_TABLES: Mapping[int, Table] = {function: table for table, function in FUNCTIONS.items()}
SAMPLE_BYTES_MAX = 120


class LineDecoder:
    """The reads (FC03, FC04) of one unit: a measurement when every register of the settings has been told."""

    def __init__(self, settings: SpotSettings) -> None:
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
        self._reads = ReadPairing(self._settings.unit, _TABLES)
        self._instrument = Instrument(self._settings)
        self._words: dict[Place, int] = {}

    def _taken(self, items: Iterable[Asked | Answered | Garbage], at: Instant) -> list[DeviceEvent]:
        return [event for item in items for event in self._take(item, at)]

    def _take(self, item: Asked | Answered | Garbage, at: Instant) -> list[DeviceEvent]:
        if isinstance(item, Garbage):
            return [Reject(at=at, reason="bytes_of_no_frame", sample=item.content[:SAMPLE_BYTES_MAX])]
        if isinstance(item, Asked):
            return []
        table, wanted = _TABLES[item.function], self._instrument.places
        told: dict[Place, int] = {(table, address): word for address, word in item.by_address.items()}
        self._words |= {place: word for place, word in told.items() if place in wanted}
        if not self._words.keys() >= wanted:
            return []
        words, self._words = self._words, {}
        return [self._instrument.read(words, at)]


def exchange(unit: int, words: Words) -> bytes:
    """A reading as it stands on an RTU line: for each stretch of registers the request and its answer."""
    return b"".join(_exchanges(unit, words))


def _exchanges(unit: int, words: Words) -> Iterator[bytes]:
    for table, function in FUNCTIONS.items():
        addresses = [address for of, address in words if of == table]
        for first, count in spans(addresses, gap_max=0, count_max=COUNT_MAX[function]):
            values = [words[table, first + i] for i in range(count)]
            yield rtu_exchange.exchange(unit, function, first, values)
