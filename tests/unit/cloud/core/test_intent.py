"""Orders and desired documents: signed, kept before they are sent, never for another gateway."""

import asyncio
import datetime as dt

import pytest

from cardea.contract.encoding import ORDER, POLICY, Undecodable, encode
from cardea.contract.orders import OrderResult, Receipt, ReleasePortal, StartCycle
from cardea.contract.policy import Policy, PortalPolicy
from cardea.contract.signed import key_id, verify
from cardea.contract.topics import Leaf, topic
from cardea.runtime.bus import BusDown
from cloud.feed import OrderAnswered
from cloud.intent import OutdatedVersion, desired_version
from cloud.ledger import reads
from cloud.ledger.scope import Role, Scope

MANAGER = Scope("harbour", Role.MANAGER)


async def _first_message(house, leaf):
    session = await house.broker.bus("g1").connect()
    await session.subscribe(topic("g1", leaf))
    async with asyncio.timeout(5):
        return await anext(session.messages())


def _body(message, key):
    body = verify(message.payload, {key_id(key.public_key()): key.public_key()})
    assert isinstance(body, bytes)
    return body


async def test_an_order_is_signed_kept_and_answered(run, ledger, key, make, clock):
    async with run() as house:
        waiting = asyncio.create_task(_first_message(house, Leaf.ORDER))
        await asyncio.sleep(0)
        order = await house.aggregator.intent.send_order("g1", ReleasePortal("lobby-a"), "ann", 10.0)
        message = await waiting
        assert not message.retain
        assert ORDER.decode(_body(message, key)) == order
        assert order.deadline - order.issued == dt.timedelta(seconds=10)
        assert order.target == "g1"
        (kept,) = await ledger.read(reads.orders, MANAGER, "g1")
        assert (kept.id, kept.by, kept.action) == (
            order.id,
            "ann",
            {"do": "release_portal", "portal": "lobby-a"},
        )
        assert kept.result is None
        with house.aggregator.feed.subscribe() as events:
            gateway = await house.gateway()
            receipt = Receipt(order.id, OrderResult.EXECUTED, make.at())
            await gateway.session.publish(topic("g1", Leaf.RECEIPT), encode(receipt))
            async for event in events:
                assert event == OrderAnswered("tower", "g1", receipt)
                break


@pytest.mark.parametrize("valid_s", [0.0, -1.0, 3601.0])
async def test_an_order_is_not_valid_for_ever(run, valid_s):
    async with run() as house:
        with pytest.raises(ValueError, match="valid"):
            await house.aggregator.intent.send_order("g1", ReleasePortal("x"), "ann", valid_s)


@pytest.mark.parametrize("valid_s", [60.1, 300.0])
async def test_d7_a_start_waits_for_a_minute_at_the_most(run, valid_s, ledger):
    async with run() as house:
        with pytest.raises(ValueError, match="at most 60 s"):
            await house.aggregator.intent.send_order("g1", StartCycle("washroom", "ann"), "ann", valid_s)
        assert await ledger.read(reads.orders, MANAGER, "g1") == ()
        await house.aggregator.intent.send_order("g1", StartCycle("washroom", "ann"), "ann", 60.0)


async def test_an_order_without_a_broker_is_not_kept(run, ledger):
    async with run() as house:
        house.aggregator.intent.session = None
        with pytest.raises(BusDown):
            await house.aggregator.intent.send_order("g1", ReleasePortal("x"), "ann")
        assert await ledger.read(reads.orders, MANAGER, "g1") == ()


async def test_a_policy_is_retained_and_its_version_only_grows(run, ledger, key):
    policy = Policy("g1", 3, PortalPolicy(require_screening=True))
    async with run() as house:
        await house.aggregator.intent.send_policy(policy, "ann")
        message = await _first_message(house, Leaf.DESIRED_POLICY)
        assert message.retain
        found = POLICY.decode(_body(message, key))
        assert not isinstance(found, Undecodable)
        assert found == policy
        for version in (2, 3):
            with pytest.raises(OutdatedVersion, match="not higher than 3"):
                await house.aggregator.intent.send_policy(Policy("g1", version), "ann")
        assert await ledger.read(desired_version, "g1", Leaf.DESIRED_POLICY) == 3
        assert await ledger.read(desired_version, "g2", Leaf.DESIRED_POLICY) == 0


async def test_a_policy_set_without_a_broker_is_sent_at_the_next_connect(run, ledger, key):
    async with run() as house:
        house.aggregator.intent.session = None
        with pytest.raises(BusDown):
            await house.aggregator.intent.send_policy(Policy("g1", 1), "ann")
    async with run() as house:
        message = await _first_message(house, Leaf.DESIRED_POLICY)
        assert POLICY.decode(_body(message, key)) == Policy("g1", 1)
