"""Seeing people clear through the API: by whom, with which reason, and never by anybody else."""

import asyncio

import msgspec
import pytest

from cardea.contract.encoding import ORDER, encode
from cardea.contract.orders import Order, ShowFaces
from cardea.contract.records import ScreeningState
from cardea.contract.scenes import Scene, SceneReading, Showing
from cardea.contract.screening import NotScreened
from cardea.contract.time import wire_time
from cardea.contract.topics import Leaf, topic
from cloud.faces import LEASE_S
from cloud.ledger.scope import Role
from tests.unit.web.conftest import CLOCK

PASSWORD = "a password for tests"
ASK = "/api/v1/scenes/tower-1/lepton-1/faces"
WHY = {"reason": "The spot lies beside the face"}


def position(**given):
    plain = Scene(
        "lepton-1",
        wire_time(CLOCK.now()),
        2,
        2,
        20.0,
        36.0,
        b"\x00\x40\x80\xff",
        showing=Showing.BLURRED,
        readings=(SceneReading(ScreeningState.NOT_SCREENED, reason=NotScreened.TOO_FAR),),
        condition=NotScreened.TOO_FAR,
    )
    return msgspec.structs.replace(plain, **given)


@pytest.fixture
async def gateway(town, make):
    """A gateway that shows a position, and hears orders."""
    session = await town.broker.bus("ear").connect()
    await session.subscribe(topic("tower-1", Leaf.ORDER))

    async def show(leaf: Leaf = Leaf.SCENE, **given):
        await session.publish(topic("tower-1", leaf), encode(position(**given)))
        await town.send("tower-1", make.decision())  # comes after it

    async def order() -> Order:
        async with asyncio.timeout(5):
            message = await anext(session.messages())
        body = msgspec.json.decode(message.payload)["body"]
        found = ORDER.decode(body.encode())
        assert isinstance(found, Order)
        return found

    await show()
    yield show, order
    await session.close()


async def test_who_asks_with_a_reason_sees_people_clear_and_nobody_else_does(town, gateway) -> None:
    show, order = gateway
    await town.add("facility", "harbour", Role.FACILITY)
    asker, other = await town.logged_in("facility", PASSWORD), await town.logged_in()
    sent = await asker.post(ASK, json={"reason": "  The spot\nlies beside  "})
    assert sent.status_code == 202, sent.text
    asked = await order()
    assert asked.id == sent.json()["id"]
    assert asked.action == ShowFaces("lepton-1", "facility", "The spot lies beside", LEASE_S)
    await show(Leaf.SCENE_CLEAR, showing=Showing.CLEAR, lease=asked.id, grid=b"face")
    (row,) = (await asker.get("/api/v1/scenes")).json()
    assert (row["showing"], row["grid"]) == ("clear", "ZmFjZQ==")
    (row,) = (await other.get("/api/v1/scenes")).json()
    assert (row["showing"], row["condition"]) == ("blurred", "too_far")
    assert row["readings"] == [
        {"state": "not_screened", "surface_temp_c": None, "terms": None, "reason": "too_far"}
    ]
    (kept,) = (await other.get("/api/v1/gateways/tower-1/orders")).json()
    assert (kept["by"], kept["action"]["reason"]) == ("facility", "The spot lies beside")
    await asker.aclose()
    await other.aclose()


ALLOWED = {"manager": 202, "facility": 202, "district": 403, "rival": 404, None: 401}
LOGINS = {
    "manager": ("harbour", Role.MANAGER),
    "facility": ("harbour", Role.FACILITY),
    "district": ("jinshui", Role.DISTRICT),
    "rival": ("rival", Role.MANAGER),
}


@pytest.mark.parametrize("who", ALLOWED)
async def test_only_the_buildings_own_people_may_ask(town, gateway, who) -> None:
    """SAFETY.md, items 9 and 10."""
    client = town.client()
    if who is not None:
        await town.add(who, *LOGINS[who])
        client = await town.logged_in(who, PASSWORD)
    assert (await client.post(ASK, json=WHY)).status_code == ALLOWED[who]
    await client.aclose()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (ASK, {}, 422),
        (ASK, {"reason": "      "}, 422),
        (ASK, {"reason": "a\x00bcdef"}, 422),
        (ASK, {"reason": "x" * 201}, 422),
        (ASK, {**WHY, "lease_s": 61}, 422),
        (ASK, {**WHY, "lease_s": 0}, 422),
        (ASK, {**WHY, "for_ever": True}, 422),
        (ASK.replace("lepton-1", "lepton-2"), WHY, 404),
        (ASK.replace("tower-1", "other-1"), WHY, 404),
    ],
)
async def test_what_cannot_be_asked_is_refused(town, gateway, path, body, status) -> None:
    client = await town.logged_in()
    assert (await client.post(path, json=body)).status_code == status
    await client.aclose()


async def test_without_a_broker_nothing_is_said_to_be_asked(town, gateway) -> None:
    client = await town.logged_in()
    town.house.aggregator.intent.session = None
    assert (await client.post(ASK, json=WHY)).status_code == 503
    await client.aclose()


async def test_an_old_picture_is_none_to_ask_about(town, gateway, monkeypatch) -> None:
    client = await town.logged_in()
    monkeypatch.setattr("cloud.faces.STALE_S", -1.0)
    assert (await client.post(ASK, json=WHY)).status_code == 404
    await client.aclose()
