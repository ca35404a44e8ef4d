"""Which stretches of a Modbus table to read, so that a board is asked once and not once per bit."""

from collections.abc import Iterable

Span = tuple[int, int]
"""First address and count."""


def spans(addresses: Iterable[int], *, gap_max: int, count_max: int) -> tuple[Span, ...]:
    """The fewest stretches that hold all ``addresses``, in rising order.

    Neighbours at most ``gap_max`` unasked addresses apart are read together; no stretch is longer than
    ``count_max`` (Modbus Application Protocol V1.1b3: 2000 bits, 125 registers).
    """
    found: list[Span] = []
    for address in sorted(set(addresses)):
        if found:
            first, count = found[-1]
            if address - (first + count) <= gap_max and address - first < count_max:
                found[-1] = (first, address - first + 1)
                continue
        found.append((address, 1))
    return tuple(found)
