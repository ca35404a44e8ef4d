"""Faces in a gateway beside everything else: what no face can do, who need not show one, what is kept."""

import asyncio
import csv
import gc
import os
import sqlite3
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from cardea.contract.batches import Lane
from cardea.contract.policy import Degrade, FaceRequirement, Policy, PortalPolicy
from cardea.contract.reasons import Reason
from cardea.contract.records import (
    AlertCleared,
    AlertKind,
    AlertRaised,
    CredentialKind,
    DecisionRecord,
    Outcome,
    Side,
)
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.config import ConfigInvalid
from cardea.runtime.disk import SystemDisk
from drivers.api import CredentialPresented, DeviceLost, PictureCaptured
from edge.configuration.loading import load
from edge.faces.checks import Grounds
from edge.gateway import Gateway
from edge.machine import missing, real_host
from edge.vault.templates import Templates
from models.registry import ModelUnavailable, ModelUnusable
from tests.unit.edge.camera_tower import Tower
from tests.unit.edge.face_door import (
    HOLDER,
    NO_CAMERA,
    NOBODY,
    PLAIN,
    REQUIRED,
    STRANGER,
    Door,
    Play,
    comes,
    jpeg,
    looks_like,
    reasons,
)

TERMINAL = NO_CAMERA.replace(
    '[devices.reader]\ndriver = "test.reader"\n',
    '[devices.reader]\ndriver = "test.reader"\nsettings = { snapshots = true }\n',
)
SHOWN = REQUIRED.replace(', cameras = ["camera"]', "").replace(
    'driver = "test.reader"\n', 'driver = "test.reader"\nsettings = { snapshots = true }\n', 1
)
"""A portal that requires a face which only its terminal can show."""
DARK = REQUIRED.replace(', cameras = ["camera"]', "")
"""A portal that requires a face and has nothing that shows one."""
LEAVING = PLAIN.replace(
    "[policy]", 'egress = { readers = ["out"], actuator = { device = "out" } }\n[policy]'
).replace("[portals.lobby]", '[devices.out]\ndriver = "test.reader"\n[portals.lobby]')
NEXT_DOOR = PLAIN.replace(
    "[policy]",
    """[portals.side]
name = "Side"
lock = "fail_safe"
mechanical_free_egress = true
hardwired_fire_release = true
ingress = { readers = ["next"], cameras = ["camera"], actuator = { device = "next" } }
[policy]""",
).replace("[portals.lobby]", '[devices.next]\ndriver = "test.reader"\n[portals.lobby]')


async def shown(t: Door, kind: CredentialKind = CredentialKind.CARD, **fields: Any) -> None:
    """Somebody presents the holder's credential, and the terminal shows them."""
    value = "1001" if kind is CredentialKind.CARD else "e1"
    snapshot = fields.pop("snapshot", None) or jpeg()
    await t.devices["reader"].say(CredentialPresented, kind=kind, value=value, snapshot=snapshot, **fields)


# --- what no face can do ------------------------------------------------------------------------


def test_L13_a_face_that_agrees_opens_nothing_by_itself(play: Play) -> None:  # noqa: N802
    async def scene(t: Door, _: Gateway) -> None:
        await t.film(looks_like(HOLDER), 10)
        waiting = asyncio.create_task(t.present(CredentialKind.FACE, "e1"))
        await t.film(looks_like(HOLDER), 50)
        await waiting

    door, (decision,), _ = play(scene)
    assert (decision.outcome, reasons(decision)) == (Outcome.RETEST, [Reason.FACE_ONLY])
    assert door.devices["reader"].released == []
    assert door.pipeline.looked == [], "a face that only a camera saw names nobody"


def test_L13_with_a_card_as_second_factor_the_same_face_is_compared(play: Play) -> None:  # noqa: N802
    async def scene(t: Door, _: Gateway) -> None:
        face = asyncio.create_task(t.present(CredentialKind.FACE, "e1"))
        await asyncio.sleep(0.1)
        await comes(t, looks_like(HOLDER))
        await face

    door, (decision,), _ = play(scene)
    assert decision.outcome is Outcome.GRANT
    assert len(door.pipeline.looked) == 5


@pytest.mark.parametrize("offline", [False, True], ids=["leaving", "history"])
def test_L2_L12_who_leaves_and_what_is_history_wait_for_no_face(  # noqa: N802
    play: Play,
    *,
    offline: bool,
) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        t.pipeline.says = looks_like(STRANGER)
        began_s = t.clock.monotonic_s()
        device = t.devices["reader" if offline else "out"]
        await device.say(
            CredentialPresented, kind=CredentialKind.CARD, value="1001", snapshot=jpeg(), offline=offline
        )
        assert t.clock.monotonic_s() - began_s < 0.5

    door, (decision,), _ = play(scene, LEAVING)
    assert decision.outcome is (Outcome.DENY if offline else Outcome.GRANT)
    assert decision.side is (Side.INGRESS if offline else Side.EGRESS)
    assert door.pipeline.looked == []


def test_two_people_before_the_camera_are_referred_and_the_claim_is_over(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        alone = looks_like(HOLDER)
        assert alone.face is not None
        await comes(t, type(alone)(faces=(alone.face, alone.face), face=alone.face, embedding=HOLDER), 3)

    door, (decision,), _ = play(scene)
    assert decision.outcome is Outcome.REFER
    assert Reason.SECOND_PERSON in reasons(decision)
    assert len(door.pipeline.looked) == 1


# --- who need not show one ----------------------------------------------------------------------


@pytest.mark.parametrize("enrolled", [False, True], ids=["no template", "enrolled"])
def test_item_21_a_card_where_only_a_terminal_shows_faces(play: Play, *, enrolled: bool) -> None:
    """Whoever has no template comes in; of whoever has one, the face that is required is missing."""

    async def scene(t: Door, _: Gateway) -> None:
        began_s = t.clock.monotonic_s()
        await t.present()
        assert t.clock.monotonic_s() - began_s < 0.5, "nothing can come"

    _, (decision,), _ = play(scene, SHOWN, enrolled=enrolled)
    assert decision.outcome is (Outcome.DENY if enrolled else Outcome.GRANT)
    assert (Reason.FACE_UNCHECKED in reasons(decision)) is enrolled


@pytest.mark.parametrize("enrolled", [False, True], ids=["no template", "enrolled"])
def test_item_21_while_the_camera_is_away(play: Play, *, enrolled: bool) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        lost = t.devices["camera"].lost
        assert lost is not None
        lost.set_exception(DeviceLost("gone"))
        await asyncio.sleep(0.01)
        began_s = t.clock.monotonic_s()
        await t.present()
        assert t.clock.monotonic_s() - began_s < 0.5

    _, (decision,), _ = play(scene, REQUIRED, enrolled=enrolled)
    assert decision.outcome is (Outcome.DENY if enrolled else Outcome.GRANT)


def test_item_21_a_stranger_to_the_vault_has_no_template_either(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        await t.present(value="9999")

    _, (decision,), _ = play(scene, REQUIRED)
    assert reasons(decision) == [Reason.CREDENTIAL_UNKNOWN], "refused for what it is"


def test_who_was_enrolled_a_moment_ago_is_compared(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        await t.enrol()
        assert gateway.picture()["sight"]["enrolled"] == 0
        await comes(t, looks_like(STRANGER))

    _, (decision,), _ = play(scene, enrolled=False)
    assert reasons(decision) == [Reason.FACE_CONTRADICTS]


# --- a terminal's picture and a camera ----------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "filmed", "outcome", "looks"),
    [
        (CredentialKind.FACE, NOBODY, Outcome.GRANT, 1),
        (CredentialKind.CARD, looks_like(HOLDER, live=0.1), Outcome.REFER, 11),
        (CredentialKind.CARD, looks_like(HOLDER), Outcome.GRANT, 6),
        (CredentialKind.CARD, looks_like(STRANGER), Outcome.REFER, 4),
    ],
    ids=["its own liveness", "a picture held up", "the holder", "somebody else"],
)
def test_a_still_that_agrees_suffices_where_the_terminal_has_judged_liveness(
    play: Play, kind: CredentialKind, filmed: Any, outcome: Outcome, looks: int
) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        t.pipeline.says = looks_like(HOLDER)
        waiting = asyncio.create_task(shown(t, kind, verified=kind is CredentialKind.FACE))
        await asyncio.sleep(0.1)
        await t.film(filmed, 12)
        await waiting

    door, (decision,), _ = play(scene)
    assert decision.outcome is outcome
    assert len(door.pipeline.looked) == looks


def test_a_still_that_agrees_counts_where_the_camera_sees_nobody(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        t.pipeline.says = looks_like(HOLDER)
        waiting = asyncio.create_task(shown(t))
        await asyncio.sleep(0.1)
        await t.film(NOBODY, 18)
        await waiting

    _, (decision,), _ = play(scene)
    assert reasons(decision) == [Reason.GRANTED]


def test_a_broken_still_leaves_it_to_the_camera(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        waiting = asyncio.create_task(shown(t, snapshot=b"no picture"))
        await asyncio.sleep(0.1)
        await t.film(looks_like(HOLDER), 6)
        await waiting
        assert gateway.picture()["sight"]["snapshots_refused"] == {"not_a_jpeg": 1}

    _, (decision,), _ = play(scene)
    assert reasons(decision) == [Reason.GRANTED]


def test_a_still_that_no_model_can_read_takes_the_check_from_nobody(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        t.pipeline.problem = ValueError("a picture like no other")
        await shown(t)
        assert gateway.picture()["sight"]["snapshots_refused"] == {"snapshot_failed": 1}
        assert gateway.picture()["sight"]["face_check"] is True
        t.pipeline.problem, t.pipeline.says = None, looks_like(HOLDER)
        await asyncio.sleep(5)
        await shown(t)

    _, decisions, _ = play(scene, TERMINAL)
    assert [reasons(decision) for decision in decisions] == [
        [Reason.GRANTED, Reason.FACE_UNCHECKED],
        [Reason.GRANTED],
    ]


class Marked(bytes):
    """Bytes that the garbage collector can be asked for."""


def test_item_18_a_terminals_picture_is_let_go_of(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        t.pipeline.says = looks_like(HOLDER)
        await shown(t, snapshot=Marked(jpeg()))
        for said in ("offline", "granted"):
            await asyncio.sleep(5)
            kind = CredentialKind.CARD
            await t.devices["reader"].say(
                CredentialPresented, kind=kind, value="1001", snapshot=Marked(jpeg()), **{said: True}
            )
        await asyncio.sleep(1)
        assert gateway.picture()["sight"]["compared"] == 2, "history is not looked at"
        gc.collect()
        assert [each for each in gc.get_objects() if isinstance(each, Marked)] == []

    _, decisions, _ = play(scene, TERMINAL)
    assert len(decisions) == 3


def test_a_camera_between_two_portals_is_looked_at_once_for_both(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        beside = asyncio.create_task(
            t.devices["next"].say(CredentialPresented, kind=CredentialKind.CARD, value="1001")
        )
        await comes(t, looks_like(HOLDER), 5)
        await beside

    door, decisions, _ = play(scene, NEXT_DOOR)
    assert sorted(decision.portal for decision in decisions) == ["lobby", "side"]
    assert {decision.outcome for decision in decisions} == {Outcome.GRANT}
    assert len(door.pipeline.looked) == 5


def test_pictures_from_before_the_claim_are_of_somebody_else(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        before = t.clock.now()
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(t.present())
        await asyncio.sleep(0.1)
        t.pipeline.says = looks_like(STRANGER)
        emit = t.devices["camera"].emit
        assert emit is not None
        for _picture in range(5):
            await emit(PictureCaptured(at=before, picture=np.zeros((480, 640, 3), np.uint8)))
            await asyncio.sleep(0.1)
        assert t.pipeline.looked == []
        await t.film(looks_like(HOLDER), 5)
        await waiting

    _, (decision,), _ = play(scene)
    assert reasons(decision) == [Reason.GRANTED]


# --- how many, and what is said -----------------------------------------------------------------


def test_item_22_people_are_counted_where_only_terminals_show_faces(play: Play) -> None:
    async def scene(_: Door, gateway: Gateway) -> None:
        assert gateway.picture()["sight"]["enrolled"] == 1
        assert gateway.picture()["sight"]["face_check"] is True

    play(scene, TERMINAL)


def test_where_nothing_shows_a_face_no_store_is_made(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        await t.present()
        assert gateway.picture()["sight"]["enrolled"] is None
        assert not (t.path / "data" / "templates.sqlite").exists()

    play(scene, NO_CAMERA, enrolled=False)


def test_faces_not_found_and_faces_not_compared_are_two_alerts(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        t.problem = None
        await asyncio.sleep(61)
        assert gateway.picture()["sight"]["faces"] is True
        assert gateway.picture()["sight"]["face_check"] is False

    def nothing(door: Door) -> None:
        door.grounds, door.problem = None, ModelUnavailable("not here")

    _, _, alerts = play(scene, arrange=nothing)
    raised = {row.detail["check"]: row for row in alerts if isinstance(row, AlertRaised)}
    assert {check: (row.device, row.portal) for check, row in raised.items()} == {
        "faces": ("camera", None),
        "face_check": (None, "lobby"),
    }
    cleared = [row.fingerprint for row in alerts if isinstance(row, AlertCleared)]
    assert cleared == [raised["faces"].fingerprint]


def test_nobody_is_told_of_a_check_that_nobody_needs_any_more(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        assert gateway.picture()["sight"]["face_check_reason"] is not None
        templates = await Templates.open(SystemDisk(t.path / "data"), t.keys, t.entropy)
        await templates.forget("p-1")
        await templates.close()
        await asyncio.sleep(130)
        assert gateway.picture()["sight"]["face_check_reason"] is None

    def no_models(door: Door) -> None:
        door.grounds = None

    _, _, (raised, cleared) = play(scene, arrange=no_models)
    assert isinstance(raised, AlertRaised)
    assert raised.alert is AlertKind.CHECK_UNAVAILABLE
    assert isinstance(cleared, AlertCleared)
    assert cleared.fingerprint == raised.fingerprint


def test_a_template_that_does_not_open_is_an_unchecked_face(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        with sqlite3.connect(t.path / "data" / "templates.sqlite") as db:
            db.execute("UPDATE template SET sealed = x'00'")
        await t.present()

    _, (decision,), _ = play(scene)
    assert reasons(decision) == [Reason.GRANTED, Reason.FACE_UNCHECKED]


# --- what a configuration and a policy may ask ---------------------------------------------------


def test_a_face_that_nothing_shows_cannot_be_required(tmp_path: Path) -> None:
    tower = Tower(SystemClock(), SystemEntropy(), tmp_path)
    (tmp_path / "gateway.toml").write_text(DARK)
    with pytest.raises(ConfigInvalid, match=r"policy\.default\.face.*nothing at 'Lobby' shows a face"):
        load(tmp_path / "gateway.toml", tower.find)
    for text in (SHOWN, REQUIRED):
        (tmp_path / "gateway.toml").write_text(text)
        load(tmp_path / "gateway.toml", tower.find)


def test_nor_by_a_signed_policy(play: Play) -> None:
    required = PortalPolicy(degrade=Degrade.CLOSED, face=FaceRequirement.REQUIRED)

    async def scene(_: Door, gateway: Gateway) -> None:
        (fault,) = gateway._orders.faults(Policy(target="tower-1", version=2, default=required))
        assert "shows a face" in str(fault)

    play(scene, NO_CAMERA)


def test_check_names_thresholds_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tower = Tower(SystemClock(), SystemEntropy(), tmp_path)
    (tmp_path / "gateway.toml").write_text(TERMINAL + '[faces]\nthresholds = "faces.toml"\n')
    settings = load(tmp_path / "gateway.toml", tower.find).settings
    said = missing(settings, Policy(target="tower-1", version=1), [])
    assert any("cardea models pull face_reid_0095" in line for line in said)
    assert any("faces.toml: cannot be read" in line for line in said)
    assert not any("cameras' pictures" in line for line in said), "there is none"
    with pytest.raises(ModelUnusable, match=r"faces\.toml: cannot be read"):
        real_host(settings, SystemClock(), SystemEntropy()).open_grounds()
    with pytest.raises(ModelUnavailable):
        tower.host().open_grounds()


# --- with the real networks ----------------------------------------------------------------------


@pytest.mark.needs_test_data
def test_real_pictures_tell_the_holder_from_somebody_else(
    sim: ModuleType, tmp_path: Path, test_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARDEA_MODEL_DIR", os.fspath(test_data / "models"))
    (tmp_path / "gateway.toml").write_text(TERMINAL)
    tower = Tower(SystemClock(), SystemEntropy(), tmp_path)
    settings = load(tmp_path / "gateway.toml", tower.find).settings
    grounds = real_host(settings, SystemClock(), SystemEntropy()).open_grounds()
    (first, again, *_), (other, *_) = _comparable(grounds, test_data / "face")

    async def main() -> list[DecisionRecord]:
        door = Door(sim.SimClock(), sim.SimEntropy(5), tmp_path)
        door.grounds = grounds
        await door._people()
        embedding = grounds.pipeline.look(_read(first)).embedding
        await door.enrol(vector=embedding)

        async def scene(_: Gateway) -> None:
            await asyncio.sleep(2)
            for path in (again, other):
                encoded = cv2.imencode(".jpg", _read(path))[1].tobytes()
                await shown(door, CredentialKind.FACE, verified=True, snapshot=encoded)
                await asyncio.sleep(10)

        await door.serve(scene, TERMINAL)
        return [row for row in await door.rows(Lane.RECORD) if isinstance(row, DecisionRecord)]

    holder, stranger = sim.simulate(main)
    assert reasons(holder) == [Reason.GRANTED]
    assert reasons(stranger) == [Reason.FACE_CONTRADICTS]


def _read(path: Path) -> Any:
    return cv2.imread(str(path))


def _comparable(grounds: Grounds, folder: Path) -> list[list[Path]]:
    """Pictures of two people, two or more of the first, that can be compared as they are."""
    of: dict[str, list[Path]] = {}
    with (folder / "labels.csv").open(newline="") as labels:
        for row in csv.DictReader(labels):
            path = folder / row["path"]
            if min(_read(path).shape[:2]) > 150 and grounds.pipeline.look(_read(path)).embedding is not None:
                of.setdefault(row["identity"], []).append(path)
    return sorted(of.values(), key=len, reverse=True)[:2]
