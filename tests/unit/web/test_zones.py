"""Zones through the API: seen by their own, started by managers, in twos where needed, stopped by all."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.contract.encoding import ORDER, encode
from cardea.contract.orders import Order, StartCycle, StopCycle
from cardea.contract.scenes import Mark, MarkKind, Scene
from cardea.contract.signed import key_id, verify
from cardea.contract.time import wire_time
from cardea.contract.topics import Leaf, topic
from cardea.contract.zones import ZoneState
from cloud.disinfection import Disinfection, NotOrdered
from cloud.ledger.scope import Role
from tests.unit.web.conftest import CLOCK

PUBLIC = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
PASSWORD = "a password for tests"
WASHROOM = "/api/v1/zones/tower-1/washroom"
FOGGED = {"two_people": True}


async def ordered(town, act):
    """What reaches the gateway of an order."""
    gateway = await town.broker.bus("tower-1").connect()
    await gateway.subscribe(topic("tower-1", Leaf.ORDER))
    answer = await act()
    assert answer.status_code == 202, answer.text
    async with asyncio.timeout(5):
        message = await anext(gateway.messages())
    await gateway.close()
    assert not message.retain
    body = verify(message.payload, {key_id(PUBLIC): PUBLIC})
    assert isinstance(body, bytes)
    order = ORDER.decode(body)
    assert isinstance(order, Order)
    assert answer.json() == {"id": order.id}
    return order


async def test_zones_and_their_history_are_shown(town, make):
    await town.send("tower-1", make.zone(), make.zone(state=ZoneState.WARN, cycle="c1"))
    client = await town.logged_in()
    (row,) = (await client.get("/api/v1/zones")).json()
    assert (row["state"], row["permissives"]) == ("warn", {"estop": "ok", "occupancy": "stale"})
    first = (await client.get(f"{WASHROOM}/history", params={"limit": 1})).json()
    rest = (await client.get(f"{WASHROOM}/history", params={"before": first["next"]})).json()
    assert [e["state"] for e in (*first["items"], *rest["items"])] == ["warn", "idle"]
    assert (await client.get(f"{WASHROOM}/history", params={"before": "soon"})).status_code == 422
    assert (await client.get("/api/v1/zones", params={"site": "elsewhere"})).json() == []
    await client.aclose()


async def test_d7_a_start_is_signed_not_retained_and_expires_within_a_minute(town, make):
    await town.send("tower-1", make.zone())
    client = await town.logged_in()
    order = await ordered(town, lambda: client.post(f"{WASHROOM}/start", json={}))
    assert order.action == StartCycle("washroom", "admin")
    assert 0 < (order.deadline - order.issued).total_seconds() <= 60
    await client.aclose()


async def test_d7_whoever_sees_a_zone_may_stop_it(town, make):
    await town.send("tower-1", make.zone())
    await town.add("facility", "harbour", Role.FACILITY)
    client = await town.logged_in("facility", PASSWORD)
    order = await ordered(town, lambda: client.post(f"{WASHROOM}/stop"))
    assert order.action == StopCycle("washroom", "facility")
    await client.aclose()


async def test_d7_chemicals_need_two_managers_each_with_their_own_password(town, make):
    await town.send("tower-1", make.zone(**FOGGED))
    for name, organisation, role in (
        ("second", "harbour", Role.MANAGER),
        ("facility", "harbour", Role.FACILITY),
        ("rival", "rival", Role.MANAGER),
    ):
        await town.add(name, organisation, role)
    client = await town.logged_in()

    async def start(**second):
        return await client.post(f"{WASHROOM}/start", json={"second": second} if second else {})

    refused = [
        await start(),
        await start(login="admin", password=town.admin_password),
        await start(login="second", password="wrong"),
        await start(login="nobody", password=PASSWORD),
        await start(login="facility", password=PASSWORD),
        await start(login="rival", password=PASSWORD),
    ]
    assert [answer.status_code for answer in refused] == [409, 409, 403, 403, 403, 403]
    assert (await client.get("/api/v1/gateways/tower-1/orders")).json() == [], "nothing was sent"
    order = await ordered(town, lambda: start(login="second", password=PASSWORD))
    assert order.action == StartCycle("washroom", "admin", "second")
    assert (await client.get("/api/v1/session")).json()["login"] == "admin", (
        "the second person is not logged in"
    )
    await client.aclose()


async def test_only_a_manager_starts_whoever_asks(town, make):
    """Also where no route stands in front."""
    await town.send("tower-1", make.zone())
    await town.add("facility", "harbour", Role.FACILITY)
    house = town.house
    account = await house.sessions.vouch("facility", PASSWORD, "here")
    disinfection = Disinfection(house.ledger, house.sessions, house.aggregator.intent)
    with pytest.raises(NotOrdered, match="not_a_manager"):
        await disinfection.start(account, "tower-1", "washroom")


async def test_guessing_the_second_persons_password_is_slowed_down(town, make):
    """SAFETY.md, item 6."""
    await town.send("tower-1", make.zone(**FOGGED))
    await town.add("second", "harbour", Role.MANAGER)
    client = await town.logged_in()
    for _ in range(10):
        await client.post(f"{WASHROOM}/start", json={"second": {"login": "second", "password": "wrong"}})
    right = {"second": {"login": "second", "password": PASSWORD}}
    assert (await client.post(f"{WASHROOM}/start", json=right)).status_code == 403
    await client.aclose()


@pytest.mark.parametrize(
    ("zone", "code"),
    [({"monitor_only": True}, 409), ({"state": ZoneState.LOCKOUT}, 409), ({"zone": "garage"}, 404)],
)
async def test_what_may_not_start_is_not_ordered(town, make, zone, code):
    await town.send("tower-1", make.zone(**zone))
    client = await town.logged_in()
    answer = await client.post(f"{WASHROOM}/start", json={})
    assert answer.status_code == code
    assert (await client.get("/api/v1/gateways/tower-1/orders")).json() == []
    await client.aclose()


async def test_without_a_broker_nothing_is_said_to_be_sent(town, make):
    await town.send("tower-1", make.zone())
    client = await town.logged_in()
    town.house.aggregator.intent.session = None
    assert (await client.post(f"{WASHROOM}/start", json={})).status_code == 503
    assert (await client.post(f"{WASHROOM}/stop")).status_code == 503
    await client.aclose()


ROUTES = [
    ("GET", "/api/v1/zones", None),
    ("GET", f"{WASHROOM}/history", None),
    ("GET", "/api/v1/scenes", None),
    ("GET", "/api/v1/wall", None),
    ("POST", f"{WASHROOM}/start", {}),
    ("POST", f"{WASHROOM}/stop", None),
]
ALLOWED = {
    "manager": [200, 200, 200, 200, 202, 202],
    "facility": [200, 200, 200, 200, 403, 202],
    "district": [200, 200, 200, 200, 403, 202],
    "rival": [200, 404, 200, 200, 404, 404],
    None: [401] * 6,
}
LOGINS = {
    "manager": ("harbour", Role.MANAGER),
    "facility": ("harbour", Role.FACILITY),
    "district": ("jinshui", Role.DISTRICT),
    "rival": ("rival", Role.MANAGER),
}


@pytest.mark.parametrize("who", ALLOWED)
async def test_every_route_for_every_role(town, make, who):
    """SAFETY.md, items 9 and 10."""
    await town.send("tower-1", make.zone())
    if who is None:
        client = town.client()
    else:
        await town.add(who, *LOGINS[who])
        client = await town.logged_in(who, PASSWORD)
    answers = [await client.request(method, path, json=body) for method, path, body in ROUTES]
    assert [answer.status_code for answer in answers] == ALLOWED[who]
    if who == "rival":
        assert [answers[0].json(), answers[2].json()] == [[], []]
        assert [site["site"] for site in answers[3].json()["sites"]] == ["other"]
    await client.aclose()


async def test_a_scene_is_shown_to_those_who_see_its_site(town, make):
    marks = (Mark(MarkKind.ROI, 0.0, 0.0, 1.0, 1.0, 40.5),)
    scene = Scene("cabinet-1", wire_time(CLOCK.now()), 2, 2, 20.0, 60.0, b"\x00\x40\x80\xff", marks)
    session = await town.broker.bus("tower-1").connect()
    await session.publish(topic("tower-1", Leaf.SCENE), encode(scene))
    await town.send("tower-1", make.zone())  # comes after it
    client = await town.logged_in()
    (row,) = (await client.get("/api/v1/scenes")).json()
    assert (row["device"], row["grid"], row["stale"]) == ("cabinet-1", "AECA/w==", False)
    assert row["marks"] == [
        {"kind": "roi", "left": 0.0, "top": 0.0, "width": 1.0, "height": 1.0, "temp_c": 40.5}
    ]
    await town.add("rival", "rival", Role.MANAGER)
    rival = await town.logged_in("rival", PASSWORD)
    assert (await rival.get("/api/v1/scenes")).json() == []
    await client.aclose()
    await rival.aclose()
    await session.close()


async def test_the_openapi_description_names_the_new_routes(town):
    client = await town.logged_in()
    paths = (await client.get("/api/v1/openapi.json")).json()["paths"]
    for path in ("zones", "zones/{gateway}/{zone}/history", "zones/{gateway}/{zone}/start", "scenes", "wall"):
        assert f"/api/v1/{path}" in paths
    await client.aclose()
