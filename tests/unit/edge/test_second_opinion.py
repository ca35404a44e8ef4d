"""The second opinion in a gateway: who is looked at, what comes of it, and what happens without it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cardea.contract.reasons import Reason
from cardea.contract.records import (
    AlertCleared,
    AlertKind,
    AlertRaised,
    CredentialKind,
    Mode,
    Outcome,
)
from drivers.api import AnswerCheck, CredentialPresented
from edge.alerts import Alarm
from edge.faces.availability import Raises
from edge.faces.checks import Grounds
from edge.faces.gallery_watch import GalleryWatch
from edge.faces.settings import thresholds_of
from edge.gateway import Gateway
from models.face.calibrated import Calibrated, Confidence, as_toml
from models.face.gallery import FILING_PEOPLE, WARN_PEOPLE
from models.face.thresholds import Thresholds
from models.registry import ModelUnusable
from tests.unit.edge.face_door import (
    HOLDER,
    NO_CAMERA,
    NOBODY,
    PLAIN,
    REQUIRED,
    SHA,
    STRANGER,
    TIGHT,
    Door,
    Play,
    comes,
    jpeg,
    looks_like,
    reasons,
)

# --- what comes of it ---------------------------------------------------------------------------


def test_the_holder_comes_in_once_five_looks_agree(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        waiting = asyncio.create_task(t.present())
        await asyncio.sleep(0.1)
        await t.film(looks_like(HOLDER), 4)
        assert not waiting.done()
        await t.film(looks_like(HOLDER), 1)
        assert waiting.done(), "nobody waits longer than it takes"

    door, (decision,), _ = play(scene)
    assert (decision.outcome, reasons(decision)) == (Outcome.GRANT, [Reason.GRANTED])
    assert door.devices["reader"].released


def test_a_card_in_another_hand_is_sent_to_staff_and_alarmed(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        await comes(t, looks_like(STRANGER))

    door, (decision,), alerts = play(scene)
    assert (decision.outcome, reasons(decision)) == (Outcome.REFER, [Reason.FACE_CONTRADICTS])
    assert door.devices["reader"].released == []
    assert [row.alert for row in alerts if isinstance(row, AlertRaised)] == [AlertKind.FACE_MISMATCH]


def test_a_picture_of_the_holder_is_sent_to_staff(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        await comes(t, looks_like(HOLDER, live=0.1))

    door, (decision,), _ = play(scene)
    assert (decision.outcome, reasons(decision)) == (Outcome.REFER, [Reason.FACE_NOT_LIVE])
    assert door.devices["reader"].released == []


def test_who_is_too_close_is_told_to_step_back_at_once_and_then_comes_in(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        waiting = asyncio.create_task(t.present())
        await asyncio.sleep(0.1)
        await t.film(TIGHT, 6)
        assert t.devices["reader"].shown == ["Step back and look at the camera"]
        await t.film(looks_like(HOLDER), 6)
        await waiting

    _, (decision,), _ = play(scene)
    assert (decision.outcome, reasons(decision)) == (Outcome.GRANT, [Reason.GRANTED])


def test_a_terminal_that_waits_for_its_verdict_is_told_nothing_before(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        waiting = asyncio.create_task(
            t.devices["reader"].say(CredentialPresented, kind=CredentialKind.CARD, value="1001", ask=7)
        )
        await asyncio.sleep(0.1)
        await t.film(TIGHT, 20)
        await waiting

    door, (decision,), _ = play(scene)
    assert reasons(decision) == [Reason.FACE_TOO_CLOSE]
    assert door.devices["reader"].shown == []
    assert [type(command) for command in door.devices["reader"].commands] == [AnswerCheck]


def test_who_stays_too_close_is_asked_again(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        await comes(t, TIGHT, 20)

    door, (decision,), _ = play(scene)
    assert (decision.outcome, reasons(decision)) == (Outcome.RETEST, [Reason.FACE_TOO_CLOSE])
    assert door.devices["reader"].released == []


@pytest.mark.parametrize(
    ("text", "outcome", "reason"),
    [(PLAIN, Outcome.GRANT, Reason.GRANTED), (REQUIRED, Outcome.DENY, Reason.DEGRADED_CLOSED)],
    ids=["asked", "required"],
)
def test_nobody_waits_longer_than_the_policy_says_for_a_face_that_does_not_show(
    play: Play, text: str, outcome: Outcome, reason: Reason
) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        began_s = t.clock.monotonic_s()
        await t.present()
        assert t.clock.monotonic_s() - began_s == pytest.approx(3.0, abs=0.3)

    _, (decision,), _ = play(scene, text)
    assert (decision.outcome, reasons(decision)) == (outcome, [reason, Reason.FACE_UNCHECKED])


def test_poor_pictures_leave_it_uncertain(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        await comes(t, NOBODY, 20)

    _, (decision,), _ = play(scene)
    assert (decision.outcome, reasons(decision)) == (Outcome.GRANT, [Reason.GRANTED, Reason.FACE_UNCERTAIN])


# --- who is looked at ---------------------------------------------------------------------------


def test_of_people_who_claim_nothing_no_more_is_known_than_that_they_are_there(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        await t.film(looks_like(HOLDER), 10)
        await t.present(value="9999")
        await t.film(looks_like(HOLDER), 10)
        await comes(t, looks_like(HOLDER), 5)
        looked = len(t.pipeline.looked)
        await t.film(looks_like(HOLDER), 10)
        assert len(t.pipeline.looked) == looked, "whoever has passed is not looked at again"

    door, decisions, _ = play(scene)
    assert len(door.pipeline.looked) == 5
    assert door.pipeline.detected == 30
    assert [decision.outcome for decision in decisions] == [Outcome.DENY, Outcome.GRANT]


@pytest.mark.parametrize("text", [PLAIN, REQUIRED], ids=["asked", "required"])
def test_item_21_who_has_no_template_comes_in_at_once_and_is_not_looked_at(play: Play, text: str) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        await t.enrol("somebody-else")
        await t.present()

    door, (decision,), _ = play(scene, text, enrolled=False)
    assert (decision.outcome, reasons(decision)) == (Outcome.GRANT, [Reason.GRANTED])
    assert door.pipeline.looked == []


def test_a_template_of_another_model_is_none(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        await t.enrol(model="0" * 64)
        await t.present()

    door, (decision,), _ = play(scene, enrolled=False)
    assert reasons(decision) == [Reason.GRANTED]
    assert door.pipeline.looked == []


def test_off_means_that_nobody_looks(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        await comes(t, looks_like(STRANGER), 3)

    text = PLAIN.replace('degrade = "closed"', 'degrade = "closed", face = "off"')
    door, (decision,), _ = play(scene, text)
    assert reasons(decision) == [Reason.GRANTED]
    assert door.pipeline.looked == []


def test_item_18_19_the_models_are_not_opened_while_nobody_is_enrolled(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        assert gateway.picture()["sight"]["face_check"] is False
        assert gateway.picture()["sight"]["face_check_reason"] is None
        await t.enrol()
        await asyncio.sleep(61)
        assert gateway.picture()["sight"]["face_check"] is True
        assert gateway.picture()["sight"]["enrolled"] == 1

    play(scene, enrolled=False)


# --- a terminal's picture -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("embedding", "outcome", "reason"),
    [
        (HOLDER, Outcome.GRANT, Reason.GRANTED),
        (STRANGER, Outcome.REFER, Reason.FACE_CONTRADICTS),
    ],
    ids=["holder", "stranger"],
)
def test_a_terminals_picture_is_compared_at_once(
    play: Play, embedding: Any, outcome: Outcome, reason: Reason
) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        t.pipeline.says = looks_like(embedding)
        began_s = t.clock.monotonic_s()
        await t.devices["reader"].say(
            CredentialPresented, kind=CredentialKind.FACE, value="e1", verified=True, snapshot=jpeg()
        )
        assert t.clock.monotonic_s() - began_s < 1.0

    door, (decision,), _ = play(scene, NO_CAMERA)
    assert (decision.outcome, reasons(decision)) == (outcome, [reason])
    assert door.pipeline.looked == [(60, 80, 3)]


@pytest.mark.parametrize("snapshot", [b"", b"no picture", jpeg()[:-40], b"\xff\xd8\xff\xd9"])
def test_a_broken_picture_is_counted_and_speaks_for_nobody(play: Play, snapshot: bytes) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        await t.devices["reader"].say(
            CredentialPresented, kind=CredentialKind.FACE, value="e1", verified=True, snapshot=snapshot
        )
        refused = gateway.picture()["sight"]["snapshots_refused"]
        assert sum(refused.values()) == bool(snapshot)

    door, (decision,), _ = play(scene, NO_CAMERA)
    assert decision.outcome is Outcome.GRANT
    assert door.pipeline.looked == []


# --- without it ---------------------------------------------------------------------------------


def no_models(door: Door) -> None:
    door.grounds = None


@pytest.mark.parametrize("text", [PLAIN, REQUIRED], ids=["asked", "required"])
def test_without_a_model_nobody_waits_and_it_is_said_once(play: Play, text: str) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        for _ in range(3):
            began_s = t.clock.monotonic_s()
            await t.present()
            assert t.clock.monotonic_s() - began_s < 1.0
            await asyncio.sleep(70)
        assert gateway.picture()["sight"]["face_check"] is False
        assert "models pull" in gateway.picture()["sight"]["face_check_reason"]
        t.grounds = Grounds(t.pipeline, Thresholds())
        await asyncio.sleep(61)
        assert gateway.picture()["sight"]["face_check"] is True

    _, decisions, alerts = play(scene, text, arrange=no_models)
    for decision in decisions:
        assert Reason.FACE_UNCHECKED in decision.reasons
        granted = decision.outcome is Outcome.GRANT
        assert granted is (text is PLAIN), "never opens on missing evidence that is required"
        assert decision.mode is (Mode.LIVE if granted else Mode.DEGRADED)
    raised = [
        row for row in alerts if isinstance(row, AlertRaised) and row.alert is AlertKind.CHECK_UNAVAILABLE
    ]
    cleared = [row for row in alerts if isinstance(row, AlertCleared)]
    assert [row.detail["check"] for row in raised] == ["face_check"]
    assert raised[0].fingerprint in {row.fingerprint for row in cleared}


def test_a_look_that_fails_ends_the_check_and_nothing_else(play: Play) -> None:
    async def scene(t: Door, gateway: Gateway) -> None:
        t.pipeline.problem = ModelUnusable("it computes nothing")
        began_s = t.clock.monotonic_s()
        await comes(t, looks_like(HOLDER), 3)
        assert t.clock.monotonic_s() - began_s < 1.0, "nobody waits for what has failed"
        assert gateway.picture()["sight"]["face_check"] is False
        t.pipeline.problem = None

    _, (decision,), _ = play(scene)
    assert (decision.outcome, reasons(decision)) == (Outcome.GRANT, [Reason.GRANTED, Reason.FACE_UNCHECKED])


def test_a_store_that_does_not_open_makes_it_unavailable(play: Play) -> None:
    async def scene(t: Door, _: Gateway) -> None:
        (t.path / "data" / "templates.sqlite").write_bytes(b"no database at all" * 100)
        began_s = t.clock.monotonic_s()
        await t.present()
        assert t.clock.monotonic_s() - began_s < 1.0

    _, (decision,), _ = play(scene, enrolled=False, arrange=lambda door: _spoil(door.path))
    assert (decision.outcome, reasons(decision)) == (Outcome.GRANT, [Reason.GRANTED, Reason.FACE_UNCHECKED])


def _spoil(path: Path) -> None:
    (path / "data").mkdir(parents=True, exist_ok=True)
    (path / "data" / "templates.sqlite").write_bytes(b"no database at all" * 100)


# --- thresholds of the site, and how many are enrolled ------------------------------------------


def calibrated(model: str = SHA) -> str:
    counted = dict.fromkeys(Confidence.__struct_fields__, 1)
    return as_toml(
        Calibrated(
            model_sha256=model,
            verify_min=0.45,
            identify_min=0.6,
            uncertain_min=0.35,
            margin_min=0.1,
            live_min=0.9,
            confidence=Confidence(**{**counted, "calibrated_utc": "2026-11-26T00:00:00Z"}),  # pyright: ignore[reportArgumentType]  # numbers, all but one
        )
    )


def test_a_site_has_its_own_thresholds(tmp_path: Path) -> None:
    assert thresholds_of(None, SHA) == Thresholds()
    (tmp_path / "faces.toml").write_text(calibrated())
    assert thresholds_of(tmp_path / "faces.toml", SHA).verify_min == 0.45


@pytest.mark.parametrize(
    ("text", "said"),
    [(calibrated("0" * 64), "another model"), ("x = 1", "faces.toml"), (None, "cannot be read")],
)
def test_thresholds_that_are_not_for_this_model_are_refused(
    tmp_path: Path, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / "faces.toml").write_text(text)
    with pytest.raises(ModelUnusable, match=said):
        thresholds_of(tmp_path / "faces.toml", SHA)


class Said(Raises):
    def __init__(self) -> None:
        self.said: list[tuple[str, AlertKind]] = []

    def raise_(self, alarm: Alarm) -> None:
        self.said.append(("raised", alarm.alert))

    def clear(self, alarm: Alarm, evidence: str) -> None:
        assert evidence
        self.said.append(("cleared", alarm.alert))


def test_item_22_a_large_gallery_warns_and_then_asks_to_be_filed() -> None:
    said = Said()
    watch = GalleryWatch(said)
    watch.counted(WARN_PEOPLE - 1)
    said.said.clear()
    watch.counted(WARN_PEOPLE)
    watch.counted(WARN_PEOPLE + 1)
    watch.counted(FILING_PEOPLE)
    watch.counted(10)
    assert said.said == [
        ("cleared", AlertKind.GALLERY_FILING),
        ("raised", AlertKind.GALLERY_LARGE),
        ("cleared", AlertKind.GALLERY_LARGE),
        ("raised", AlertKind.GALLERY_FILING),
        ("cleared", AlertKind.GALLERY_LARGE),
        ("cleared", AlertKind.GALLERY_FILING),
    ]
