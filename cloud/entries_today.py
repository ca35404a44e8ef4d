"""How many people have entered today by gateway, counted on from where the last look ended.

Counting a day's entries of hundreds of towers takes seconds; the few that came since the last look take none.
Rows are only ever added, in the order of ``n``, by one writer.
"""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Mapping

from cloud.ledger import Ledger, reads


class EntriesToday:
    """Shared by all pages; counts of all gateways, so the reader's scope must choose among them."""

    def __init__(self) -> None:
        self._counting = asyncio.Lock()
        self._since: dt.datetime | None = None
        self._counted_to = 0
        self._counts: Counter[str] = Counter()

    async def counts(self, ledger: Ledger, since: dt.datetime) -> Mapping[str, int]:
        """Granted entries by gateway since a moment; asked with another one, counting begins anew."""
        async with self._counting:
            if since != self._since:
                self._since, self._counted_to, self._counts = since, 0, Counter()
            counted_to, more = await ledger.read(reads.entries_after, self._counted_to, since)
            self._counted_to = counted_to
            self._counts.update(more)
            return dict(self._counts)
