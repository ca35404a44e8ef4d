"""What a unit said of itself, out of the bytes of an RTU line (a sniffer's, or a session's capture)."""

from collections.abc import Iterable, Mapping, Sequence

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, Reject
from drivers.disinfection.uv_modbus.readings import Readings
from drivers.disinfection.uv_modbus.registers import Batch, Cell, batches
from drivers.disinfection.uv_modbus.settings import Table, UvSettings
from drivers.links import rtu_exchange
from drivers.links.rtu import Garbage
from drivers.links.rtu_exchange import Answered, Asked, ReadPairing

SAMPLE_BYTES_MAX = 120
_FUNCTIONS: Mapping[Table, int] = {
    Table.COIL: rtu_exchange.READ_COILS,
    Table.DISCRETE: rtu_exchange.READ_DISCRETE,
    Table.HOLDING: rtu_exchange.READ_HOLDING,
    Table.INPUT: rtu_exchange.READ_INPUT,
}
_TABLES: Mapping[int, Table] = {function: table for table, function in _FUNCTIONS.items()}


class LineDecoder:
    """The reads of one unit; other units' frames, and writes, are none of its business.

    A round ends when the whole map has been read, or when something of it is asked for anew.
    """

    def __init__(self, settings: UvSettings) -> None:
        self._settings = settings
        self._wanted = {cell for batch in batches(settings) for cell in batch.cells}
        self._start()

    def feed(self, chunk: bytes, at: Instant) -> list[DeviceEvent]:
        """The next bytes of the line."""
        return self._taken(self._reads.feed(chunk), at)

    def finish(self, at: Instant) -> list[DeviceEvent]:
        """The line was closed; a round that was under way says nothing."""
        events = self._taken(self._reads.finish(), at)
        self._start()
        return events

    def _start(self) -> None:
        self._reads = ReadPairing(self._settings.unit, _TABLES)
        self._readings = Readings(self._settings)
        self._words: dict[Cell, int] = {}

    def _taken(self, items: Iterable[Asked | Answered | Garbage], at: Instant) -> list[DeviceEvent]:
        return [event for item in items for event in self._take(item, at)]

    def _take(self, item: Asked | Answered | Garbage, at: Instant) -> list[DeviceEvent]:
        if isinstance(item, Garbage):
            return [Reject(at=at, reason="bytes_of_no_frame", sample=item.content[:SAMPLE_BYTES_MAX])]
        if isinstance(item, Asked):
            asked = Batch(_TABLES[item.function], item.first, item.count)
            return self._told(at) if not self._words.keys().isdisjoint(asked.cells) else []
        answered = Batch(_TABLES[item.function], item.first, len(item.values))
        words = zip(answered.cells, item.values, strict=True)
        self._words |= {cell: word for cell, word in words if cell in self._wanted}
        return self._told(at) if self._wanted <= self._words.keys() else []

    def _told(self, at: Instant) -> list[DeviceEvent]:
        words, self._words = self._words, {}
        return self._readings.take(words, at)


def exchange(unit: int, batch: Batch, words: Sequence[int]) -> bytes:
    """A reading as it stands on an RTU line: the request and its answer."""
    return rtu_exchange.exchange(unit, _FUNCTIONS[batch.table], batch.first, words)
