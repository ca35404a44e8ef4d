"""Telemetry from the bus into DuckDB: 200 towers × 208 series at 1 Hz over a real Mosquitto with TLS.

This process is the aggregator with its series store; the gateways are another one. CPU is this process's own
time, so other work on the machine does not count. Run: ``python -m bench.telemetry [seconds]``.
"""

import argparse
import asyncio
import logging
import resource
import socket
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.report import percentile, report
from cardea.contract.batches import Ack, Lane, TelemetryBatch, to_columns
from cardea.contract.encoding import ACK, encode
from cardea.contract.ranges import Ranges, merge, size
from cardea.contract.records import Reading
from cardea.contract.topics import Leaf, topic
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.mosquitto import BrokerSettings, Mosquitto
from cardea.runtime.mqtt import Broker, MqttBus
from cardea.runtime.pki import CertificateAuthority, Purpose
from cloud.aggregator import Aggregator
from cloud.ingest.readings import Gathering
from cloud.ingest.rows import Poison
from cloud.ledger import Ledger
from cloud.series.embedded import EmbeddedStore
from cloud.settings import CloudSettings

GATEWAYS = 200
SERIES = 208
"""A little more than 40,000 readings a second from all towers, so that the target is not missed by a hair."""
SECONDS = 60
WARM_S = 5.0
LAG_S = 0.01

CLOCK, ENTROPY = SystemClock(), SystemEntropy()


class TimedStore(EmbeddedStore):
    """Notes how long each commit took."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, CLOCK)
        self.commits_s: list[float] = []

    async def commit(self, gathering: Gathering) -> tuple[Poison, ...]:
        begun_s = time.perf_counter()
        refused = await super().commit(gathering)
        self.commits_s.append(time.perf_counter() - begun_s)
        return refused


def name(number: int) -> str:
    return f"tower-{number + 1}"


def batch(first: int, second: int) -> bytes:
    """What a tower sends of one second."""
    t_ms = int(time.time() * 1000)
    readings = tuple(
        Reading(f"dev-{n // 4}/metric_{n % 4}_c", t_ms, round(20 + n / 10 + second % 60 / 100, 2))
        for n in range(SERIES)
    )
    return encode(TelemetryBatch(Lane.TELEMETRY, "bench", first, to_columns(readings)))


def broker(folder: Path, port: int, identity: str) -> Broker:
    pki = folder / "pki"
    return Broker("127.0.0.1", port, pki / "ca.crt", pki / f"{identity}.crt", pki / f"{identity}.key")


async def send(folder: Path, port: int, seconds: int) -> None:
    """All towers in this process; ends when everything is acknowledged. Prints how much is not."""

    async def tower(number: int) -> int:
        session = await MqttBus(broker(folder, port, name(number)), name(number)).connect()
        await session.subscribe(topic(name(number), Leaf.ACK))
        acked: Ranges = ()
        lane = topic(name(number), Leaf.LANE_TELEMETRY)
        begun_s = CLOCK.monotonic_s() + number / GATEWAYS

        async def listen() -> None:
            nonlocal acked
            async for message in session.messages():
                ack = ACK.decode(message.payload)
                assert isinstance(ack, Ack)
                acked = merge(acked, ack.ranges)
                if size(acked) == seconds * SERIES:
                    return

        listening = asyncio.create_task(listen())
        for second in range(seconds):
            await CLOCK.sleep(begun_s + second - CLOCK.monotonic_s())
            await session.publish(lane, batch(1 + second * SERIES, second))
        await asyncio.wait((listening,), timeout=10)
        await session.close()
        return seconds * SERIES - size(acked)

    missing = await asyncio.gather(*(tower(number) for number in range(GATEWAYS)))
    print(sum(missing))


def settings(folder: Path, port: int) -> CloudSettings:
    where = broker(folder, port, "aggregator")
    return CloudSettings.model_validate(
        {
            "cloud": {"data_dir": folder / "data", "gateway_silent_s": 3600},
            "broker": {
                "host": where.host,
                "port": port,
                "ca_file": where.ca_file,
                "cert_file": where.cert_file,
                "key_file": where.key_file,
            },
            "keys": {"order_key_file": "-"},
            "organisations": {"o": {"name": "Bench"}},
            "sites": {"s": {"name": "Bench", "organisation": "o"}},
            "gateways": {name(number): {"site": "s"} for number in range(GATEWAYS)},
        }
    )


async def measure(folder: Path, seconds: int) -> list[dict[str, str | int | float]]:
    """Run broker, aggregator and towers."""
    authority = CertificateAuthority(folder / "pki", CLOCK, ENTROPY)
    server = authority.ensure("broker", Purpose.SERVER, ("127.0.0.1",))
    for identity in ("aggregator", *map(name, range(GATEWAYS))):
        authority.ensure(identity, Purpose.CLIENT)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    own = BrokerSettings(folder / "broker", "127.0.0.1", port, authority.ca_file, authority.crl_file, server)
    configured = settings(folder, port)
    configured.cloud.data_dir.mkdir()
    async with Mosquitto(own, CLOCK):
        ledger = await Ledger.open(configured.ledger_url, CLOCK)
        store = TimedStore(folder / "data" / "series")
        bus = MqttBus(broker(folder, port, "aggregator"), "aggregator")
        key = Ed25519PrivateKey.generate()
        aggregator = Aggregator(configured, bus, ledger, key, CLOCK, ENTROPY, store)
        await aggregator.start()
        working = asyncio.create_task(aggregator.run())
        await aggregator.ready.wait()
        sender = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.telemetry", str(seconds), "--send", str(folder), str(port)),
            stdout=asyncio.subprocess.PIPE,
        )
        lags_s: list[float] = []
        watching = asyncio.create_task(lag(lags_s))
        while aggregator.telemetry.counts.stored < WARM_S * GATEWAYS * SERIES:  # noqa: ASYNC110  # a count sets no event
            await asyncio.sleep(0.05)
        store.commits_s.clear()
        lags_s.clear()
        before, wall_s, cpu_s = aggregator.telemetry.counts.stored, time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds - 2 * WARM_S)
        rows = aggregator.telemetry.counts.stored - before
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        said, _ = await sender.communicate()
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)
        shed = aggregator.telemetry.counts.shed
        await store.close()
        await ledger.close()
    files = [file for file in (folder / "data" / "series").iterdir() if file.is_file()]
    stored_bytes = sum(file.stat().st_size for file in files)
    return [
        {
            "case": f"{GATEWAYS} towers × {SERIES} series at 1 Hz",
            "readings_per_s": rows / wall_s,
            "readings_per_s_asked": 40_000,
            "cpu_percent_of_a_core": cpu_s / wall_s * 100,
            "cpu_percent_asked": 60,
            "cpu_us_per_reading": cpu_s / rows * 1e6,
            "commit_p50_ms": percentile(store.commits_s, 0.5) * 1e3,
            "commit_p99_ms": percentile(store.commits_s, 0.99) * 1e3,
            "commit_p99_ms_asked": 80,
            "loop_lag_p99_ms_asked": 50,
            "loop_lag_p99_ms": percentile(lags_s, 0.99) * 1e3,
            "not_acknowledged": int(said),
            "shed": shed,
            "bytes_per_reading": stored_bytes / (seconds * GATEWAYS * SERIES),
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    ]


async def lag(into: list[float]) -> None:
    """How much later than asked the loop comes round."""
    while True:
        begun_s = time.perf_counter()
        await asyncio.sleep(LAG_S)
        into.append(max(0.0, time.perf_counter() - begun_s - LAG_S))


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description="telemetry from the bus into DuckDB")
    parser.add_argument("seconds", type=int, nargs="?", default=SECONDS)
    parser.add_argument("--send", nargs=2, metavar=("FOLDER", "PORT"), help="be the towers")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if arguments.send:
        folder, port = arguments.send
        asyncio.run(send(Path(folder), int(port), arguments.seconds))
        return
    with TemporaryDirectory() as folder:
        report("telemetry", asyncio.run(measure(Path(folder), arguments.seconds)))


if __name__ == "__main__":
    main()
