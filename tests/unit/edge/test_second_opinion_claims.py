"""Claims by themselves: who may be looked at in full, what pictures conclude, and what is left of it."""

import asyncio
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.records import AlertKind, Severity
from edge.alerts import Alarm
from edge.decide.evidence import FaceCheck, Why
from edge.faces.availability import Availability
from edge.faces.checks import FaceChecks, Grounds
from edge.faces.claim import Claim, NoOpinion, Reference
from edge.faces.second_opinion import SecondOpinion
from models.face.look import Look
from models.face.opinion import Finding, begin
from models.face.thresholds import Thresholds
from tests.unit.edge.face_door import HOLDER, NOBODY, STRANGER, TIGHT, Pipeline, looks_like


class Said:
    """The alerts, as a list."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str | None]] = []

    def raise_(self, alarm: Alarm) -> None:
        assert (alarm.alert, alarm.severity) == (AlertKind.CHECK_UNAVAILABLE, Severity.MINOR)
        self.said.append(("raised", alarm.portal or alarm.device))

    def clear(self, alarm: Alarm, evidence: str) -> None:
        assert evidence
        self.said.append(("cleared", alarm.portal or alarm.device))


class Desk:
    """A second opinion whose templates are scripted."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.said = Said()
        self.checks = FaceChecks("0" * 64, Availability("face_check", self.said, portals=["lobby"]))
        self.checks.opened(Grounds(Pipeline(), Thresholds()))
        self.opinions = SecondOpinion(self.checks, self.read)
        self.people: dict[str, Reference | Exception] = {"p": Reference(HOLDER, lambda same: same)}
        self.slow_s = 0.0
        self.heard = 0

    async def read(self, person: str, model_sha256: str) -> Reference | None:
        assert model_sha256 == Pipeline.model_sha256
        await asyncio.sleep(self.slow_s)
        found = self.people.get(person)
        if isinstance(found, Exception):
            raise found
        return found

    def claim(self, portal: str = "lobby", person: str = "p", cameras: tuple[str, ...] = ("a",)) -> Claim:
        claim = Claim(
            portal=portal,
            person=person,
            cameras=frozenset(cameras),
            since_s=self.clock.monotonic_s(),
            heard=self._hear,
        )
        self.opinions.open(claim)
        return claim

    def _hear(self) -> None:
        self.heard += 1

    def look(self, look: Look, camera: str = "a") -> None:
        at = self.clock.now()
        self.opinions.seen(self.opinions.at(camera, at), look, at)


def at_desk(sim: ModuleType, scene: Any) -> None:
    async def main() -> None:
        await scene(Desk(sim.SimClock()))

    sim.simulate(main)


def test_one_claim_stands_at_a_portal(sim: ModuleType) -> None:
    async def scene(d: Desk) -> None:
        first = d.claim()
        await asyncio.sleep(0.1)
        d.look(looks_like(HOLDER))
        second = d.claim()
        await asyncio.sleep(0.1)
        assert d.opinions.at("a", d.clock.now()) == (second,)
        assert (first.reference, first.opinion, first.snapshot) == (None, None, None)
        d.opinions.offer(first, b"late")
        assert first.snapshot is None
        d.opinions.withdraw(first)
        assert d.opinions.at("a", d.clock.now()) == (second,), "the older one is gone already"

    at_desk(sim, scene)


def test_a_template_that_comes_after_the_decision_is_not_kept(sim: ModuleType) -> None:
    async def scene(d: Desk) -> None:
        d.slow_s = 5.0
        claim = d.claim()
        assert d.opinions.unable(claim) is None, "nobody knows yet"
        d.opinions.withdraw(claim)
        await asyncio.sleep(10)
        assert claim.reference is None
        assert not d.opinions.wanted

    at_desk(sim, scene)


def test_a_look_or_a_still_that_comes_after_the_decision_says_nothing(sim: ModuleType) -> None:
    async def scene(d: Desk) -> None:
        claim = d.claim()
        d.opinions.offer(claim, b"jpeg")
        await asyncio.sleep(0.1)
        at, looking = d.clock.now(), d.opinions.at("a", d.clock.now())
        taken = d.opinions.take_snapshot()
        assert taken == (claim, b"jpeg")
        assert d.opinions.take_snapshot() is None
        assert claim.awaits_snapshot
        d.opinions.withdraw(claim)
        d.opinions.seen(looking, looks_like(STRANGER), at)
        d.opinions.judged(claim, looks_like(STRANGER), at)
        assert (claim.verdict, claim.finding, claim.awaits_snapshot) == (None, None, False)

    at_desk(sim, scene)


def test_who_has_no_template_is_not_looked_at_nor_their_still(sim: ModuleType) -> None:
    async def scene(d: Desk) -> None:
        claim = d.claim(person="somebody else")
        d.opinions.offer(claim, b"jpeg")
        await asyncio.sleep(0.1)
        assert d.opinions.unable(claim) is Why.NOT_ENROLLED
        assert claim.snapshot is None
        d.opinions.offer(claim, b"jpeg")
        assert d.opinions.take_snapshot() is None
        assert d.opinions.at("a", d.clock.now()) == ()
        assert not d.opinions.wanted

    at_desk(sim, scene)


def test_a_store_that_fails_is_a_check_that_is_unavailable(sim: ModuleType) -> None:
    async def scene(d: Desk) -> None:
        d.people["p"] = OSError("gone")
        claim = d.claim()
        await asyncio.sleep(0.1)
        assert d.opinions.unable(claim) is Why.UNAVAILABLE
        assert d.heard == 1

    at_desk(sim, scene)


@pytest.mark.parametrize("still", [False, True])
def test_a_template_of_another_size_is_never_compared(sim: ModuleType, *, still: bool) -> None:
    async def scene(d: Desk) -> None:
        d.people["p"] = Reference(np.eye(128, dtype=np.float32)[0], lambda same: same)
        claim = d.claim()
        await asyncio.sleep(0.1)
        if still:
            d.opinions.judged(claim, looks_like(HOLDER), d.clock.now())
        else:
            d.look(looks_like(HOLDER))
        assert claim.finding is None
        assert d.opinions.unable(claim) is Why.UNAVAILABLE

    at_desk(sim, scene)


def test_comparing_is_done_as_the_template_is_kept(sim: ModuleType) -> None:
    """Under its rotation: what comes out is what the rotation makes of the picture's embedding."""

    async def scene(d: Desk) -> None:
        d.people["p"] = Reference(HOLDER, lambda embedding: np.roll(embedding, -1))
        claim = d.claim()
        await asyncio.sleep(0.1)
        for _ in range(5):
            d.look(looks_like(STRANGER))
        assert claim.verdict is Finding.AGREES, "turned, it is the holder's"
        d.look(NOBODY)

    at_desk(sim, scene)


def test_a_check_that_is_lost_wakes_who_waits(sim: ModuleType) -> None:
    async def scene(d: Desk) -> None:
        claim = d.claim()
        d.opinions.offer(claim, b"jpeg")
        await asyncio.sleep(0.1)
        assert d.opinions.take_snapshot() is not None
        d.checks.lost(RuntimeError("broken"))
        d.opinions.changed()
        assert not claim.awaits_snapshot
        assert d.opinions.unable(claim) is Why.UNAVAILABLE
        d.opinions.offer(claim, b"jpeg")
        assert d.opinions.take_snapshot() is None
        assert d.opinions.at("a", d.clock.now()) == ()
        assert d.heard >= 2

    at_desk(sim, scene)


# --- what a claim concludes ----------------------------------------------------------------------

LOOKS = {
    "holder": looks_like(HOLDER),
    "stranger": looks_like(STRANGER),
    "a picture": looks_like(HOLDER, live=0.1),
    "tight": TIGHT,
    "nobody": NOBODY,
}


@given(
    seen=st.lists(st.sampled_from(sorted(LOOKS)), max_size=15),
    still=st.none() | st.sampled_from(Finding),
    cameras=st.booleans(),
    suffices=st.booleans(),
)
def test_a_claim_is_never_surer_than_what_was_seen(
    *, seen: list[str], still: Finding | None, cameras: bool, suffices: bool
) -> None:
    claim = Claim(
        portal="lobby",
        person="p",
        cameras=frozenset({"a"} if cameras else ()),
        since_s=0.0,
        heard=lambda: None,
        still_suffices=suffices,
    )
    claim.still = still
    if cameras:
        for name in seen:
            claim.opinion = (claim.opinion or begin(HOLDER, Thresholds())).seen(LOOKS[name])
            claim.conclude(1.0)
    if still is not None:
        claim.conclude(2.0)
    looked = cameras and bool(seen)
    assert (claim.finding is None) is (still is None and not looked)
    assert claim.verdict in (None, claim.finding)
    like = sum(seen.count(name) for name in ("holder", "a picture", "tight"))
    agreeing = like >= 3 and looked
    if claim.finding is Finding.AGREES:
        assert agreeing or still is Finding.AGREES
    if claim.finding is Finding.CONTRADICTS:
        assert still is Finding.CONTRADICTS or seen.count("stranger") >= 3
    if claim.verdict is Finding.AGREES:
        assert agreeing or (still is Finding.AGREES and (suffices or not cameras))
    assert still is not Finding.CONTRADICTS or claim.verdict is Finding.CONTRADICTS


def test_the_rules_know_every_finding() -> None:
    assert {each.value for each in Finding} == {each.value for each in FaceCheck}


def test_where_nothing_looks_nothing_is_kept() -> None:
    claim = Claim(portal="x", person="p", cameras=frozenset(), since_s=0.0, heard=lambda: None)
    nothing = NoOpinion()
    nothing.open(claim)
    nothing.offer(claim, b"jpeg")
    nothing.withdraw(claim)
    assert claim.snapshot is None
    assert nothing.unable(claim) is Why.UNAVAILABLE


# --- who is told that a check is unavailable ------------------------------------------------------


def test_a_portal_that_a_check_comes_to_matter_at_is_told_of_how_it_stands() -> None:
    said = Said()
    check = Availability("face_check", said, cameras=["a"])
    check.concern("early")
    assert said.said == [], "nobody knows yet"
    check.lost(ValueError())
    assert check.reason == "ValueError"
    check.concern("lobby")
    check.concern("lobby")
    assert said.said == [("raised", "a"), ("raised", "early"), ("raised", "lobby")]
    said.said.clear()
    check.back()
    check.concern("late")
    assert check.reason is None
    assert said.said == [("cleared", "a"), ("cleared", "early"), ("cleared", "lobby"), ("cleared", "late")]
