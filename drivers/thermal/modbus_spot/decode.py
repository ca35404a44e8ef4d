"""What a pyrometer said, out of the bytes of an RTU line (a sniffer's, or a session's capture). Pure."""

import struct
from collections.abc import Iterable, Iterator, Mapping

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, Reject
from drivers.links.rtu import Garbage, RtuFrame, RtuFramer, encode
from drivers.links.spans import spans
from drivers.thermal.modbus_spot.reading import Instrument, Place, Words
from drivers.thermal.modbus_spot.settings import SpotSettings, Table

CHANNEL = "line"
FUNCTIONS: Mapping[Table, int] = {"holding": 3, "input": 4}
_TABLES: Mapping[int, Table] = {function: table for table, function in FUNCTIONS.items()}
SAMPLE_BYTES_MAX = 120
_WORDS_MAX = 125
_REQUEST = struct.Struct(">HH")


class LineDecoder:
    """Pairs reads (FC03, FC04) of one unit with their answers; other units' frames are none of its business.

    A measurement is made when every register of the settings has been answered since the last one.
    """

    def __init__(self, settings: SpotSettings) -> None:
        self._settings = settings
        self._start()

    def feed(self, chunk: bytes, at: Instant) -> list[DeviceEvent]:
        """The next bytes of the line."""
        return [event for item in self._framer.feed(chunk) for event in self._take(item, at)]

    def finish(self, at: Instant) -> list[DeviceEvent]:
        """The line was closed."""
        events = [event for item in self._framer.finish() for event in self._take(item, at)]
        self._start()
        return events

    def _start(self) -> None:
        self._framer = RtuFramer()
        self._instrument = Instrument(self._settings)
        self._asked: tuple[int, int, int] | None = None
        self._words: dict[Place, int] = {}

    def _take(self, item: RtuFrame | Garbage, at: Instant) -> list[DeviceEvent]:
        if isinstance(item, Garbage):
            return [Reject(at=at, reason="bytes_of_no_frame", sample=item.content[:SAMPLE_BYTES_MAX])]
        if item.unit != self._settings.unit or item.function not in _TABLES:
            return []
        if len(item.body) == _REQUEST.size:
            self._asked = (item.function, *_REQUEST.unpack(item.body))
            return []
        self._words |= self._answered(item)
        if not self._words.keys() >= self._instrument.places:
            return []
        words, self._words = self._words, {}
        return [self._instrument.read(words, at)]

    def _answered(self, item: RtuFrame) -> Words:
        """The wanted registers in an answer; none when it answers something else than was asked."""
        asked, self._asked = self._asked, None
        if asked is None or asked[0] != item.function or len(item.body) != 1 + 2 * asked[2]:
            return {}
        found = enumerate(struct.unpack(f">{asked[2]}H", item.body[1:]), asked[1])
        table = _TABLES[item.function]
        return {(table, at): word for at, word in found if (table, at) in self._instrument.places}


def exchange(unit: int, words: Words) -> bytes:
    """A reading as it stands on an RTU line: for each stretch of registers the request and its answer."""
    return b"".join(_exchanges(unit, words))


def _exchanges(unit: int, words: Words) -> Iterator[bytes]:
    for table, function in FUNCTIONS.items():
        for first, count in spans(_addresses(words, table), gap_max=0, count_max=_WORDS_MAX):
            answer = struct.pack(f">B{count}H", 2 * count, *(words[table, first + i] for i in range(count)))
            yield encode(unit, function, _REQUEST.pack(first, count)) + encode(unit, function, answer)


def _addresses(words: Iterable[Place], table: Table) -> list[int]:
    return [address for of, address in words if of == table]
