"""What a unit said of itself, out of the bytes of an RTU line (a sniffer's, or a session's capture)."""

import struct
from collections.abc import Mapping, Sequence

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, Reject
from drivers.disinfection.uv_modbus.readings import Readings
from drivers.disinfection.uv_modbus.registers import COUNT_MAX, Batch, Cell, batches
from drivers.disinfection.uv_modbus.settings import BITS, Table, UvSettings
from drivers.links.rtu import Garbage, RtuFrame, RtuFramer, encode

SAMPLE_BYTES_MAX = 120
_FUNCTIONS: Mapping[Table, int] = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}
_TABLES: Mapping[int, Table] = {function: table for table, function in _FUNCTIONS.items()}
_REQUEST = struct.Struct(">HH")


class LineDecoder:
    """Pairs requests and answers of one unit; other units' frames, and writes, are none of its business.

    A round ends when the whole map has been read, or when something of it is asked for anew.
    """

    def __init__(self, settings: UvSettings) -> None:
        self._settings = settings
        self._wanted = {cell for batch in batches(settings) for cell in batch.cells}
        self._start()

    def feed(self, chunk: bytes, at: Instant) -> list[DeviceEvent]:
        """The next bytes of the line."""
        return [event for item in self._framer.feed(chunk) for event in self._take(item, at)]

    def finish(self, at: Instant) -> list[DeviceEvent]:
        """The line was closed; a round that was under way says nothing."""
        events = [event for item in self._framer.finish() for event in self._take(item, at)]
        self._start()
        return events

    def _start(self) -> None:
        self._framer = RtuFramer()
        self._readings = Readings(self._settings)
        self._asked: Batch | None = None
        self._words: dict[Cell, int] = {}

    def _take(self, item: RtuFrame | Garbage, at: Instant) -> list[DeviceEvent]:
        if isinstance(item, Garbage):
            return [Reject(at=at, reason="bytes_of_no_frame", sample=item.content[:SAMPLE_BYTES_MAX])]
        table = _TABLES.get(item.function)
        if item.unit != self._settings.unit or table is None:
            return []
        asked, self._asked = self._asked, None
        if asked is None or asked.table is not table or len(item.body) != 1 + _size(asked):
            return self._ask(table, item.body, at)
        words = zip(asked.cells, _words(asked, item.body[1:]), strict=True)
        self._words |= {cell: word for cell, word in words if cell in self._wanted}
        return self._told(at) if self._wanted <= self._words.keys() else []

    def _ask(self, table: Table, body: bytes, at: Instant) -> list[DeviceEvent]:
        if len(body) != _REQUEST.size:
            return []
        first, count = _REQUEST.unpack(body)
        if not 0 < count <= COUNT_MAX[table]:
            return []
        self._asked = Batch(table, first, count)
        return self._told(at) if not self._words.keys().isdisjoint(self._asked.cells) else []

    def _told(self, at: Instant) -> list[DeviceEvent]:
        words, self._words = self._words, {}
        return self._readings.take(words, at)


def exchange(unit: int, batch: Batch, words: Sequence[int]) -> bytes:
    """A reading as it stands on an RTU line: the request and its answer."""
    function = _FUNCTIONS[batch.table]
    if batch.table in BITS:
        packed = sum(bit << place for place, bit in enumerate(words)).to_bytes(_size(batch), "little")
    else:
        packed = struct.pack(f">{batch.count}H", *words)
    asked = encode(unit, function, _REQUEST.pack(batch.first, batch.count))
    return asked + encode(unit, function, bytes((len(packed),)) + packed)


def _size(batch: Batch) -> int:
    """Bytes of data in the answer."""
    return (batch.count + 7) // 8 if batch.table in BITS else 2 * batch.count


def _words(batch: Batch, content: bytes) -> Sequence[int]:
    if batch.table in BITS:
        return [content[place // 8] >> place % 8 & 1 for place in range(batch.count)]
    return struct.unpack(f">{batch.count}H", content)
