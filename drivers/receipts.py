"""Commands done once: the same id gets the same receipt, also while the first is still under way."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from drivers.api import Receipt

REMEMBERED_MAX = 512


class Receipts:
    """Receipts by command id, the newest ``REMEMBERED_MAX``."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, asyncio.Future[Receipt]] = OrderedDict()

    async def once(self, command_id: str, do: Callable[[], Awaitable[Receipt]]) -> Receipt:
        """The receipt of this command; ``do`` is called only for an id that is not known yet.

        A caller that is cancelled leaves nothing remembered: what it ordered may be ordered again.
        """
        known = self._known.get(command_id)
        if known is not None:
            return await asyncio.shield(known)
        receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._known[command_id] = receipt
        while len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
        try:
            done = await do()
        except BaseException:
            self._known.pop(command_id, None)
            receipt.cancel()
            raise
        receipt.set_result(done)
        return done
