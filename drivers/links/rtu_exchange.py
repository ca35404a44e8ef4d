"""Reads on a Modbus RTU line: the requests of one unit, and the answers that belong to them. Pure.

Source: Modbus Application Protocol V1.1b3, 6.1 to 6.4: a request is address and count, its answer a byte
count and bits (lowest first) or words.
"""

import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from drivers.links.rtu import Garbage, RtuFrame, RtuFramer, encode

READ_COILS, READ_DISCRETE, READ_HOLDING, READ_INPUT = 1, 2, 3, 4
COUNT_MAX: Mapping[int, int] = {READ_COILS: 2000, READ_DISCRETE: 2000, READ_HOLDING: 125, READ_INPUT: 125}
_OF_BITS = frozenset({READ_COILS, READ_DISCRETE})
_REQUEST = struct.Struct(">HH")


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asks for ``count`` bits or words from ``first`` on."""

    function: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Answered:
    """And has been told."""

    function: int
    first: int
    values: Sequence[int]

    @property
    def by_address(self) -> dict[int, int]:
        """Each value by its address."""
        return dict(enumerate(self.values, self.first))


class ReadPairing:
    """Pairs reads of one unit with their answers; other units' frames are none of its business."""

    def __init__(self, unit: int, functions: Collection[int]) -> None:
        self._unit = unit
        self._functions = functions
        self._framer = RtuFramer()
        self._asked: Asked | None = None

    def feed(self, chunk: bytes) -> Iterator[Asked | Answered | Garbage]:
        """What is certain by now."""
        for item in self._framer.feed(chunk):
            yield from self._take(item)

    def finish(self) -> Iterator[Asked | Answered | Garbage]:
        """No more bytes come; as new afterwards."""
        for item in self._framer.finish():
            yield from self._take(item)
        self._asked = None

    def _take(self, item: RtuFrame | Garbage) -> Iterator[Asked | Answered | Garbage]:
        if isinstance(item, Garbage):
            yield item
            return
        if item.unit != self._unit or item.function not in self._functions:
            return
        asked, self._asked = self._asked, None
        if asked is not None and _answers(asked, item):
            yield Answered(asked.function, asked.first, _unpacked(asked, item.body[1:]))
            return
        self._asked = _request(item)
        if self._asked is not None:
            yield self._asked


def exchange(unit: int, function: int, first: int, values: Sequence[int]) -> bytes:
    """A read as it stands on the line: the request and its answer."""
    if function in _OF_BITS:
        bits = sum(bool(bit) << place for place, bit in enumerate(values))
        packed = bits.to_bytes(_size(function, len(values)), "little")
    else:
        packed = struct.pack(f">{len(values)}H", *values)
    asked = encode(unit, function, _REQUEST.pack(first, len(values)))
    return asked + encode(unit, function, bytes((len(packed),)) + packed)


def _request(item: RtuFrame) -> Asked | None:
    if len(item.body) != _REQUEST.size:
        return None
    first, count = _REQUEST.unpack(item.body)
    return Asked(item.function, first, count) if 0 < count <= COUNT_MAX[item.function] else None


def _answers(asked: Asked, item: RtuFrame) -> bool:
    size = _size(asked.function, asked.count)
    return item.function == asked.function and len(item.body) == 1 + size and item.body[0] == size


def _size(function: int, count: int) -> int:
    """Bytes of data in the answer."""
    return (count + 7) // 8 if function in _OF_BITS else 2 * count


def _unpacked(asked: Asked, content: bytes) -> Sequence[int]:
    if asked.function in _OF_BITS:
        return [content[place // 8] >> place % 8 & 1 for place in range(asked.count)]
    return struct.unpack(f">{asked.count}H", content)
