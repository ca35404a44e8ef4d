"""Filling a page again when the ledger has something new, but not more often than people can read."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from nicegui import ui

LOOK_S = 0.4
"""How often an open page looks whether anything has changed; a comparison of two numbers."""
REFRESH_S_MAX = 10.0
"""A page is filled anew at least this often, so that ages stay true."""


class Changing(Protocol):
    """Something that counts its changes."""

    @property
    def version(self) -> int:
        """Grows with every change."""
        ...


class Live:
    """Ties a page's refresh to a changing source, for as long as the page is open.

    ``rest_s`` is the least time between two refreshes, for pages that are dear to fill.
    """

    def __init__(
        self, source: Changing, refresh: Callable[[], Awaitable[None]], rest_s: float = LOOK_S
    ) -> None:
        self._source = source
        self._refresh = refresh
        self._rest_s = rest_s
        self._seen = source.version
        self._looks_since = 0
        ui.timer(LOOK_S, self._look)

    async def _look(self) -> None:
        self._looks_since += 1
        waited_s = self._looks_since * LOOK_S
        changed = self._source.version != self._seen and waited_s >= self._rest_s
        if not changed and waited_s < REFRESH_S_MAX:
            return
        self._seen = self._source.version
        self._looks_since = 0
        await self._refresh()
