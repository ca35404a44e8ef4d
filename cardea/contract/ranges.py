"""Arithmetic of stored ranges: sorted, disjoint, non-adjacent tuples of (first, last), both included."""

from collections.abc import Iterable

Span = tuple[int, int]
Ranges = tuple[Span, ...]


def merge(*parts: Iterable[Span]) -> Ranges:
    """The union of ranges, sorted, with touching ones joined.

    Raises:
        ValueError: a range whose last lies before its first.
    """
    merged: list[Span] = []
    for first, last in sorted(span for part in parts for span in part):
        if last < first:
            raise ValueError(f"range {first}..{last} ends before it begins")
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def of(seqs: Iterable[int]) -> Ranges:
    """The ranges that hold exactly these sequence numbers."""
    return merge((seq, seq) for seq in seqs)


def subtract(wanted: Ranges, held: Ranges) -> Ranges:
    """What of ``wanted`` is not in ``held``; both normalised as :func:`merge` returns them."""
    left: list[Span] = []
    for wanted_first, last in wanted:
        first = wanted_first
        for held_first, held_last in held:
            if held_last < first or held_first > last:
                continue
            if held_first > first:
                left.append((first, held_first - 1))
            first = held_last + 1
        if first <= last:
            left.append((first, last))
    return tuple(left)


def size(ranges: Ranges) -> int:
    """How many sequence numbers the ranges hold."""
    return sum(last - first + 1 for first, last in ranges)


def contains(ranges: Ranges, seq: int) -> bool:
    """Whether ``seq`` lies in one of the ranges."""
    return any(first <= seq <= last for first, last in ranges)
