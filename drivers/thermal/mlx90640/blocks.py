"""Reads of an MLX90640's memory as bytes of a channel: register, how many words, the words; high byte first.

That is what stands on the bus itself, but for the count. Pure.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from drivers.thermal.mlx90640.registers import CONTROL, EEPROM, RAM, STATUS, WORDS, Words

KNOWN: Mapping[int, int] = {EEPROM: WORDS, RAM: WORDS, STATUS: 1, CONTROL: 1}
"""What is read, and how many words of it."""
GARBAGE_BYTES_MAX = 256
"""So many bytes that begin no read are said as one piece of garbage."""
_HEAD = struct.Struct(">HH")
_HEADS = {_HEAD.pack(register, words): (register, words) for register, words in KNOWN.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One read, whole."""

    register: int
    words: Words


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are part of no read."""

    content: bytes


def encode(register: int, content: bytes) -> bytes:
    """A read of ``content`` from ``register``, as a capture holds it."""
    return _HEAD.pack(register, len(content) // 2) + content


class Blocks:
    """Finds reads in the bytes of a channel; a byte that begins none is garbage."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._garbage = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Block | Garbage]:
        """Reads and garbage that are certain by now."""
        self._pending += chunk
        while len(self._pending) >= _HEAD.size:
            found = _HEADS.get(bytes(self._pending[: _HEAD.size]))
            if found is None:
                yield from self._spoil(1)
                continue
            register, words = found
            size = _HEAD.size + 2 * words
            if len(self._pending) < size:
                return
            yield from self._said_garbage()
            content = bytes(self._pending[_HEAD.size : size])
            del self._pending[:size]
            yield Block(register, np.frombuffer(content, ">u2").astype(np.uint16))

    def finish(self) -> Iterator[Garbage]:
        """No more bytes come; as new afterwards."""
        yield from self._spoil(len(self._pending))
        yield from self._said_garbage()

    def _spoil(self, count: int) -> Iterator[Garbage]:
        self._garbage += self._pending[:count]
        del self._pending[:count]
        if len(self._garbage) >= GARBAGE_BYTES_MAX:
            yield from self._said_garbage()

    def _said_garbage(self) -> Iterator[Garbage]:
        if self._garbage:
            yield Garbage(bytes(self._garbage))
            self._garbage.clear()
