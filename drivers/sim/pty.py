"""A serial line without hardware: a pseudo-terminal whose far end is a simulator."""

import asyncio
import os
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

READ_BYTES = 4096


class PseudoTerminal:
    """One line. ``path`` is what a gateway opens; with ``link`` a symbolic link is made there.

    Our own hold on the far end keeps the line alive while nobody has it open.
    """

    def __init__(self, received: Callable[[bytes], None], link: Path | None = None) -> None:
        self._received = received
        self._link = link
        self._near = self._far = -1

    @property
    def path(self) -> Path:
        """The serial device to open."""
        return self._link or Path(os.ttyname(self._far))

    async def __aenter__(self) -> Self:
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        if self._link is not None:
            self._link.parent.mkdir(parents=True, exist_ok=True)
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(os.ttyname(self._far))
        asyncio.get_running_loop().add_reader(self._near, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hang_up()
        if self._link is not None:
            self._link.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Put bytes on the line; what the line's buffer cannot hold is lost, as on a real one."""
        if self._near >= 0:
            with suppress(BlockingIOError):
                os.write(self._near, data)

    def hang_up(self) -> None:
        """Unplug the line: whoever has it open loses it."""
        if self._near < 0:
            return
        asyncio.get_running_loop().remove_reader(self._near)
        os.close(self._near)
        os.close(self._far)
        self._near = -1

    def _read(self) -> None:
        with suppress(BlockingIOError):
            self._received(os.read(self._near, READ_BYTES))
