"""A unit's map turned into requests, and counts into numbers. Pure.

Source: Modbus Application Protocol V1.1b3, 4.2 (a register's high byte first; the order of two registers, and
what a float is, are each maker's own).
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from drivers.disinfection.uv_modbus.settings import NumberType, Order, Register, Signal, Table, UvSettings

Cell = tuple[Table, int]
"""A bit or register: its table and address."""
Words = Mapping[Cell, int]
"""What stands in cells that have been read; a bit is 0 or 1."""
COUNT_MAX: Mapping[Table, int] = {
    Table.COIL: 2000,
    Table.DISCRETE: 2000,
    Table.HOLDING: 125,
    Table.INPUT: 125,
}
"""How much of a table one request may ask for."""
_FORMATS: Mapping[NumberType, str] = {
    NumberType.INT16: ">h",
    NumberType.UINT16: ">H",
    NumberType.INT32: ">i",
    NumberType.UINT32: ">I",
    NumberType.FLOAT32: ">f",
}


@dataclass(frozen=True, slots=True)
class Batch:
    """Neighbouring cells of one table, read by one request, so that no number is torn."""

    table: Table
    first: int
    count: int

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells in their order."""
        return tuple((self.table, address) for address in range(self.first, self.first + self.count))


def batches(settings: UvSettings) -> tuple[Batch, ...]:
    """The fewest requests that read the map and nothing else: a unit may refuse an address that it lacks.

    A map is bounded by its settings, so that no request outgrows ``COUNT_MAX``.
    """
    found: list[Batch] = []
    for table, first, count in sorted(_spans(settings)):
        last = found[-1] if found else None
        if last is not None and last.table == table and first <= last.first + last.count:
            found[-1] = Batch(table, last.first, max(last.count, first + count - last.first))
        else:
            found.append(Batch(table, first, count))
    return tuple(found)


def _spans(settings: UvSettings) -> Iterator[tuple[Table, int, int]]:
    for register in settings.registers:
        yield register.table, register.address, register.type.words
    for signal in settings.signals:
        yield signal.table, signal.address, 1
    if settings.watchdog is not None:
        yield Table.HOLDING, settings.watchdog.address, 1


def cells(register: Register) -> tuple[Cell, ...]:
    """Where a number stands."""
    return Batch(register.table, register.address, register.type.words).cells


def number(register: Register, words: Sequence[int]) -> float:
    """The value of a number in the unit of its metric; a float may be infinite or no number at all."""
    ordered = words if register.word_order is Order.BIG else words[::-1]
    content = b"".join(word.to_bytes(2, register.byte_order.value) for word in ordered)
    count = struct.unpack(_FORMATS[register.type], content)[0]
    scale, offset = register.linear
    return scale * float(count) + offset


def is_on(signal: Signal, word: int) -> bool:
    """Whether a signal says on."""
    return (word & signal.mask >= signal.on_min) is not signal.inverted
