"""The MQTT session against brokers that refuse, hang up, fall silent or send garbage, on real sockets."""

import asyncio
import contextlib
import os
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cardea.contract.topics import Leaf, topic
from cardea.runtime import mqtt
from cardea.runtime.bus import BusDown, BusRefused, MessageTooLong, Session
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.mosquitto import BrokerSettings, Mosquitto
from cardea.runtime.mqtt import Broker, MqttBus
from cardea.runtime.pki import CertificateAuthority, Purpose

WELCOME = bytes.fromhex("2003000000")
STATE = topic("tower-1", Leaf.STATE)
WAIT_S = 5.0

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serving = Callable[[Answer], Awaitable[MqttBus]]


async def _packet(reader: asyncio.StreamReader) -> bytes:
    """One MQTT packet of less than 128 bytes."""
    head = await reader.readexactly(2)
    return head + await reader.readexactly(head[1])


@pytest.fixture
async def serving(authority: CertificateAuthority) -> AsyncIterator[Serving]:
    """A TLS server that answers as the test says."""
    server_files = authority.ensure("broker", Purpose.SERVER, ("127.0.0.1",))
    client_files = authority.ensure("tower-1", Purpose.CLIENT)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server_files.cert_file, server_files.key_file)
    async with contextlib.AsyncExitStack() as stack:

        async def start(answer: Answer) -> MqttBus:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    await answer(reader, writer)
                    await writer.drain()
                writer.close()

            server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
            await stack.enter_async_context(server)
            port = server.sockets[0].getsockname()[1]
            where = Broker(
                "127.0.0.1", port, authority.ca_file, client_files.cert_file, client_files.key_file
            )
            return MqttBus(where, "tower-1")

        yield start


def _then(*answers: bytes) -> Answer:
    """Answer each packet that comes with the next of ``answers``, then hang up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in answers:
            await _packet(reader)
            writer.write(reply)
        await writer.drain()
        await reader.read()

    return answer


async def _ended(session: Session) -> str:
    with pytest.raises(BusDown) as caught:
        async with asyncio.timeout(WAIT_S):
            await anext(aiter(session.messages()))
    return str(caught.value)


@pytest.mark.parametrize("code", [0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C])
async def test_refusals_that_only_a_person_can_change(serving: Serving, code: int) -> None:
    bus = await serving(_then(bytes([0x20, 3, 0, code, 0])))
    with pytest.raises(BusRefused):
        await bus.connect()


@pytest.mark.parametrize("code", [0x80, 0x88, 0x89, 0x97, 0x9F])
async def test_refusals_that_may_pass_are_no_verdict(serving: Serving, code: int) -> None:
    bus = await serving(_then(bytes([0x20, 3, 0, code, 0])))
    with pytest.raises(BusDown) as caught:
        await bus.connect()
    assert not isinstance(caught.value, BusRefused)


async def test_hanging_up_before_the_greeting_is_noticed_at_once(serving: Serving) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _packet(reader)

    bus = await serving(hang_up)
    async with asyncio.timeout(2.0):
        with pytest.raises(BusDown, match="before the greeting"):
            await bus.connect()


async def _shake_hands(
    context: ssl.SSLContext, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """A server's handshake whose last word, an alert, reaches the client whatever becomes of it."""
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(coming, going, server_side=True)
    while chunk := await reader.read(65536):
        coming.write(chunk)
        with contextlib.suppress(ssl.SSLError):
            server.do_handshake()
        writer.write(going.read())
    writer.close()


async def test_the_alert_of_a_refused_certificate_is_understood(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    other = CertificateAuthority(tmp_path / "other", SystemClock(), SystemEntropy())
    server_files = authority.ensure("broker", Purpose.SERVER, ("127.0.0.1",))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(server_files.cert_file, server_files.key_file)
    strangers = other.ensure("tower-1", Purpose.CLIENT)
    async with await asyncio.start_server(partial(_shake_hands, context), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        where = Broker("127.0.0.1", port, authority.ca_file, strangers.cert_file, strangers.key_file)
        with pytest.raises(BusRefused, match=r"(?i)unknown.ca"):
            await MqttBus(where, "tower-1").connect()


async def test_a_broker_that_never_greets_is_given_up(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "ANSWER_S_MAX", 0.2)
    bus = await serving(_then(b""))
    with pytest.raises(BusDown):
        await bus.connect()


async def test_a_host_that_never_shakes_hands_is_given_up(
    authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "ANSWER_S_MAX", 0.2)
    over = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    files = authority.ensure("tower-1", Purpose.CLIENT)
    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        where = Broker("127.0.0.1", port, authority.ca_file, files.cert_file, files.key_file)
        with pytest.raises(BusDown):
            await MqttBus(where, "tower-1").connect()
        over.set()


async def test_nobody_there_is_bus_down(serving: Serving, free_port: int) -> None:
    bus = await serving(_then())
    where = replace(bus._broker, port=free_port)
    with pytest.raises(BusDown, match="refused"):
        await MqttBus(where, "tower-1").connect()


GARBAGE = (
    "f0ffffffff01",  # an endless length
    "30020009",  # a topic longer than its packet
    "300600016102ffff",  # a property that does not exist
    "400100",  # an acknowledgement cut short
    "4002000140020001",  # acknowledgements of nothing
    "9003000100",
    "20030000ff",  # a second greeting
)


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_from_the_broker_ends_the_session(serving: Serving, garbage: str) -> None:
    bus = await serving(_then(WELCOME + bytes.fromhex(garbage)))
    session = await bus.connect()
    closing = asyncio.create_task(_close_later(session))
    await _ended(session)
    await closing


async def _close_later(session: Session) -> None:
    """Some garbage is harmless (an acknowledgement of nothing): then the session ends with a good-bye."""
    await asyncio.sleep(0.2)
    await session.close()


async def test_the_brokers_own_limits_are_kept(serving: Serving) -> None:
    limits = bytes.fromhex("200b000008" + "2700000100" + "210001")
    bus = await serving(_then(limits, bytes.fromhex("40020001"), bytes.fromhex("40020002")))
    session = await bus.connect()
    with pytest.raises(MessageTooLong, match="the broker takes 256"):
        await session.publish("a", b"x" * 300)
    await asyncio.gather(session.publish("a", b"1"), session.publish("a", b"2"))
    assert bus.tally.published == 2
    await session.close()


async def test_a_subscription_that_is_refused_is_said(serving: Serving) -> None:
    bus = await serving(_then(WELCOME, bytes.fromhex("900400010087")))
    session = await bus.connect()
    with pytest.raises(BusDown, match="Not authorized"):
        await session.subscribe("a")
    await session.close()


async def test_a_publish_that_waits_is_told_of_the_end(serving: Serving) -> None:
    async def take_and_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _packet(reader)
        writer.write(WELCOME)
        await _packet(reader)

    session = await (await serving(take_and_hang_up)).connect()
    with pytest.raises(BusDown):
        await session.publish("a", b"")
    with pytest.raises(BusDown):
        await session.publish("a", b"")


async def test_a_publish_into_a_connection_that_just_went_is_told(serving: Serving) -> None:
    session = await (await serving(_then(WELCOME))).connect()
    session._client.leave()
    with pytest.raises(BusDown):
        await session.publish("a", b"")


async def test_what_paho_raises_over_a_packet_ends_the_session(serving: Serving) -> None:
    def stumble(topic: str, payload: bytes, retain: bool) -> None:  # noqa: FBT001  # the callback's signature
        raise RuntimeError("stumbled")

    session = await (await serving(_then(WELCOME, bytes.fromhex("30040001610078")))).connect()
    session._client._arrived = stumble
    with pytest.raises(BusDown, match="stumbled"):
        await session.publish("a", b"")
    assert await _ended(session) == "stumbled"


async def test_a_publish_that_was_given_up_disturbs_no_other(serving: Serving) -> None:
    acknowledge = asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _packet(reader)
        writer.write(WELCOME)
        await _packet(reader)
        await _packet(reader)
        await acknowledge.wait()
        writer.write(bytes.fromhex("4002000140020002"))
        await reader.read()

    session = await (await serving(late)).connect()
    first = asyncio.create_task(session.publish("a", b"1"))
    second = asyncio.create_task(session.publish("a", b"2"))
    await asyncio.sleep(0.05)
    first.cancel()
    acknowledge.set()
    await second
    assert first.cancelled()
    await session.close()


async def test_a_broker_that_falls_silent_is_given_up(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = await serving(_then(WELCOME, b"", b""))
    for ask in ("publish", "subscribe"):
        session = await bus.connect()
        monkeypatch.setattr(mqtt, "ANSWER_S_MAX", 0.2)
        session._client.timeout = 0.2
        with pytest.raises(BusDown, match=r"answer|timed out"):
            await (session.publish("a", b"") if ask == "publish" else session.subscribe("a"))
        await _ended(session)
        monkeypatch.undo()


@pytest.mark.parametrize("missing", ["ca_file", "cert_file", "key_file"])
async def test_files_that_cannot_be_used_are_one_line_naming_them(
    serving: Serving, tmp_path: Path, missing: str
) -> None:
    bus = await serving(_then())
    for content, said in ((None, "no such file"), ("garbage", "no certificates that fit")):
        path = tmp_path / missing
        if content is not None:
            path.write_text(content)
        with pytest.raises(BusRefused, match=said) as caught:
            await MqttBus(replace(bus._broker, **{missing: path}), "tower-1").connect()
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def _connections(port: int) -> int:
    """Established connections to a port, by the kernel's table."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(1 for row in rows if row.split()[2].endswith(f":{port:04X}") and row.split()[3] == "01")


@pytest.mark.system
async def test_a_connect_that_was_given_up_leaves_no_connection(
    broker_settings: BrokerSettings, authority: CertificateAuthority
) -> None:
    files = authority.ensure("tower-1", Purpose.CLIENT)
    where = Broker("127.0.0.1", broker_settings.port, authority.ca_file, files.cert_file, files.key_file)
    async with Mosquitto(broker_settings, SystemClock()):
        for delay_ms in range(0, 30, 2):
            connecting = asyncio.create_task(MqttBus(where, "tower-1").connect())
            await asyncio.sleep(delay_ms / 1000)
            if connecting.cancel():
                with contextlib.suppress(asyncio.CancelledError):
                    await connecting
            else:
                await (await connecting).close()
        async with asyncio.timeout(WAIT_S):
            while _connections(broker_settings.port):  # noqa: ASYNC110  # the kernel tells nobody
                await asyncio.sleep(0.02)


@pytest.mark.system
async def test_good_bye_to_a_broker_that_does_not_listen_is_short(
    broker_settings: BrokerSettings, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "GOODBYE_S_MAX", 0.2)
    files = authority.ensure("tower-1", Purpose.CLIENT)
    where = Broker("127.0.0.1", broker_settings.port, authority.ca_file, files.cert_file, files.key_file)
    async with Mosquitto(broker_settings, SystemClock()) as broker:
        assert broker.pid is not None
        session = await MqttBus(where, "tower-1").connect()
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            stuck = [asyncio.create_task(session.publish(STATE, bytes(1_000_000))) for _ in range(20)]
            await asyncio.sleep(0.05)
            async with asyncio.timeout(1.0):
                await session.close()
            ends = await asyncio.gather(*stuck, return_exceptions=True)
            assert {type(end) for end in ends} == {BusDown}
        finally:
            os.kill(broker.pid, signal.SIGCONT)
