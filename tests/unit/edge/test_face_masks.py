"""Masks by the gateway's own look: who is looked at, what comes of it, and what happens without the model."""

import asyncio
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cardea.contract.reasons import Reason
from cardea.contract.records import AlertCleared, AlertKind, AlertRaised, CredentialKind, Mode, Outcome
from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers.api import CredentialPresented, FaceBox, PictureCaptured
from edge.configuration.loading import load
from edge.gateway import Gateway
from edge.machine import missing, real_host
from models.face import MASKED
from models.registry import ModelUnavailable, ModelUnusable
from tests.unit.edge.camera_tower import Tower
from tests.unit.edge.face_door import HOLDER, NOBODY, PLAIN, Door, Play, looks_like, reasons

ASKED = PLAIN.replace('degrade = "closed"', 'degrade = "closed", face = "off", require_mask = true')
UNASKED = PLAIN.replace('degrade = "closed"', 'degrade = "closed", face = "off"')
BOTH = PLAIN.replace('degrade = "closed"', 'degrade = "closed", require_mask = true')
ALONE = looks_like(None)
PAIR = [FaceBox(x=x, y=100, width=120, height=150, landmarks=(), score=0.9) for x in (50, 300)]


class Masks:
    """Says of the next pictures what a test has told it, then goes on saying the last."""

    def __init__(self, *says: bool | Exception | None) -> None:
        self.says = list(says)
        self.looked: list[FaceBox] = []

    def masked(self, picture: Any, face: FaceBox) -> bool | None:
        assert picture.shape == (480, 640, 3)
        self.looked.append(face)
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, Exception):
            raise said
        return said


def wearing(*says: bool | Exception | None) -> Any:
    def arrange(door: Door) -> None:
        door.masks = Masks(*says)
        door.pipeline.says = ALONE
        door.detector.faces = ALONE.faces

    return arrange


async def comes(t: Door, pictures: int = 30, **fields: Any) -> None:
    said: dict[str, Any] = {"kind": CredentialKind.CARD, "value": "1001"}
    waiting = asyncio.create_task(t.devices["reader"].say(CredentialPresented, **(said | fields)))
    await asyncio.sleep(0.1)
    for _ in range(pictures):
        await t.film(t.pipeline.says, 1)
        if waiting.done():
            break
    await waiting


def masks_of(door: Door) -> Masks:
    assert isinstance(door.masks, Masks)
    return door.masks


@pytest.mark.parametrize(
    ("says", "outcome", "reason", "looks"),
    [
        ((True,), Outcome.GRANT, Reason.GRANTED, 1),
        ((False,), Outcome.RETEST, Reason.MASK_MISSING, 1),
        ((None, None, True), Outcome.GRANT, Reason.GRANTED, 3),
    ],
    ids=["worn", "none", "seen at the third look"],
)
def test_the_camera_tells_of_the_mask(
    play: Play, says: tuple[bool | None, ...], outcome: Outcome, reason: Reason, looks: int
) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        began_s = t.clock.monotonic_s()
        await comes(t)
        assert t.clock.monotonic_s() - began_s < 1.0, "nobody waits longer than it takes"

    door, (decision,), _ = play(scene, ASKED, arrange=wearing(*says))
    assert (decision.outcome, reasons(decision)) == (outcome, [reason])
    assert len(masks_of(door).looked) == looks
    assert bool(door.devices["reader"].released) is (outcome is Outcome.GRANT)
    assert door.pipeline.looked == [], "nobody is compared for it"


def test_item_20_nobody_is_looked_at_for_it_but_who_presents_something(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        await t.film(ALONE, 10)
        assert masks_of(t).looked == []
        await comes(t)
        await t.film(ALONE, 10)
        assert len(masks_of(t).looked) == 1

    play(scene, ASKED, arrange=wearing(True))


def test_a_terminal_that_tells_is_believed_and_nobody_looks(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        await comes(t, mask=True)

    door, (decision,), _ = play(scene, ASKED, arrange=wearing(False))
    assert reasons(decision) == [Reason.GRANTED]
    assert masks_of(door).looked == []


def test_where_no_mask_is_required_the_model_stays_closed(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        await t.film(ALONE, 3)
        await comes(t)
        assert gateway.picture()["sight"]["masks"] is False
        assert gateway.picture()["sight"]["masks_reason"] is None

    door, (decision,), alerts = play(scene, UNASKED, arrange=wearing(True))
    assert decision.outcome is Outcome.GRANT
    assert masks_of(door).looked == []
    assert alerts == []


@pytest.mark.parametrize("says", [None, True], ids=["not to be told", "nobody in the picture"])
def test_who_cannot_be_told_waits_as_long_as_for_a_face_and_degrades(
    play: Play, *, says: bool | None
) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        if says is not None:
            t.pipeline.says = NOBODY
            t.detector.faces = ()
        began_s = t.clock.monotonic_s()
        await comes(t)
        assert t.clock.monotonic_s() - began_s == pytest.approx(3.0, abs=0.4)

    _, (decision,), _ = play(scene, ASKED, arrange=wearing(says))
    assert (decision.outcome, decision.mode) == (Outcome.DENY, Mode.DEGRADED)
    assert reasons(decision) == [Reason.DEGRADED_CLOSED, Reason.MASK_UNKNOWN]


def test_of_two_people_nobody_says_who_wears_one(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        waiting = asyncio.create_task(t.present())
        await asyncio.sleep(0.1)
        await t.film(t.pipeline.says, 1)
        await waiting

    def in_company(door: Door) -> None:
        wearing(True)(door)
        door.detector.faces = tuple(PAIR)

    door, (decision,), _ = play(scene, ASKED, arrange=in_company)
    assert decision.outcome is Outcome.REFER
    assert masks_of(door).looked == []


def test_a_picture_from_before_the_approach_says_nothing(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        before = t.clock.now()
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(t.present())
        await asyncio.sleep(0.5)
        picture = np.zeros((480, 640, 3), np.uint8)
        emit = t.devices["camera"].emit
        assert emit is not None
        await emit(PictureCaptured(at=before, picture=picture))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await waiting

    _, (decision,), _ = play(scene, ASKED, arrange=wearing(True))
    assert Reason.MASK_UNKNOWN in reasons(decision)


def test_the_look_at_the_face_and_at_the_mask_go_together(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        t.pipeline.says = looks_like(HOLDER)
        await comes(t)

    door, (decision,), _ = play(scene, BOTH, arrange=wearing(True))
    assert reasons(decision) == [Reason.GRANTED]
    assert len(door.pipeline.looked) == 5
    assert len(masks_of(door).looked) == 1


# --- without it ---------------------------------------------------------------------------------


def test_without_the_model_nobody_waits_and_it_is_said_once(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        for _ in range(2):
            began_s = t.clock.monotonic_s()
            await t.present()
            assert t.clock.monotonic_s() - began_s < 1.0
            await asyncio.sleep(70)
        assert "models pull" in gateway.picture()["sight"]["masks_reason"]
        wearing(True)(t)
        await asyncio.sleep(61)
        assert gateway.picture()["sight"]["masks"] is True
        await comes(t)

    _, decisions, alerts = play(scene, ASKED)
    assert [reasons(decision) for decision in decisions] == [
        [Reason.DEGRADED_CLOSED, Reason.MASK_UNKNOWN],
        [Reason.DEGRADED_CLOSED, Reason.MASK_UNKNOWN],
        [Reason.GRANTED],
    ]
    raised = [row for row in alerts if isinstance(row, AlertRaised)]
    assert [(row.alert, row.detail["check"], row.portal) for row in raised] == [
        (AlertKind.CHECK_UNAVAILABLE, "masks", "lobby")
    ]
    assert [row.fingerprint for row in alerts if isinstance(row, AlertCleared)] == [raised[0].fingerprint]


def test_a_look_that_fails_ends_the_check_of_masks_and_no_other(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        await comes(t)
        sight = gateway.picture()["sight"]
        assert (sight["masks"], sight["masks_reason"]) == (False, "it computes nothing")
        assert sight["faces"] is True

    _, (decision,), _ = play(scene, ASKED, arrange=wearing(ModelUnusable("it computes nothing")))
    assert reasons(decision) == [Reason.DEGRADED_CLOSED, Reason.MASK_UNKNOWN]


def test_check_names_the_model_where_masks_are_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tower = Tower(SystemClock(), SystemEntropy(), tmp_path)
    for text, named in ((ASKED, True), (UNASKED, False)):
        (tmp_path / "gateway.toml").write_text(text)
        configuration = load(tmp_path / "gateway.toml", tower.find)
        said = missing(configuration.settings, configuration.policy, [])
        assert any(f"cardea models pull {MASKED}" in line for line in said) is named
    with pytest.raises(ModelUnavailable, match=MASKED):
        real_host(configuration.settings, SystemClock(), SystemEntropy()).open_masks()
    with pytest.raises(ModelUnavailable):
        tower.host().open_masks()


@pytest.mark.needs_test_data
def test_a_real_host_tells_real_masks(
    tmp_path: Path, test_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(test_data / "models"))
    (tmp_path / "gateway.toml").write_text(ASKED)
    settings = load(tmp_path / "gateway.toml", Tower(SystemClock(), SystemEntropy(), tmp_path).find).settings
    host = real_host(settings, SystemClock(), SystemEntropy())
    picture: Any = cv2.imread(str(test_data / "face" / "masked" / "aizoo_demo2.jpg"))
    (face,) = host.open_detector().detect(picture)
    assert host.open_masks().masked(picture, face) is True
