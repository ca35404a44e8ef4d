"""QR readers on real sockets and pseudo-terminals."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from cardea.contract.reasons import RefusalReason
from drivers.api import (
    CredentialPresented,
    DeviceLost,
    DeviceMisconfigured,
    HeartbeatSeen,
    LinkKind,
    NotExecuted,
    Reject,
    ShowText,
)
from drivers.links.opening import open_link
from drivers.links.settings import SerialSettings, TcpSettings
from drivers.links.stream import FRAMES_MAX, StreamLink
from drivers.links.tcp import TcpListener
from drivers.sim.qr_serial import QrSerialSim
from drivers.sim.qr_tcp import QrTcpSim
from drivers.sim.scans import Wording


def tcp_link(clock, port, **more):
    return open_link("qr", TcpSettings(kind="tcp", host="127.0.0.1", port=port, **more), clock)


def a_code(value):
    return lambda event: isinstance(event, CredentialPresented) and event.value == value


def a_reject(event):
    return isinstance(event, Reject)


@pytest.fixture
async def reader(clock):
    """A reader that we connect to, and the running link."""
    async with QrTcpSim() as sim:
        link = tcp_link(clock, sim.port)
        task = asyncio.create_task(link.run())
        yield sim, link, task
        task.cancel()
        await asyncio.wait([task])


async def test_a_code_comes_through_and_is_beeped(reader, emitted, open_device, running):
    sim, link, _ = reader
    device = open_device("readers.qr_tcp", link, accepted_reply="0607", door=3, side="egress")
    async with running(device.run(emitted)):
        await sim.met()
        sim.present("CDA1:one")
        code = await emitted.until(a_code("CDA1:one"))
        assert (code.kind, code.door, code.side, code.offline) == ("qr", 3, "egress", False)
        assert await asyncio.wait_for(sim.replies.next(), 1) == b"\x06\x07"
        assert isinstance(emitted.all[0], HeartbeatSeen)


async def test_a_code_in_pieces_is_one_code(reader, emitted, open_device, running):
    sim, link, _ = reader
    async with running(open_device("readers.qr_tcp", link).run(emitted)):
        await sim.met()
        for piece in (b"CD", b"A1:on", b"e\r", b"\nCDA1:two", b"\n"):
            sim.send(piece)
            await asyncio.sleep(0.01)
        await emitted.until(a_code("CDA1:two"))
        assert [e.value for e in emitted.of(CredentialPresented)] == ["CDA1:one", "CDA1:two"]


async def test_what_was_not_taken_in_may_be_presented_again_at_once(reader, emitted, open_device, running):
    sim, link, _ = reader
    emitted.refuse()
    device = open_device("readers.qr_tcp", link, accepted_reply="06", refused_reply="15")
    async with running(device.run(emitted)):
        await sim.met()
        sim.present("x" * 20)
        assert await asyncio.wait_for(sim.replies.next(), 1) == b"\x15"
        sim.present("x" * 20)
        assert await asyncio.wait_for(sim.replies.next(), 1) == b"\x15"
        assert len(emitted.of(CredentialPresented)) == 2


@pytest.mark.parametrize(("unterminated", "wanted"), [("accept", a_code("abcdef")), ("reject", a_reject)])
async def test_a_line_that_goes_no_further_has_ended(
    reader, emitted, open_device, running, unterminated, wanted
):
    sim, link, _ = reader
    device = open_device("readers.qr_tcp", link, unterminated=unterminated, idle_s=0.05)
    async with running(device.run(emitted)):
        await sim.met()
        sim.send(b"abcdef")
        assert await emitted.until(wanted)


async def test_a_reader_that_hangs_up_is_lost(reader, emitted, open_device, running):
    sim, link, link_task = reader
    async with running(open_device("readers.qr_tcp", link).run(emitted)) as task:
        await sim.met()
        await emitted.until(lambda e: isinstance(e, HeartbeatSeen))
        sim.hang_up()
        with pytest.raises(DeviceLost):
            await asyncio.wait_for(task, 2)
        with pytest.raises(DeviceLost, match="link qr"):
            await asyncio.wait_for(link_task, 2)


async def test_a_silent_scanner_shows_by_its_connection_that_it_lives(
    reader, emitted, open_device, running, monkeypatch
):
    monkeypatch.setattr("drivers.scanner.session.HEARTBEAT_S", 0.02)
    sim, link, _ = reader
    async with running(open_device("readers.qr_tcp", link).run(emitted)):
        await sim.met()
        await emitted.until(lambda e: isinstance(e, HeartbeatSeen), since=2)


async def test_a_session_that_reads_too_slowly_says_so_and_goes_on(clock, emitted, open_device, running):
    link = StreamLink("qr", LinkKind.TCP)
    free = asyncio.Event()

    async def slowly(event):
        await free.wait()
        return await emitted(event)

    async with running(open_device("readers.qr_tcp", link).run(slowly)):
        await asyncio.sleep(0)
        connection = link.opened("here", lambda _: None)
        await asyncio.sleep(0.01)
        for number in range(FRAMES_MAX + 5):
            link.received(connection, b"%d\n" % number)
        free.set()
        lost = await emitted.until(a_reject)
        assert lost.reason == "bytes_lost"
        link.received(connection, b"rest of what was lost\nwhole\n")
        await emitted.until(a_code("whole"))
        assert len(emitted.of(CredentialPresented)) == FRAMES_MAX + 1


async def test_what_a_scanner_says_can_be_captured(reader, emitted, open_device, running):
    class Sink:
        def __init__(self):
            self.pieces = []

        def write(self, channel, chunk, at, *, end=False):
            self.pieces.append((channel, chunk, end))

    sim, link, _ = reader
    sink = Sink()
    async with running(open_device("readers.qr_tcp", link, capture=sink).run(emitted)) as task:
        await sim.met()
        sim.present("one")
        await emitted.until(a_code("one"))
        sim.hang_up()
        await asyncio.wait([task], timeout=2)
    assert sink.pieces == [("line", b"one\r\n", False), ("line", b"", True)]


async def test_no_right_to_a_port_and_a_port_that_cannot_do_it(clock, tmp_path, monkeypatch):
    link = open_link("line", SerialSettings(kind="serial", path=tmp_path / "tty"), clock)
    for error, problem in ((PermissionError(13, "denied"), "dialout"), (ValueError("bad baud"), "bad baud")):

        async def refuse(*_args, error=error, **_more):
            raise error

        monkeypatch.setattr("serial_asyncio_fast.create_serial_connection", refuse)
        with pytest.raises(DeviceMisconfigured, match=problem):
            await link.run()


async def test_a_port_that_is_taken_is_tried_again(clock):
    async with QrTcpSim() as other:
        with pytest.raises(DeviceLost, match="cannot listen"):
            await tcp_link(clock, other.port, listen=True).run()


async def test_a_link_that_is_stopped_while_it_connects_leaves_nothing_open(reader, clock):
    sim, _, _ = reader
    for turns in range(6):
        link = tcp_link(clock, sim.port)
        assert isinstance(link, StreamLink)
        task = asyncio.create_task(link.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0.01)
        assert link.connections == 0


async def test_no_connection_is_a_lost_device(clock, emitted, open_device, monkeypatch, unused_tcp_port):
    monkeypatch.setattr("drivers.scanner.session.CONNECT_S_MAX", 0.02)
    link = tcp_link(clock, unused_tcp_port)
    with pytest.raises(DeviceLost, match="no connection"):
        await link.run()
    with pytest.raises(DeviceLost, match="no connection"):
        await open_device("readers.qr_tcp", link).run(emitted)


async def test_readers_that_call_us_are_told_apart_by_address(clock, new_emitted, open_device, running):
    link = tcp_link(clock, 0, listen=True, connections_max=2)
    assert isinstance(link, TcpListener)
    ours, others = new_emitted(), new_emitted()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(link.run()))
        await link.bound.wait()
        assert link.port is not None
        for source, ear in (("127.0.0.1", ours), ("127.0.0.9", others)):
            device = open_device("readers.qr_tcp", link, source=source)
            await stack.enter_async_context(running(device.run(ear)))
        first, second, third = [await stack.enter_async_context(QrTcpSim()) for _ in range(3)]
        for sim in (first, second, third):
            await sim.call("127.0.0.1", link.port)
        first.send(b"one-")
        second.send(b"two\n")
        first.send(b"half\n")
        await ours.until(a_code("two"))
        await ours.until(a_code("one-half"))
        assert others.all == []
        assert link.refused == 1


async def test_an_address_that_is_not_ours_is_misconfiguration(clock):
    link = open_link("qr", TcpSettings(kind="tcp", host="192.0.2.7", port=0, listen=True), clock)
    with pytest.raises(DeviceMisconfigured, match="cannot listen"):
        await link.run()


async def test_two_readers_share_a_serial_line(clock, tmp_path, new_emitted, open_device, running):
    async with QrSerialSim(tmp_path / "qr") as sim, AsyncExitStack() as stack:
        link = open_link("line", SerialSettings(kind="serial", path=sim.path), clock)
        await stack.enter_async_context(running(link.run()))
        ears = {"A>": new_emitted(), "B>": new_emitted()}
        for prefix, ear in ears.items():
            device = open_device("readers.qr_serial", link, prefix=prefix, accepted_reply="06")
            await stack.enter_async_context(running(device.run(ear)))
            await ear.until(lambda e: isinstance(e, HeartbeatSeen))
        sim.present("one", Wording(prefix=b"A>"))
        sim.present("two", Wording(prefix=b"B>", end=b"\r"))
        sim.send(b"\xff\xfe\x00" * 30 + b"\n")
        sim.present("three", Wording(prefix=b"A>"))
        await ears["A>"].until(a_code("three"))
        await ears["B>"].until(a_code("two"))
        assert [e.value for e in ears["A>"].of(CredentialPresented)] == ["one", "three"]
        assert [e.value for e in ears["B>"].of(CredentialPresented)] == ["two"]
        assert (await asyncio.wait_for(sim.replies.next(), 1)).startswith(b"\x06")


async def test_an_unplugged_line_is_lost(clock, tmp_path, emitted, open_device, running):
    async with QrSerialSim(tmp_path / "qr") as sim:
        link = open_link("line", SerialSettings(kind="serial", path=sim.path), clock)
        device = open_device("readers.qr_serial", link)
        async with running(link.run()) as link_task, running(device.run(emitted)) as task:
            await emitted.until(lambda e: isinstance(e, HeartbeatSeen))
            sim.hang_up()
            with pytest.raises(DeviceLost):
                await asyncio.wait_for(task, 2)
            with pytest.raises(DeviceLost, match="link line"):
                await asyncio.wait_for(link_task, 2)


async def test_a_port_that_is_not_there_is_lost(clock, tmp_path):
    link = open_link("line", SerialSettings(kind="serial", path=tmp_path / "none"), clock)
    with pytest.raises(DeviceLost, match="cannot be opened"):
        await link.run()


@pytest.mark.parametrize("driver", ["readers.qr_tcp", "readers.qr_serial"])
async def test_the_link_must_be_of_the_right_kind(driver, clock, open_device, tmp_path):
    other = {
        "readers.qr_tcp": SerialSettings(kind="serial", path=tmp_path),
        "readers.qr_serial": TcpSettings(kind="tcp", host="a", port=1),
    }[driver]
    for link in (None, open_link("x", other, clock)):
        with pytest.raises(DeviceMisconfigured, match="link must name"):
            open_device(driver, link)


async def test_a_reader_shows_no_text(open_device, clock):
    device = open_device("readers.qr_tcp", tcp_link(clock, 1))
    receipt = await device.submit(ShowText("a", "hello"))
    assert isinstance(receipt, NotExecuted)
    assert receipt.reason is RefusalReason.UNSUPPORTED
