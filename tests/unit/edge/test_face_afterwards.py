"""Terminals that let people in by themselves: their pictures are looked at afterwards, and open nothing."""

import asyncio
from typing import Any

import pytest

from cardea.contract.reasons import Reason
from cardea.contract.records import AlertCleared, AlertKind, AlertRaised, CredentialKind, Outcome
from drivers.api import CredentialPresented
from edge.faces.afterwards import LOOK_S_MAX, WAITING_MAX
from edge.faces.checks import Grounds
from edge.gateway import Gateway
from models.face.thresholds import Thresholds
from tests.unit.edge.face_door import (
    HOLDER,
    NO_CAMERA,
    NOBODY,
    PLAIN,
    STRANGER,
    Door,
    Play,
    jpeg,
    looks_like,
    reasons,
)


async def lets_in(t: Door, snapshot: bytes | None = None, **more: Any) -> None:
    """A terminal that has opened by itself says so."""
    said: dict[str, Any] = {"kind": CredentialKind.FACE, "value": "e1", "verified": True, "granted": True}
    await t.devices["reader"].say(CredentialPresented, snapshot=snapshot or jpeg(), **(said | more))


def mismatches(alerts: list[Any]) -> list[AlertRaised]:
    return [row for row in alerts if isinstance(row, AlertRaised) and row.alert is AlertKind.FACE_MISMATCH]


@pytest.mark.parametrize("text", [PLAIN, NO_CAMERA], ids=["a camera beside it", "no camera"])
def test_somebody_else_raises_an_alert_and_the_record_stands(play: Play, text: str) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        t.pipeline.says = looks_like(STRANGER)
        began_s = t.clock.monotonic_s()
        await lets_in(t)
        assert t.clock.monotonic_s() - began_s < 0.1, "nothing waits for the look"

    door, (decision,), alerts = play(scene, text)
    assert (decision.outcome, reasons(decision)) == (
        Outcome.GRANT,
        [Reason.DECIDED_BY_TERMINAL, Reason.GRANTED],
    )
    (alert,) = mismatches(alerts)
    assert (alert.decision, alert.portal, alert.device) == (decision.id, "lobby", "reader")
    assert alert.detail == {"reason": "face_contradicts"}
    assert door.pipeline.looked == [(60, 80, 3)], "the picture of whoever comes next says nothing"


@pytest.mark.parametrize(
    "look", [looks_like(HOLDER), NOBODY], ids=["the holder", "a picture that shows nobody"]
)
def test_the_holder_and_nobody_raise_none(play: Play, look: Any) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        t.pipeline.says = look
        await lets_in(t)

    door, (decision,), alerts = play(scene)
    assert decision.outcome is Outcome.GRANT
    assert len(door.pipeline.looked) == 1
    assert alerts == []


def test_people_who_come_quickly_are_each_looked_at_and_the_next_at_the_door_too(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        t.pipeline.says = looks_like(HOLDER)
        for _ in range(3):
            await lets_in(t)
        await t.devices["reader"].say(
            CredentialPresented, kind=CredentialKind.FACE, value="e1", verified=True, snapshot=jpeg()
        )
        await asyncio.sleep(1)
        assert gateway.picture()["sight"]["compared"] == 4

    _, decisions, alerts = play(scene, NO_CAMERA)
    assert [decision.outcome for decision in decisions] == [Outcome.GRANT] * 4
    assert alerts == []


def test_who_has_no_template_is_not_looked_at(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        await t.enrol("p-2")
        await lets_in(t)

    door, (decision,), alerts = play(scene, enrolled=False)
    assert decision.outcome is Outcome.GRANT
    assert door.pipeline.looked == []
    assert alerts == []


def test_L12_history_is_not_looked_at(play: Play) -> None:  # noqa: N802  # the rule's own name
    async def scene(t: Door, _: Gateway) -> None:
        t.pipeline.says = looks_like(STRANGER)
        await lets_in(t, offline=True)

    door, (decision,), alerts = play(scene)
    assert decision.outcome is Outcome.GRANT
    assert door.pipeline.looked == []
    assert alerts == []


def test_without_a_model_it_is_said_and_looked_at_again_once_there_is_one(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        await lets_in(t)
        await asyncio.sleep(70)
        t.grounds = Grounds(t.pipeline, Thresholds())
        await asyncio.sleep(61)
        assert gateway.picture()["sight"]["face_check"] is True
        t.pipeline.says = looks_like(STRANGER)
        await lets_in(t)

    def no_models(door: Door) -> None:
        door.grounds = None

    _, decisions, alerts = play(scene, arrange=no_models)
    raised = [row for row in alerts if isinstance(row, AlertRaised)]
    assert [row.alert for row in raised] == [AlertKind.CHECK_UNAVAILABLE, AlertKind.FACE_MISMATCH]
    assert raised[1].decision == decisions[1].id
    assert [row.fingerprint for row in alerts if isinstance(row, AlertCleared)] == [raised[0].fingerprint]


def test_pictures_that_nobody_gets_to_are_forgotten(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        reading = asyncio.Event()

        async def never(*_: object) -> None:
            await reading.wait()

        gateway._faces.opinions._read = never
        for _ in range(WAITING_MAX + 3):
            await lets_in(t)
        await asyncio.sleep(LOOK_S_MAX * (WAITING_MAX + 2))
        assert not gateway._faces.opinions._claims

    door, decisions, alerts = play(scene, NO_CAMERA)
    assert len(decisions) == WAITING_MAX + 3
    assert door.pipeline.looked == []
    assert alerts == []


def test_a_look_that_fails_in_any_way_leaves_the_door_served(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        t.pipeline.says = looks_like(STRANGER)

        def never(*_: object) -> None:
            raise RuntimeError("nobody foresaw this")

        portal = gateway._portals["lobby"]
        portal._afterwards._alarm, before = never, portal._afterwards._alarm
        await lets_in(t)
        await asyncio.sleep(1)
        portal._afterwards._alarm = before
        await lets_in(t)

    _, decisions, alerts = play(scene)
    assert [decision.outcome for decision in decisions] == [Outcome.GRANT] * 2
    (alert,) = mismatches(alerts)
    assert alert.decision == decisions[1].id
