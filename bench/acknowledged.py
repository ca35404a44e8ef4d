"""From an append to the outbox to the aggregator's word that the row is stored.

    python -m bench.acknowledged [--seconds 20]

The gateway's own outbox and uplink run here, Mosquitto and the aggregator as processes of their own, all
writes FULL. Measured from the call of append to the moment at which the acknowledgement has been applied.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from bench.report import percentile, report
from bench.rig import CLOCK, ENTROPY, processes_only
from cardea.contract.batches import Ack, Lane
from cardea.contract.encoding import encode
from cardea.contract.reasons import Reason
from cardea.contract.records import Authority, CredentialKind, DecisionRecord, Mode, Outcome, Side, Subject
from cardea.contract.time import wire_time
from cardea.contract.topics import Leaf
from cardea.runtime.bus import Message
from cardea.runtime.disk import SystemDisk
from cardea.runtime.loop import run
from cardea.runtime.mqtt import Broker, MqttBus
from edge.outbox import Outbox
from edge.uplink import Uplink

RATES = (50, 500)
P50_MS, P99_MS = 6.0, 30.0


class Watched(Outbox):
    """Tells when a row of the record lane has been acknowledged."""

    def watch(self) -> None:
        self.done: dict[int, float] = {}
        self.began: dict[int, float] = {}

    async def forget(self, ack: Ack) -> int:
        now = time.perf_counter()
        for first, last in ack.ranges if ack.lane is Lane.RECORD else ():
            for seq in range(first, last + 1):
                self.done.setdefault(seq, now)
        return await super().forget(ack)


def row() -> bytes:
    return encode(
        DecisionRecord(
            id=ENTROPY.new_id(),
            at=wire_time(CLOCK.now()),
            portal="lobby-a",
            side=Side.INGRESS,
            outcome=Outcome.GRANT,
            reasons=(Reason.GRANTED,),
            policy_version=1,
            mode=Mode.LIVE,
            authority=Authority.GATEWAY,
            device="gate-1",
            subject=Subject("demo", "k" * 16, ENTROPY.new_id() * 2),
            credential=CredentialKind.CARD,
            input_age_s={"credential": 0.0, "screening": None},
            effects=("release_door",),
        )
    )


async def measure(outbox: Watched, rate: int, seconds: float) -> list[float]:
    """Appends at ``rate`` per second; how long each took to be acknowledged, ms."""
    outbox.watch()
    loop = asyncio.get_running_loop()
    start = loop.time()
    running: set[asyncio.Task[None]] = set()

    async def append() -> None:
        began = time.perf_counter()
        (seq,) = await outbox.append(Lane.RECORD, row())
        outbox.began[seq] = began

    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
        running.add(asyncio.create_task(append()))
    await asyncio.gather(*running)
    async with asyncio.timeout(30):
        while outbox.pending[Lane.RECORD]:  # noqa: ASYNC110  # the end of the run, outside the measurement
            await asyncio.sleep(0.01)
    return [(outbox.done[seq] - began) * 1000 for seq, began in outbox.began.items()]


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        async with processes_only(Path(folder), ("broker", "cloud")) as rig:
            outbox = await Watched.open(SystemDisk(Path(folder) / "outbox"), CLOCK, ENTROPY)
            assert isinstance(outbox, Watched)
            outbox.watch()
            pki = rig.folder / "gateway" / "pki"
            address = Broker(
                "127.0.0.1", rig.broker_port, pki / "ca.crt", pki / "tower-1.crt", pki / "tower-1.key"
            )
            uplink = Uplink(
                "tower-1",
                outbox,
                CLOCK,
                ENTROPY,
                version="bench",
                policy_version=lambda: 1,
                receive=_ignore,
            )
            tasks = [
                asyncio.create_task(outbox.run()),
                asyncio.create_task(uplink.run(MqttBus(address, "tower-1"))),
            ]
            await measure(outbox, 50, 2)
            for rate in RATES:
                waits = await measure(outbox, rate, seconds)
                rows.append(
                    {
                        "rate_per_s": rate,
                        "rows": len(waits),
                        "p50_ms": percentile(waits, 0.5),
                        "p99_ms": percentile(waits, 0.99),
                        "max_ms": max(waits),
                        "p50_ms_asked": P50_MS,
                        "p99_ms_asked": P99_MS,
                    }
                )
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await outbox.close()
    report("acknowledged", rows)
    return 0


def _ignore(leaf: Leaf, message: Message) -> None:
    del leaf, message


if __name__ == "__main__":
    sys.exit(run(main()))
