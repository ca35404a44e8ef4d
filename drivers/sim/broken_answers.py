"""Answers of simulated devices that do not come whole."""

import asyncio
from collections.abc import Callable
from enum import StrEnum

from drivers.sim.web import Answer

DRIP_S = 0.01


class Broken(StrEnum):
    """How an answer may break."""

    CUT = "cut"
    """It ends in its middle, and nothing says that it should not."""
    CUT_SHORT_OF_ITS_LENGTH = "cut_short_of_its_length"
    """The same, but the header has promised more."""
    SILENT = "silent"
    """Nothing follows the header."""
    TRICKLING = "trickling"
    """A byte now and then."""


def broken(how: Broken, body: bytes, kind: str) -> Answer:
    """``body``, broken."""
    promised = {} if how is Broken.CUT else {"Content-Length": str(len(body))}
    return Answer(200, b"", kind, promised, _STREAMS[how](body))


def _cut(body: bytes) -> Callable[[asyncio.Transport], None]:
    def stream(transport: asyncio.Transport) -> None:
        transport.write(body[: len(body) // 2])
        transport.close()

    return stream


def _silent(_body: bytes) -> Callable[[asyncio.Transport], None]:
    return lambda _transport: None


def _trickling(body: bytes) -> Callable[[asyncio.Transport], None]:
    drops = iter(body)

    def stream(transport: asyncio.Transport) -> None:
        drop = next(drops, None)
        if drop is not None and not transport.is_closing():
            transport.write(bytes([drop]))
            asyncio.get_running_loop().call_later(DRIP_S, stream, transport)

    return stream


_STREAMS = {
    Broken.CUT: _cut,
    Broken.CUT_SHORT_OF_ITS_LENGTH: _cut,
    Broken.SILENT: _silent,
    Broken.TRICKLING: _trickling,
}
