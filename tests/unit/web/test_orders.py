"""Orders through the API: signed, kept, answered; only by managers, and only to gateways of their own."""

import asyncio

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.contract.encoding import ORDER
from cardea.contract.orders import Order, SetLockdown
from cardea.contract.signed import key_id, verify
from cardea.contract.topics import Leaf, topic
from cloud.feed import EpochFenced
from cloud.ledger.scope import Role

PUBLIC = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
LOCK = {"do": "set_lockdown", "portal": "lobby-a", "on": True}
ORDERS = "/api/v1/gateways/tower-1/orders"


async def test_an_order_reaches_the_gateway_signed_and_stands_in_the_list(town) -> None:
    gateway = await town.broker.bus("tower-1").connect()
    await gateway.subscribe(topic("tower-1", Leaf.ORDER))
    client = await town.logged_in()
    sent = await client.post(ORDERS, json=LOCK)
    assert sent.status_code == 202, sent.text
    async with asyncio.timeout(5):
        message = await anext(gateway.messages())
    assert not message.retain
    body = verify(message.payload, {key_id(PUBLIC): PUBLIC})
    assert isinstance(body, bytes)
    order = ORDER.decode(body)
    assert isinstance(order, Order)
    assert (order.target, order.action) == ("tower-1", SetLockdown("lobby-a", on=True))
    (row,) = (await client.get(ORDERS)).json()
    assert (row["id"], row["by"], row["result"]) == (sent.json()["id"], "admin", None)
    for action in ({"do": "release_portal", "portal": "p"}, {"do": "clear_fire", "portal": "p"}):
        assert (await client.post(ORDERS, json=action)).status_code == 202
    await client.aclose()
    await gateway.close()


async def test_what_cannot_be_ordered_is_refused(town) -> None:
    client = await town.logged_in()
    for action in (
        {"do": "deny_egress", "portal": "lobby-a"},
        {"do": "set_lockdown", "portal": "lobby-a"},
        {"do": "release_portal", "portal": ""},
        {**LOCK, "side": "egress"},
    ):
        assert (await client.post(ORDERS, json=action)).status_code == 422, action
    assert (await client.post(ORDERS.replace("tower-1", "other-1"), json=LOCK)).status_code == 404
    assert (await client.get(ORDERS.replace("tower-1", "other-1"))).status_code == 404
    await client.aclose()


async def test_only_a_manager_orders_and_approves(town) -> None:
    await town.add("facility", "harbour", Role.FACILITY)
    client = await town.logged_in("facility", "a password for tests")
    assert (await client.post(ORDERS, json=LOCK)).status_code == 403
    approve = "/api/v1/gateways/tower-1/epochs/e2/approve"
    assert (await client.post(approve, json={"note": "New disk"})).status_code == 403
    await client.aclose()


async def test_a_fenced_outbox_speaks_once_it_is_approved(town, make) -> None:
    await town.send("tower-1", make.decision())
    client = await town.logged_in()
    unknown = "/api/v1/gateways/tower-1/epochs/none/approve"
    assert (await client.post(unknown, json={"note": "?"})).status_code == 404
    town.epoch, town.seq = "e2", 0
    with town.house.aggregator.feed.subscribe() as news:
        sending = asyncio.create_task(town.send("tower-1", make.decision()))
        async with asyncio.timeout(5):
            async for event in news:
                if isinstance(event, EpochFenced):
                    break
    found = (await client.get("/api/v1/alerts")).json()["items"]
    assert found[0]["alert"] == "clone"
    approve = "/api/v1/gateways/tower-1/epochs/e2/approve"
    assert (await client.post(approve, json={"note": "New disk"})).status_code == 204
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    town.seq = 0
    await town.send("tower-1", make.decision())
    assert len((await client.get("/api/v1/passages")).json()["items"]) == 2
    await client.aclose()
