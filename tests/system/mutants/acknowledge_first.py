"""``cardea`` with a fault: the aggregator acknowledges before it commits, on a disk that takes its time."""

import asyncio
import sys

from cardea.cli.main import main
from cloud.aggregator import Aggregator

DISK_S = 2.0


async def settle(self, group, found):
    self._owe(group)
    if group.rows:
        sys.stdout.write('{"event":"acknowledged_first"}\n')
        sys.stdout.flush()
    await asyncio.sleep(DISK_S)
    await self._store(group, found)


Aggregator._settle = settle

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
