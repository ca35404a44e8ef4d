"""``cardea`` with a fault: the gateway deletes rows as soon as the broker has confirmed their batch."""

import sys

from cardea.cli.main import main
from cardea.contract.batches import Ack
from cardea.contract.ranges import of
from edge.uplink.sender import Sender

_publish = Sender._publish


async def publish_and_forget(self, lane, rows):
    await _publish(self, lane, rows)
    await self._forget(Ack(lane, self._outbox.epoch, of([seq for seq, _ in rows])))


Sender._publish = publish_and_forget

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
