"""What simulated scanners have in common: how a code looks on the wire, and what was beeped back."""

import asyncio
from collections import deque
from dataclasses import dataclass

REPLIES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Wording:
    """How a scanner is set up to send a code."""

    prefix: bytes = b""
    suffix: bytes = b""
    end: bytes = b"\r\n"

    def of(self, code: str) -> bytes:
        """The bytes of one code."""
        return self.prefix + code.encode() + self.suffix + self.end


class Replies:
    """Bytes that the gateway sent back."""

    def __init__(self) -> None:
        self._received: deque[bytes] = deque(maxlen=REPLIES_MAX)
        self._came = asyncio.Event()

    def add(self, data: bytes) -> None:
        """Bytes came."""
        self._received.append(data)
        self._came.set()

    async def next(self) -> bytes:
        """The next bytes, in the order they came."""
        while not self._received:
            self._came.clear()
            await self._came.wait()
        return self._received.popleft()
