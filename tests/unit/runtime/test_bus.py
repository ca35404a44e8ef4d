"""What gateway and aggregator may rely on: the same tests on Mosquitto and on its twin in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cardea.contract.topics import Leaf, everyone, topic
from cardea.runtime.bus import PACKET_BYTES_MAX, BusDown, Message, MessageTooLong, Session, Will

RECORDS = topic("tower-1", Leaf.LANE_RECORD)
STATE = topic("tower-1", Leaf.STATE)
ACK = topic("tower-1", Leaf.ACK)
CLEAR = topic("tower-1", Leaf.SCENE_CLEAR)
WAIT_S = 5.0

Connect = Callable[..., Awaitable[Session]]


@pytest.fixture
def connect(rig: Any) -> Connect:
    async def connected(identity: str, *filters: str, will: Will | None = None) -> Session:
        session = await rig.bus(identity).connect(will)
        await session.subscribe(*filters) if filters else None
        return session

    return connected


async def _take(session: Session, count: int) -> list[Message]:
    taken: list[Message] = []
    async with asyncio.timeout(WAIT_S):
        async for message in session.messages():
            taken.append(message)
            if len(taken) == count:
                break
    return taken


async def _collect(session: Session, taken: list[Message]) -> None:
    async with asyncio.timeout(WAIT_S):
        async for message in session.messages():
            taken.append(message)  # noqa: PERF401  # the loop ends by exception


async def _end(session: Session) -> list[Message]:
    """Everything until the session ends."""
    taken: list[Message] = []
    with pytest.raises(BusDown):
        await _collect(session, taken)
    return taken


async def test_messages_arrive_in_order_with_their_topic_and_bytes(connect: Connect) -> None:
    cloud = await connect("aggregator", everyone(Leaf.LANE_RECORD))
    gateway = await connect("tower-1")
    payloads = [b"", b"\x00\xff", *(str(i).encode() for i in range(5))]
    for payload in payloads:
        await gateway.publish(RECORDS, payload)
    assert await _take(cloud, len(payloads)) == [Message(RECORDS, payload) for payload in payloads]
    await gateway.close()
    await cloud.close()


async def test_many_publishes_may_wait_for_their_acknowledgement_at_once(rig: Any, connect: Connect) -> None:
    cloud = await connect("aggregator", everyone(Leaf.LANE_RECORD))
    bus = rig.bus("tower-1")
    gateway = await bus.connect()

    async def received() -> int:
        return len(await _take(cloud, 300))

    reading = asyncio.create_task(received())
    await asyncio.gather(*(gateway.publish(RECORDS, str(i).encode()) for i in range(300)))
    assert rig.tally(bus).published == 300
    assert await reading == 300
    await gateway.close()
    await cloud.close()


async def test_what_is_retained_comes_first_and_says_so(connect: Connect) -> None:
    gateway = await connect("tower-1")
    await gateway.publish(STATE, b"online", retain=True)
    cloud = await connect("aggregator", everyone(Leaf.STATE))
    await gateway.publish(STATE, b"still", retain=True)
    assert await _take(cloud, 2) == [Message(STATE, b"online", retain=True), Message(STATE, b"still")]
    await gateway.publish(STATE, b"", retain=True)
    await cloud.close()
    late = await connect("aggregator", everyone(Leaf.STATE))
    await gateway.publish(STATE, b"after")
    assert await _take(late, 1) == [Message(STATE, b"after")]
    await gateway.close()
    await late.close()


async def test_the_will_is_spoken_after_its_delay_and_retained(rig: Any, connect: Connect) -> None:
    cloud = await connect("aggregator", everyone(Leaf.STATE))
    gateway = await connect("tower-1", will=Will(STATE, b"offline", delay_s=1))
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    rig.cut(gateway)
    await _end(gateway)
    assert await _take(cloud, 1) == [Message(STATE, b"offline")]
    assert loop.time() - begun_s >= 0.9
    await cloud.close()
    again = await connect("aggregator", everyone(Leaf.STATE))
    assert await _take(again, 1) == [Message(STATE, b"offline", retain=True)]
    await again.close()


async def test_the_will_is_not_spoken_after_a_good_bye_nor_after_a_blip(rig: Any, connect: Connect) -> None:
    cloud = await connect("aggregator", everyone(Leaf.STATE))
    will = Will(STATE, b"offline", delay_s=1)
    gateway = await connect("tower-1", will=will)
    rig.cut(gateway)
    await _end(gateway)
    gateway = await connect("tower-1", will=will)
    await gateway.close()
    await asyncio.sleep(1.3)
    gateway = await connect("tower-1")
    await gateway.publish(STATE, b"online")
    assert await _take(cloud, 1) == [Message(STATE, b"online")]
    await gateway.close()
    await cloud.close()


async def test_a_blip_loses_no_message_meant_for_us(rig: Any, connect: Connect) -> None:
    cloud = await connect("aggregator")
    gateway = await connect("tower-1", ACK)
    rig.cut(gateway)
    await _end(gateway)
    await cloud.publish(ACK, b"one")
    gateway = await connect("tower-1")
    await cloud.publish(ACK, b"two")
    assert await _take(gateway, 2) == [Message(ACK, b"one"), Message(ACK, b"two")]
    await gateway.close()
    await cloud.publish(ACK, b"said to nobody")
    gateway = await connect("tower-1", ACK)
    await cloud.publish(ACK, b"three")
    assert await _take(gateway, 1) == [Message(ACK, b"three")]
    await gateway.close()
    await cloud.close()


async def test_what_is_told_is_heard_at_once_and_kept_for_nobody_who_is_away(
    rig: Any, connect: Connect
) -> None:
    """A picture must not wait on a broker's disk (docs/decisions/0015)."""
    gateway = await connect("tower-1")
    cloud = await connect("aggregator", everyone(Leaf.SCENE_CLEAR), everyone(Leaf.LANE_RECORD))
    await gateway.tell(CLEAR, b"first")
    await gateway.tell(CLEAR, bytes(30_000))
    assert await _take(cloud, 2) == [Message(CLEAR, b"first"), Message(CLEAR, bytes(30_000))]
    rig.cut(cloud)
    await _end(cloud)
    await gateway.tell(CLEAR, b"while they are away")
    await gateway.publish(RECORDS, b"a row")
    cloud = await connect("aggregator")
    await gateway.tell(CLEAR, b"again")
    assert sorted(message.payload for message in await _take(cloud, 2)) == [b"a row", b"again"]
    with pytest.raises(ValueError, match="no topic"):
        await gateway.tell("a/+/b", b"")
    with pytest.raises(MessageTooLong):
        await gateway.tell(CLEAR, bytes(PACKET_BYTES_MAX))
    await gateway.close()
    with pytest.raises(BusDown):
        await gateway.tell(CLEAR, b"")
    await cloud.close()


async def test_what_may_not_be_written_is_heard_by_nobody(connect: Connect) -> None:
    cloud = await connect("aggregator", everyone(Leaf.SCENE_CLEAR))
    other = await connect("tower-2")
    await other.tell(CLEAR, b"a false picture")
    gateway = await connect("tower-1")
    await gateway.tell(CLEAR, b"a true one")
    assert await _take(cloud, 1) == [Message(CLEAR, b"a true one")]
    for session in (gateway, other, cloud):
        await session.close()


async def test_a_cut_session_stays_broken_and_hands_over_what_it_had(rig: Any, connect: Connect) -> None:
    cloud = await connect("aggregator")
    gateway = await connect("tower-1", ACK)
    await cloud.publish(ACK, b"one")
    await cloud.publish(ACK, b"two")
    assert await _take(gateway, 1) == [Message(ACK, b"one")]
    await asyncio.sleep(0.1)
    rig.cut(gateway)
    assert await _end(gateway) == [Message(ACK, b"two")]
    with pytest.raises(BusDown):
        await gateway.publish(RECORDS, b"")
    with pytest.raises(BusDown):
        await gateway.subscribe(ACK)
    await gateway.close()
    await cloud.close()


async def test_close_ends_the_session_and_may_be_called_again(connect: Connect) -> None:
    gateway = await connect("tower-1", ACK)
    await gateway.close()
    assert await _end(gateway) == []
    await gateway.close()
    with pytest.raises(BusDown):
        await gateway.publish(RECORDS, b"")


async def test_a_message_that_the_broker_would_not_take_is_not_sent(connect: Connect) -> None:
    gateway = await connect("tower-1")
    with pytest.raises(MessageTooLong):
        await gateway.publish(RECORDS, b"x" * PACKET_BYTES_MAX)
    await gateway.publish(RECORDS, b"x" * (PACKET_BYTES_MAX - 200))
    await gateway.close()


async def test_publishing_to_no_topic_is_the_callers_mistake(connect: Connect) -> None:
    gateway = await connect("tower-1")
    for name in ("", "a/+/b", "a/#"):
        with pytest.raises(ValueError, match="no topic"):
            await gateway.publish(name, b"")
    await gateway.publish(RECORDS, b"the session lives on")
    await gateway.close()


async def test_a_filter_that_is_none_is_not_taken(connect: Connect) -> None:
    gateway = await connect("tower-1")
    with pytest.raises(BusDown):
        await gateway.subscribe("a/#/b")
    await gateway.close()


async def test_a_full_inbox_drops_what_comes_and_counts_it(rig: Any, connect: Connect) -> None:
    bus = rig.bus("tower-1")
    gateway = await bus.connect()
    await gateway.subscribe(ACK)
    cloud = await connect("aggregator")
    await asyncio.gather(*(cloud.publish(ACK, b"") for _ in range(405)))
    tally = rig.tally(bus)
    async with asyncio.timeout(WAIT_S):
        while tally.received < 405:  # noqa: ASYNC110  # nobody tells the test of a drop
            await asyncio.sleep(0.01)
    assert tally.dropped == 5
    assert len(await _take(gateway, 400)) == 400
    await gateway.close()
    await cloud.close()


async def test_another_gateways_topics_are_out_of_reach(rig: Any, connect: Connect) -> None:
    bus = rig.bus("tower-2")
    stranger = await bus.connect(Will(STATE, b"forged offline", delay_s=0))
    await stranger.subscribe(ACK, everyone(Leaf.LANE_RECORD))
    cloud = await connect("aggregator", everyone(Leaf.LANE_RECORD), everyone(Leaf.STATE))
    with pytest.raises(BusDown, match="refused"):
        await stranger.publish(RECORDS, b"forged")
    for leaf in (Leaf.ACK, Leaf.ORDER, Leaf.DESIRED_POLICY, Leaf.DESIRED_STATUSES):
        with pytest.raises(BusDown, match="refused"):
            await stranger.publish(topic("tower-2", leaf), b"forged")
    assert rig.tally(bus).refused == 5
    gateway = await connect("tower-1", ACK)
    await cloud.publish(ACK, b"for tower-1")
    assert await _take(gateway, 1) == [Message(ACK, b"for tower-1")]
    rig.cut(stranger)
    assert await _end(stranger) == []
    await gateway.publish(RECORDS, b"true")
    assert await _take(cloud, 1) == [Message(RECORDS, b"true")]
    await gateway.close()
    await cloud.close()


async def test_one_session_for_each_identity(connect: Connect) -> None:
    first = await connect("tower-1", ACK)
    second = await connect("tower-1", ACK)
    assert await _end(first) == []
    await second.publish(RECORDS, b"")
    await second.close()


async def test_a_broker_that_went_and_came_back(rig: Any, connect: Connect) -> None:
    gateway = await connect("tower-1")
    await gateway.publish(STATE, b"online", retain=True)
    await rig.stop()
    assert await _end(gateway) == []
    with pytest.raises(BusDown):
        await connect("tower-1")
    await rig.start()
    cloud = await connect("aggregator", everyone(Leaf.STATE))
    assert await _take(cloud, 1) == [Message(STATE, b"online", retain=True)]
    await cloud.close()
