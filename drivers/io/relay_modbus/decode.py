"""What the inputs of a board said, out of the bytes of an RTU line (a sniffer's, or a session's capture)."""

import struct

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, Reject
from drivers.io.relay_modbus.contacts import Bits, Contacts
from drivers.io.relay_modbus.settings import RelaySettings
from drivers.links.rtu import Garbage, RtuFrame, RtuFramer, encode

READ_INPUTS = 2
SAMPLE_BYTES_MAX = 120
_REQUEST = struct.Struct(">HH")


class LineDecoder:
    """Pairs FC02 requests and answers of one unit; other units' frames are none of its business."""

    def __init__(self, settings: RelaySettings) -> None:
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
        self._contacts = Contacts(self._settings)
        self._asked: tuple[int, int] | None = None
        self._bits: dict[int, bool] = {}

    def _take(self, item: RtuFrame | Garbage, at: Instant) -> list[DeviceEvent]:
        if isinstance(item, Garbage):
            return [Reject(at=at, reason="bytes_of_no_frame", sample=item.content[:SAMPLE_BYTES_MAX])]
        if item.unit != self._settings.unit or item.function != READ_INPUTS:
            return []
        if self._asked is None or len(item.body) != 1 + (self._asked[1] + 7) // 8:
            self._asked = _REQUEST.unpack(item.body) if len(item.body) == _REQUEST.size else None
            return []
        first, count = self._asked
        self._asked = None
        self._bits |= {first + i: bool(item.body[1 + i // 8] >> i % 8 & 1) for i in range(count)}
        if not all(address in self._bits for address in self._contacts.addresses):
            return []
        bits, self._bits = self._bits, {}
        return self._contacts.sample(bits, at)


def exchange(unit: int, bits: Bits) -> bytes:
    """A reading of inputs as it stands on an RTU line: for each stretch the request and its answer."""
    return b"".join(_span_exchange(unit, bits, first, count) for first, count in _stretches(bits))


def _stretches(bits: Bits) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for address in sorted(bits):
        if found and address == found[-1][0] + found[-1][1]:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((address, 1))
    return found


def _span_exchange(unit: int, bits: Bits, first: int, count: int) -> bytes:
    packed = bytearray((count + 7) // 8)
    for i in range(count):
        packed[i // 8] |= bits[first + i] << i % 8
    answer = bytes((len(packed),)) + packed
    return encode(unit, READ_INPUTS, _REQUEST.pack(first, count)) + encode(unit, READ_INPUTS, answer)
