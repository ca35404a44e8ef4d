"""Modbus RTU frames out of the bytes of a line, whoever sent them. Pure.

Source: Modbus over Serial Line V1.02 (CRC: 6.2.2), Modbus Application Protocol V1.1b3. Works on what a
sniffer on the line records, requests and answers mixed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

FRAME_BYTES_MAX = 256
GARBAGE_BYTES_MAX = 256
"""So many bytes without a frame are said as one piece of garbage."""
_HEAD = 3
_EXCEPTION = 0x80
_FIXED_8 = 8
_READS = frozenset({1, 2, 3, 4})
_SINGLE_WRITES = frozenset({5, 6})
_MANY_WRITES = frozenset({15, 16})


@dataclass(frozen=True, slots=True)
class RtuFrame:
    """A frame whose CRC is right, without it."""

    unit: int
    function: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are part of no frame."""

    content: bytes


class RtuFramer:
    """Finds frames by their CRC; a byte that begins none is garbage."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._garbage = bytearray()

    def feed(self, chunk: bytes) -> Iterator[RtuFrame | Garbage]:
        """Frames and garbage that are certain by now."""
        self._pending += chunk
        yield from self._scan(more_may_come=True)

    def finish(self) -> Iterator[RtuFrame | Garbage]:
        """No more bytes come; the framer is as new afterwards."""
        yield from self._scan(more_may_come=False)
        yield from self._said_garbage()

    def _scan(self, *, more_may_come: bool) -> Iterator[RtuFrame | Garbage]:
        while self._pending:
            size = _frame_size(self._pending, more_may_come=more_may_come)
            if size is None:
                return
            if size:
                yield from self._said_garbage()
                yield RtuFrame(self._pending[0], self._pending[1], bytes(self._pending[2 : size - 2]))
                del self._pending[:size]
                continue
            self._garbage.append(self._pending.pop(0))
            if len(self._garbage) == GARBAGE_BYTES_MAX:
                yield from self._said_garbage()

    def _said_garbage(self) -> Iterator[Garbage]:
        if self._garbage:
            yield Garbage(bytes(self._garbage))
            self._garbage.clear()


def encode(unit: int, function: int, body: bytes) -> bytes:
    """A frame as it stands on the line."""
    content = bytes((unit, function)) + body
    return content + crc(content).to_bytes(2, "little")


def crc(content: bytes | bytearray) -> int:
    """CRC-16/MODBUS: reflected polynomial A001, start FFFF."""
    value = 0xFFFF
    for byte in content:
        value = (value >> 8) ^ _CRC[(value ^ byte) & 0xFF]
    return value


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC = tuple(_crc_of(byte) for byte in range(256))


def _frame_size(pending: bytearray, *, more_may_come: bool) -> int | None:
    """Length of the frame that begins here, 0 when none does, ``None`` when more bytes must be seen first."""
    if len(pending) < _HEAD:
        return None if more_may_come else 0
    for size in _sizes(pending):
        if size is None or len(pending) < size:
            if more_may_come:
                return None
            continue
        if crc(pending[: size - 2]) == int.from_bytes(pending[size - 2 : size], "little"):
            return size
    return 0


def _sizes(pending: bytearray) -> Iterator[int | None]:
    """Lengths which a frame with this beginning can have; ``None`` = cannot be told yet."""
    function, count = pending[1], pending[2]
    if function & _EXCEPTION:
        yield 5
    elif function in _READS:
        sizes = {_FIXED_8, 5 + count} if 5 + count <= FRAME_BYTES_MAX else {_FIXED_8}
        # One in 256 right answers of 9 bytes has a right CRC after 8 as well; a request hardly ever after 9.
        yield from sorted(sizes, reverse=count == 4)
    elif function in _SINGLE_WRITES:
        yield _FIXED_8
    elif function in _MANY_WRITES:
        yield _FIXED_8
        yield 9 + pending[6] if len(pending) > 6 else None
