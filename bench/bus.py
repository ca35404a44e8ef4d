"""The bus over a real Mosquitto with TLS: CPU per message, messages per second, and time to the PUBACK.

Run: ``python -m bench.bus [messages]``. Prints one table and writes ``bench/results/bus.json``.
"""

import asyncio
import socket
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.report import percentile, report
from cardea.contract.topics import Leaf, everyone, topic
from cardea.runtime.bus import Session
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.mosquitto import BrokerSettings, Mosquitto
from cardea.runtime.mqtt import Broker, MqttBus
from cardea.runtime.pki import CertificateAuthority, Purpose

PAYLOAD = b"x" * 200
RECORDS = topic("tower-1", Leaf.LANE_RECORD)
Row = dict[str, str | int | float]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _send(session: Session, messages: int, workers: int) -> list[float]:
    """Publish through ``workers`` that each wait for the PUBACK; returns the waits in seconds."""
    waits_s: list[float] = []
    left = iter(range(messages))

    async def work() -> None:
        for _ in left:
            begun_s = time.perf_counter()
            await session.publish(RECORDS, PAYLOAD)
            waits_s.append(time.perf_counter() - begun_s)

    await asyncio.gather(*(work() for _ in range(workers)))
    return waits_s


async def _receive(session: Session, messages: int) -> None:
    left = messages
    async for _ in session.messages():
        left -= 1
        if not left:
            return


async def _measured(work: Awaitable[list[float]], name: str, messages: int) -> Row:
    cpu_s, begun_s = time.process_time(), time.perf_counter()
    waits_s = await work
    wall_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
    return {
        "case": name,
        "cpu_us_per_message": cpu_s / messages * 1e6,
        "messages_per_s": messages / wall_s,
        "puback_p50_ms": percentile(waits_s, 0.50) * 1e3,
        "puback_p99_ms": percentile(waits_s, 0.99) * 1e3,
    }


async def _publishing(bus: MqttBus, messages: int, workers: int) -> Row:
    session = await bus.connect()
    row = await _measured(_send(session, messages, workers), f"publish, {workers} in flight", messages)
    await session.close()
    return row


async def _both(sender: MqttBus, receiver: MqttBus, messages: int) -> Row:
    """Publisher and subscriber in this one process: the subscriber's share is the difference."""
    out, back = await sender.connect(), await receiver.connect()
    await back.subscribe(everyone(Leaf.LANE_RECORD))

    async def there_and_back() -> list[float]:
        reading = asyncio.create_task(_receive(back, messages))
        waits_s = await _send(out, messages, 100)
        async with asyncio.timeout(60):
            await reading
        return waits_s

    row = await _measured(there_and_back(), "publish, 100 in flight, and receive", messages)
    await out.close()
    await back.close()
    return row


async def measure(messages: int, folder: Path) -> list[Row]:
    authority = CertificateAuthority(folder / "pki", SystemClock(), SystemEntropy())
    server = authority.ensure("broker", Purpose.SERVER, ("127.0.0.1",))
    settings = BrokerSettings(
        folder / "broker", "127.0.0.1", _free_port(), authority.ca_file, authority.crl_file, server
    )

    def bus(identity: str) -> MqttBus:
        files = authority.ensure(identity, Purpose.CLIENT)
        where = Broker("127.0.0.1", settings.port, authority.ca_file, files.cert_file, files.key_file)
        return MqttBus(where, identity, messages_max=messages)

    async with Mosquitto(settings, SystemClock()):
        rows = [await _publishing(bus("tower-1"), messages, workers) for workers in (1, 10, 100)]
        return [*rows, await _both(bus("tower-1"), bus("aggregator"), messages)]


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with TemporaryDirectory() as folder:
        report("bus", asyncio.run(measure(messages, Path(folder))))


if __name__ == "__main__":
    main()
