"""Simulated QR readers on one serial line (a pseudo-terminal)."""

from pathlib import Path
from typing import Self

from drivers.sim.pty import PseudoTerminal
from drivers.sim.scans import Replies, Wording


class QrSerialSim:
    """A line with one or more readers; several are told apart by the prefix of their wording."""

    def __init__(self, link: Path | None = None) -> None:
        self.replies = Replies()
        """What the gateway sent back (beeps)."""
        self._line = PseudoTerminal(self.replies.add, link)

    @property
    def path(self) -> Path:
        """The serial device that a gateway opens."""
        return self._line.path

    async def __aenter__(self) -> Self:
        await self._line.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._line.__aexit__(*exc)

    def present(self, code: str, wording: Wording = Wording()) -> None:  # noqa: B008  # frozen
        """A person holds a code before the reader that is set up with ``wording``."""
        self.send(wording.of(code))

    def send(self, data: bytes) -> None:
        """Raw bytes, for cuts and garbage."""
        self._line.write(data)

    def hang_up(self) -> None:
        """Unplug the line."""
        self._line.hang_up()
