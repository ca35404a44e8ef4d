"""Two brokers to run the same tests on: a real Mosquitto and the one in memory."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from cardea.runtime.access import access_rules, allows
from cardea.runtime.bus import Bus, Session
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.inbox import Tally
from cardea.runtime.memory_bus import MemoryBroker, MemoryBus, MemorySession
from cardea.runtime.mosquitto import BrokerSettings, Mosquitto
from cardea.runtime.mqtt import Broker, MqttBus, MqttSession
from cardea.runtime.pki import CertificateAuthority, Purpose

MESSAGES_MAX = 400


@dataclass
class Rig:
    """One broker and what a test may do to it."""

    bus: Callable[[str], Bus]
    cut: Callable[[Session], None]
    stop: Callable[[], Awaitable[None]]
    start: Callable[[], Awaitable[None]]

    def tally(self, bus: Bus) -> Tally:
        assert isinstance(bus, MqttBus | MemoryBus)
        return bus.tally


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path / "pki", SystemClock(), SystemEntropy())


@pytest.fixture
def broker_settings(tmp_path: Path, authority: CertificateAuthority, free_port: int) -> BrokerSettings:
    server = authority.ensure("broker", Purpose.SERVER, ("localhost", "127.0.0.1"))
    return BrokerSettings(
        tmp_path / "broker", "127.0.0.1", free_port, authority.ca_file, authority.crl_file, server
    )


def _memory() -> tuple[MemoryBroker, Rig]:
    broker = MemoryBroker(SystemClock(), allowed=allows(access_rules()), messages_max=MESSAGES_MAX)

    def cut(session: Session) -> None:
        assert isinstance(session, MemorySession)
        broker.cut(session.identity)

    async def stop() -> None:
        broker.stop()

    async def start() -> None:
        broker.start()

    return broker, Rig(broker.bus, cut, stop, start)


def _real(broker: Mosquitto, settings: BrokerSettings, authority: CertificateAuthority) -> Rig:
    def bus(identity: str) -> Bus:
        files = authority.ensure(identity, Purpose.CLIENT)
        where = Broker(settings.host, settings.port, settings.ca_file, files.cert_file, files.key_file)
        return MqttBus(where, identity, messages_max=MESSAGES_MAX)

    def cut(session: Session) -> None:
        assert isinstance(session, MqttSession)
        session._client.abandon()

    return Rig(bus, cut, broker.stop, broker.start)


@pytest.fixture(params=["memory", pytest.param("mosquitto", marks=pytest.mark.system)])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            broker, made = _memory()
            stack.push_async_callback(broker.close)
        else:
            settings: BrokerSettings = request.getfixturevalue("broker_settings")
            mosquitto = await stack.enter_async_context(Mosquitto(settings, SystemClock()))
            made = _real(mosquitto, settings, request.getfixturevalue("authority"))
        yield made
