"""The broker as a process of the tower: its settings, and its life."""

import asyncio
import signal
from pathlib import Path

from pydantic import Field

from cardea.runtime.clock import SystemClock
from cardea.runtime.config import RelativePath, Settings, load
from cardea.runtime.mosquitto import BrokerFailed, BrokerSettings, Mosquitto
from cardea.runtime.notify import READY, STOPPING, notify
from cardea.runtime.pki import KeyFiles


class Broker(Settings):
    """The table ``[broker]``."""

    host: str = Field(default="127.0.0.1", min_length=1, max_length=253, description="Address to listen on")
    port: int = Field(default=8883, ge=1, le=65535, description="TLS port")
    data_dir: RelativePath = Field(description="Folder of configuration, access list and retained messages")
    ca_file: RelativePath = Field(description="Certificate of the authority that signs clients")
    crl_file: RelativePath = Field(description="Its list of revoked certificates")
    cert_file: RelativePath = Field(description="The broker's certificate")
    key_file: RelativePath = Field(description="Private key of that certificate, mode 0600")
    aggregator: str = Field(default="aggregator", description="Identity that reads and writes for all")


class BrokerFile(Settings):
    """All of broker.toml."""

    broker: Broker


def load_broker(path: Path) -> BrokerSettings:
    """The settings in ``path``; raises ConfigInvalid with all that is wrong."""
    broker = load(path, BrokerFile).broker
    return BrokerSettings(
        folder=broker.data_dir,
        host=broker.host,
        port=broker.port,
        ca_file=broker.ca_file,
        crl_file=broker.crl_file,
        server=KeyFiles(broker.cert_file, broker.key_file),
        aggregator=broker.aggregator,
    )


async def serve(settings: BrokerSettings) -> None:
    """Run the broker until SIGTERM or SIGINT.

    Raises:
        BrokerFailed: not installed, did not start, or ended by itself.
    """
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    async with Mosquitto(settings, SystemClock()) as broker:
        notify(READY)
        ended = asyncio.create_task(broker.wait())
        stop = asyncio.create_task(asked.wait())
        await asyncio.wait((ended, stop), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not asked.is_set():
            raise BrokerFailed(f"mosquitto ended by itself (exit status {await ended})")
        notify(STOPPING)
