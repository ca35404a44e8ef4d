"""UDP links: datagrams to whom they are meant for, bounds, ports that cannot be had, a link that ends."""

import asyncio
import socket

import pytest

from cardea.runtime import loop
from cardea.runtime.clock import SystemClock
from drivers.api import DeviceLost, DeviceMisconfigured, LinkKind
from drivers.links.opening import open_link
from drivers.links.settings import UdpSettings
from drivers.links.udp import DATAGRAM_BYTES_MAX, DATAGRAMS_MAX, Datagram, Missed, UdpLink

HERE, THERE = ("192.0.2.1", 30444), ("192.0.2.1", 30445)


def link_of(**settings):
    found = open_link("u", UdpSettings.model_validate({"kind": "udp", **settings}), SystemClock())
    assert isinstance(found, UdpLink)
    assert found.kind is LinkKind.UDP
    return found


def data_of(came):
    assert isinstance(came, Datagram)
    return came.data


@pytest.fixture
async def bound():
    """A link that runs."""
    link = link_of(bind="127.0.0.1")
    task = asyncio.create_task(link.run())
    await link.bound.wait()
    yield link
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
def device():
    """A socket as a device has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        found.settimeout(5)
        yield found


async def test_a_device_and_its_session_speak(bound, device):
    with bound.attach(device.getsockname()) as mailbox:
        mailbox.send(b"who are you?", device.getsockname())
        asked, asker = await asyncio.to_thread(device.recvfrom, 100)
        assert (asked, asker) == (b"who are you?", ("127.0.0.1", bound.port))
        device.sendto(b"it is me", asker)
        device.sendto(b"", asker)
        assert await mailbox.receive() == Datagram(device.getsockname(), b"it is me")
        assert await mailbox.receive() == Datagram(device.getsockname(), b"")
    assert bound.strangers == 0


def test_datagrams_go_to_whom_they_are_meant_for():
    link = link_of()

    async def main():
        with link.attach(HERE) as here, link.attach(THERE) as there, link.attach(None) as anybody:
            link.received(b"1", HERE)
            link.received(b"2", THERE)
            link.received(b"3", ("192.0.2.9", 30444))
            assert await here.receive() == Datagram(HERE, b"1")
            assert await there.receive() == Datagram(THERE, b"2")
            assert [data_of(await anybody.receive()) for _ in range(3)] == [b"1", b"2", b"3"]
            for mailbox in (here, there, anybody):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await mailbox.receive()
        link.received(b"4", HERE)
        assert link.strangers == 1

    asyncio.run(main())


async def test_who_is_slow_loses_the_newest_and_is_told():
    link = link_of()
    with link.attach(HERE) as slow, link.attach(THERE) as neighbour:
        for number in range(DATAGRAMS_MAX + 7):
            link.received(b"%d" % number, HERE)
        link.received(b"x", THERE)
        found = [await slow.receive() for _ in range(DATAGRAMS_MAX + 1)]
        assert [data_of(each) for each in found[:-1]] == [b"%d" % number for number in range(DATAGRAMS_MAX)]
        assert found[-1] == Missed(7)
        link.received(b"again", HERE)
        assert await slow.receive() == Datagram(HERE, b"again")
        assert await neighbour.receive() == Datagram(THERE, b"x")


async def test_datagrams_that_are_too_large_are_nobodys():
    link = link_of()
    with link.attach(None) as mailbox:
        link.received(bytes(DATAGRAM_BYTES_MAX + 1), HERE)
        link.received(bytes(DATAGRAM_BYTES_MAX), HERE)
        assert len(data_of(await mailbox.receive())) == DATAGRAM_BYTES_MAX
    assert link.strangers == 1


async def test_nothing_is_sent_while_the_port_is_not_bound():
    link = link_of()
    with link.attach(HERE) as mailbox:
        mailbox.send(b"hello", HERE)
    assert link.port is None


async def test_a_port_that_is_taken_is_worth_another_try(bound):
    with pytest.raises(DeviceLost, match=r"link u: cannot bind 127\.0\.0\.1:\d+"):
        await link_of(bind="127.0.0.1", port=bound.port).run()


async def test_an_address_that_is_not_ours_is_a_mistake():
    with pytest.raises(DeviceMisconfigured, match=r"cannot bind 192\.0\.2\.1:0"):
        await link_of(bind="192.0.2.1").run()


async def test_a_link_that_ends_is_lost_after_the_last_datagram_and_comes_again(device):
    link = link_of(bind="127.0.0.1")
    with link.attach(device.getsockname()) as mailbox:
        for why in ("the port was closed", "the link was stopped"):
            task = asyncio.create_task(link.run())
            await link.bound.wait()
            with link.attach(None) as witness:
                device.sendto(b"last", ("127.0.0.1", link.port))
                await asyncio.wait_for(witness.receive(), 5)
            if why == "the port was closed":
                assert link._transport is not None
                link._transport.close()
            else:
                task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or str(task.exception()) == f"link u: {why}"
            assert await mailbox.receive() == Datagram(device.getsockname(), b"last")
            with pytest.raises(DeviceLost, match=why):
                await mailbox.receive()
            assert not link.bound.is_set()


@pytest.mark.parametrize("allowed", [True, False])
async def test_broadcasts_only_when_said(allowed, unused_udp_port):
    link = link_of(bind="127.0.0.1", broadcast=allowed)
    assert link.broadcasts is allowed
    task = asyncio.create_task(link.run())
    await link.bound.wait()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as everybody:
        everybody.bind(("127.255.255.255", unused_udp_port))
        everybody.setblocking(False)
        link.send(b"anybody?", ("127.255.255.255", unused_udp_port))
        link.send(b"a refused broadcast does no harm", everybody.getsockname())
        if allowed:
            assert everybody.recv(100) == b"anybody?"
        else:
            with pytest.raises(BlockingIOError):
                everybody.recv(100)
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])


def test_datagrams_on_the_daemons_event_loop(device):
    async def main():
        link = link_of(bind="127.0.0.1")
        task = asyncio.create_task(link.run())
        await link.bound.wait()
        with link.attach(device.getsockname()) as mailbox:
            mailbox.send(b"up", device.getsockname())
            assert (await asyncio.to_thread(device.recvfrom, 10))[0] == b"up"
            mailbox.send(b"nobody hears a broadcast", ("127.255.255.255", 9))
            device.sendto(b"down", ("127.0.0.1", link.port))
            assert await mailbox.receive() == Datagram(device.getsockname(), b"down")
        task.cancel()
        await asyncio.wait([task])

    loop.run(asyncio.wait_for(main(), 5))
