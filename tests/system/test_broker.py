"""The real broker keeps strangers out and gateways apart (SAFETY.md, security items 1 to 3)."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import cast

import pytest

from cardea.contract.topics import DOWNWARD, UPWARD, Leaf, everyone, topic
from cardea.runtime import mosquitto
from cardea.runtime.bus import BusDown, BusRefused, Message, Session, Will
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.mosquitto import BrokerFailed, BrokerSettings, Mosquitto
from cardea.runtime.mqtt import Broker, MqttBus
from cardea.runtime.pki import CertificateAuthority, KeyFiles, Purpose

pytestmark = pytest.mark.system
WAIT_S = 5.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path / "pki", SystemClock(), SystemEntropy())


@pytest.fixture
def settings(tmp_path: Path, authority: CertificateAuthority) -> BrokerSettings:
    server = authority.ensure("broker", Purpose.SERVER, ("localhost", "127.0.0.1"))
    return BrokerSettings(
        tmp_path / "broker", "127.0.0.1", _free_port(), authority.ca_file, authority.crl_file, server
    )


@pytest.fixture
async def broker(settings: BrokerSettings) -> AsyncIterator[Mosquitto]:
    async with Mosquitto(settings, SystemClock()) as running:
        yield running


@pytest.fixture
def where(settings: BrokerSettings, authority: CertificateAuthority) -> Callable[[str], Broker]:
    def found(identity: str) -> Broker:
        files = authority.ensure(identity, Purpose.CLIENT)
        return Broker(settings.host, settings.port, settings.ca_file, files.cert_file, files.key_file)

    return found


@contextlib.asynccontextmanager
async def _session(broker: Broker, identity: str, will: Will | None = None) -> AsyncGenerator[Session]:
    session = await MqttBus(broker, identity).connect(will)
    try:
        yield session
    finally:
        await session.close()


async def _first(session: Session) -> Message:
    async with asyncio.timeout(WAIT_S):
        return await anext(aiter(session.messages()))


async def _ends(session: Session) -> None:
    with pytest.raises(BusDown):
        await _first(session)


@pytest.mark.usefixtures("broker")
async def test_without_a_certificate_the_broker_says_nothing(settings: BrokerSettings) -> None:
    context = ssl.create_default_context(cafile=settings.ca_file)
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.port, ssl=context)
    with pytest.raises((ssl.SSLError, ConnectionError), match=r"ALERT|alert|reset"):
        await reader.readexactly(1)
    writer.close()


@pytest.mark.usefixtures("broker")
async def test_without_encryption_the_broker_says_nothing(settings: BrokerSettings) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.port)
    writer.write(b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x03abc")
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        answer = await reader.read(100)
    assert not answer.startswith(b"\x20"), "a CONNACK in clear"
    writer.close()


@pytest.mark.usefixtures("broker")
async def test_a_certificate_of_another_authority_is_refused(
    tmp_path: Path, where: Callable[[str], Broker]
) -> None:
    other = CertificateAuthority(tmp_path / "other", SystemClock(), SystemEntropy())
    files = other.ensure("tower-1", Purpose.CLIENT)
    forged = replace(where("tower-1"), cert_file=files.cert_file, key_file=files.key_file)
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    with pytest.raises(BusDown, match=r"(?i)unknown.ca|certificate"):
        await MqttBus(forged, "tower-1").connect()
    assert loop.time() - begun_s < 2.0, "said at once, not after a time-out"


@pytest.mark.usefixtures("broker")
async def test_a_broker_of_another_authority_is_not_believed(
    tmp_path: Path, where: Callable[[str], Broker]
) -> None:
    other = CertificateAuthority(tmp_path / "other", SystemClock(), SystemEntropy())
    with pytest.raises(BusRefused, match="CERTIFICATE_VERIFY_FAILED"):
        await MqttBus(replace(where("tower-1"), ca_file=other.ca_file), "tower-1").connect()


async def test_a_broker_under_another_name_is_not_believed(
    tmp_path: Path, settings: BrokerSettings, authority: CertificateAuthority, where: Callable[[str], Broker]
) -> None:
    server = authority.ensure("elsewhere", Purpose.SERVER, ("elsewhere.example",))
    async with Mosquitto(replace(settings, server=server), SystemClock()):
        with pytest.raises(BusRefused, match="CERTIFICATE_VERIFY_FAILED"):
            await MqttBus(where("tower-1"), "tower-1").connect()


async def test_a_revoked_certificate_is_refused_and_its_connection_cut(
    broker: Mosquitto, authority: CertificateAuthority, where: Callable[[str], Broker]
) -> None:
    stolen = where("tower-1")
    session = await MqttBus(stolen, "tower-1").connect()
    authority.revoke(stolen.cert_file)
    await broker.restart()
    await _ends(session)
    with pytest.raises(BusDown, match=r"(?i)revoked|certificate is not taken"):
        await MqttBus(stolen, "tower-1").connect()
    async with _session(where("tower-1"), "tower-1") as renewed:
        await renewed.publish(topic("tower-1", Leaf.STATE), b"back")


@pytest.mark.usefixtures("broker")
async def test_one_gateway_cannot_speak_as_another(where: Callable[[str], Broker]) -> None:
    async with _session(where("tower-2"), "tower-1") as stranger:
        for leaf in UPWARD:
            with pytest.raises(BusDown, match="Not authorized"):
                await stranger.publish(topic("tower-1", leaf), b"forged")
            await stranger.publish(topic("tower-2", leaf), b"its own, whatever client id it claims")


@pytest.mark.usefixtures("broker")
async def test_a_client_id_does_not_kick_another_gateway_off(where: Callable[[str], Broker]) -> None:
    async with (
        _session(where("tower-1"), "tower-1") as gateway,
        _session(where("tower-2"), "tower-1"),
    ):
        await gateway.publish(topic("tower-1", Leaf.STATE), b"still here")


@pytest.mark.usefixtures("broker")
async def test_a_gateway_cannot_write_what_it_obeys(where: Callable[[str], Broker]) -> None:
    async with _session(where("tower-1"), "tower-1") as gateway:
        for leaf in DOWNWARD:
            with pytest.raises(BusDown, match="Not authorized"):
                await gateway.publish(topic("tower-1", leaf), b"", retain=True)


@pytest.mark.usefixtures("broker")
async def test_a_gateway_reads_nothing_but_what_is_meant_for_it(where: Callable[[str], Broker]) -> None:
    async with (
        _session(where("tower-2"), "tower-2") as curious,
        _session(where("tower-1"), "tower-1") as gateway,
        _session(where("aggregator"), "aggregator") as cloud,
    ):
        await curious.subscribe("#", "$SYS/#", everyone(Leaf.LANE_RECORD), topic("tower-1", Leaf.ACK))
        await cloud.subscribe(everyone(Leaf.LANE_RECORD))
        await gateway.publish(topic("tower-1", Leaf.STATE), b"secret", retain=True)
        await gateway.publish(topic("tower-1", Leaf.LANE_RECORD), b"record")
        await cloud.publish(topic("tower-1", Leaf.ACK), b"secret")
        await cloud.publish(topic("tower-2", Leaf.ACK), b"for tower-2")
        assert (await _first(cloud)).payload == b"record"
        assert (await _first(curious)).payload == b"for tower-2"


@pytest.mark.usefixtures("broker")
async def test_the_aggregator_cannot_speak_as_a_gateway(where: Callable[[str], Broker]) -> None:
    async with _session(where("aggregator"), "aggregator") as cloud:
        for leaf in UPWARD:
            with pytest.raises(BusDown, match="Not authorized"):
                await cloud.publish(topic("tower-1", leaf), b"forged")
        for leaf in DOWNWARD:
            await cloud.publish(topic("tower-1", leaf), b"its business")


@pytest.mark.usefixtures("broker")
async def test_somebody_else_with_a_certificate_reaches_nothing(
    where: Callable[[str], Broker],
) -> None:
    async with _session(where("visitor"), "visitor") as visitor:
        for name in ("cardea/v1", "other", "cardea/v1/00/visitor/other", "cardea/v2/00/visitor/state"):
            with pytest.raises(BusDown, match="Not authorized"):
                await visitor.publish(name, b"")


async def test_a_picture_never_stands_in_the_brokers_file(
    settings: BrokerSettings, where: Callable[[str], Broker]
) -> None:
    """SAFETY.md, item 18; docs/decisions/0015: also while the aggregator is away."""
    row, picture = b"a row that waits for the aggregator", b"a picture of somebody who stands there"
    async with Mosquitto(settings, SystemClock()):
        cloud = await MqttBus(where("aggregator"), "aggregator").connect()
        await cloud.subscribe(everyone(Leaf.SCENE_CLEAR), everyone(Leaf.LANE_RECORD))
        cloud._client.abandon()
        await _ends(cloud)
        async with _session(where("tower-1"), "tower-1") as gateway:
            await gateway.tell(topic("tower-1", Leaf.SCENE_CLEAR), picture)
            await gateway.publish(topic("tower-1", Leaf.LANE_RECORD), row)
    kept = (settings.folder / "mosquitto.db").read_bytes()
    assert row in kept
    assert picture not in kept


async def test_retained_state_and_last_will(broker: Mosquitto, where: Callable[[str], Broker]) -> None:
    state = topic("tower-1", Leaf.STATE)
    async with _session(where("aggregator"), "aggregator") as cloud:
        await cloud.subscribe(everyone(Leaf.STATE))
        gateway = await MqttBus(where("tower-1"), "tower-1").connect(Will(state, b"offline", delay_s=0))
        await gateway.publish(state, b"online", retain=True)
        assert (await _first(cloud)).payload == b"online"
        gateway._client.abandon()
        assert (await _first(cloud)).payload == b"offline"
    await broker.restart()
    async with _session(where("aggregator"), "aggregator") as cloud:
        await cloud.subscribe(everyone(Leaf.STATE))
        seen = await _first(cloud)
        while not seen.retain:  # what the restart caught unacknowledged comes once more before it
            seen = await _first(cloud)
        assert seen == Message(state, b"offline", retain=True)


async def test_a_port_that_is_taken_is_one_line(settings: BrokerSettings, broker: Mosquitto) -> None:
    second = Mosquitto(replace(settings, folder=settings.folder.parent / "second"), SystemClock())
    with pytest.raises(BrokerFailed, match=r"ended at once: .*Address already in use") as caught:
        await second.start()
    assert "\n" not in str(caught.value)
    assert second.pid is None
    assert broker.pid is not None


async def test_a_missing_key_is_one_line(settings: BrokerSettings, tmp_path: Path) -> None:
    absent = KeyFiles(tmp_path / "absent.crt", tmp_path / "absent.key")
    with pytest.raises(BrokerFailed, match=r"ended at once: .*absent\.crt"):
        await Mosquitto(replace(settings, server=absent), SystemClock()).start()


async def test_a_missing_broker_is_one_line_saying_what_to_install(
    settings: BrokerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cardea.runtime.mosquitto._WHERE", "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BrokerFailed, match="apt-get install mosquitto"):
        await Mosquitto(settings, SystemClock()).start()


@pytest.fixture
def impostor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a program called mosquitto first on the path."""

    def install(script: str) -> None:
        program = tmp_path / "bin" / "mosquitto"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    return install


async def test_a_broker_that_never_gets_ready_is_one_line(
    settings: BrokerSettings, impostor: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cardea.runtime.mosquitto.READY_S_MAX", 0.3)
    impostor("exec sleep 30")
    broker = Mosquitto(settings, SystemClock())
    with pytest.raises(BrokerFailed, match="did not answer within"):
        await broker.start()
    assert broker.pid is None


async def test_a_broker_that_says_it_runs_but_takes_no_connection_is_not_ready(
    settings: BrokerSettings, impostor: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cardea.runtime.mosquitto.READY_S_MAX", 0.3)
    impostor("head -c 200000 /dev/zero >&2; echo >&2; echo 'mosquitto version 2 running' >&2; exec sleep 30")
    with pytest.raises(BrokerFailed, match="did not answer within"):
        await Mosquitto(settings, SystemClock()).start()


async def test_a_program_that_cannot_be_started_is_one_line(
    settings: BrokerSettings, impostor: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    impostor("")
    (settings.folder.parent / "bin" / "mosquitto").write_bytes(b"\x7fELF garbage")
    programs = {"mosquitto": str(settings.folder.parent / "bin" / "mosquitto")}
    monkeypatch.setattr(shutil, "which", lambda name, path: programs.get(name))
    with pytest.raises(BrokerFailed, match="cannot be started"):
        await Mosquitto(settings, SystemClock()).start()


def test_root_hands_the_broker_over_to_the_owner_of_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    class OwnedFolder:
        def __init__(self, uid: int) -> None:
            self._uid = uid

        def stat(self) -> os.stat_result:
            return os.stat_result((0o40700, 1, 1, 1, self._uid, self._uid, 0, 0, 0, 0))

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    given = mosquitto._handed_over(cast("Path", OwnedFolder(1234)))
    assert given == ["--reuid=1234", "--regid=1234", "--init-groups"]
    assert mosquitto._handed_over(cast("Path", OwnedFolder(0))) == []
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert mosquitto._handed_over(cast("Path", OwnedFolder(1234))) == []


async def test_the_end_of_the_process_is_seen_and_stop_may_be_called_again(settings: BrokerSettings) -> None:
    broker = Mosquitto(settings, SystemClock())
    await broker.stop()
    with pytest.raises(BrokerFailed, match="not running"):
        await broker.wait()
    await broker.start()
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    assert await broker.wait() == -signal.SIGKILL
    await broker.stop()
    await broker.stop()
    assert broker.pid is None


async def test_a_broker_that_does_not_end_is_ended_by_force(
    settings: BrokerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cardea.runtime.mosquitto.STOP_S_MAX", 0.1)
    broker = Mosquitto(settings, SystemClock())
    await broker.start()
    assert broker.pid is not None
    pid = broker.pid
    os.kill(pid, signal.SIGSTOP)
    await broker.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_broker_dies_with_its_parent(settings: BrokerSettings, tmp_path: Path) -> None:
    program = dedent(
        f"""
        import asyncio, os, signal
        from pathlib import Path
        from cardea.runtime.clock import SystemClock
        from cardea.runtime.mosquitto import BrokerSettings, Mosquitto
        from cardea.runtime.pki import KeyFiles

        async def main():
            pki = Path({str(settings.ca_file.parent)!r})
            server = KeyFiles(pki / "broker.crt", pki / "broker.key")
            folder = Path({str(settings.folder)!r})
            settings = BrokerSettings(
                folder, "127.0.0.1", {settings.port}, pki / "ca.crt", pki / "ca.crl", server
            )
            broker = Mosquitto(settings, SystemClock())
            await broker.start()
            print(broker.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(main())
        """
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr
    pid = int(run.stdout.split()[-1])
    for _ in range(500):
        if not Path(f"/proc/{pid}/exe").exists():  # gone, or a zombie that nobody has collected yet
            break
        signal.sigtimedwait([], 0.01)
    else:
        os.kill(pid, signal.SIGKILL)
        pytest.fail("mosquitto outlived its parent")
