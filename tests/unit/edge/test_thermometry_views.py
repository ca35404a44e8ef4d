"""Pictures of positions: blurred for everybody, clear only while an order runs that stands in the chain."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
import structlog

from cardea.contract.encoding import ORDER, SCENE, Undecodable, encode
from cardea.contract.orders import OrderResult, ShowFaces
from cardea.contract.reasons import RefusalReason
from cardea.contract.records import ScreeningState
from cardea.contract.scenes import MarkKind, Scene, Showing
from cardea.contract.screening import NotScreened
from cardea.contract.topics import Leaf
from drivers.api import LinearScale, ThermalFrameCaptured
from edge.thermal.evidence import screening_of
from edge.thermal.position_view import MARKS_MAX, PEOPLE_MAX
from edge.thermal.position_views import EVERY_S, READING_S, PositionViews
from edge.thermal.post import Said
from edge.thermal.settings import Reference, Region, ShowsPeople, Thermometer
from models.thermal.people.people import Sight
from models.thermal.reading import Measurement, Reading
from models.thermal.reference.disc import Circle
from models.thermal.reference.reference import Reference as Seen
from models.thermal.station import Step

LEPTON = LinearScale(gain_c=0.01, offset_c=-273.15)
ERROR_C = 1.8
DISC = Seen(temp_c=37.0, row=20.0, column=130.0, radius_px=6.0)


def sight(number: int, column: float) -> Sight:
    face = Circle(row=75.0, column=column, radius_px=10.0)
    return Sight(number=number, began_as=number, circle=face, refused=None, stood=True, stirred=True)


SURE = Step(offset_c=ERROR_C, references=(DISC,), people=(sight(1, 50.0),))


def settings(shows: ShowsPeople) -> Thermometer:
    return Thermometer(
        roi=Region(top=40, left=20, bottom=110, right=110),
        references=(Reference(temp_c=37.0, row=20, column=130, radius_px=6.0),),
        picture=shows,
    )


SHOWN = {name.value: settings(name) for name in ShowsPeople}
ASK = ShowFaces("entitled", by="manager", reason="The spot lies beside the face", lease_s=10.0)


def person() -> Any:
    row, column = np.mgrid[:120, :160]
    temps_c = np.full((120, 160), 22.0)
    temps_c[np.hypot(row - 20, column - 130) <= 6.0] = 37.0
    temps_c[60:90, 40:60] = 34.0 + 2.0 * np.sin(row[60:90, 40:60])
    return np.rint((temps_c - ERROR_C + 273.15) * 100).astype(np.uint16)


class Shown:
    """Views with an audit chain and a session of the test's own."""

    def __init__(self, sim: ModuleType) -> None:
        self.clock = sim.SimClock()
        self.said: list[tuple[str, Any]] = []
        """What went out and into the chain, in order."""
        self.online = self.writable = True
        self.views = PositionViews(SHOWN, self.clock, self._publish, self._note)
        self.task = asyncio.create_task(self.views.run())

    async def _publish(self, leaf: Leaf, payload: bytes) -> bool:
        scene = SCENE.decode(payload)
        assert isinstance(scene, Scene)
        if self.online:
            self.said.append((leaf.value, scene))
        return self.online

    async def _note(self, event: str, actor: str, detail: dict[str, str]) -> object | None:
        await asyncio.sleep(0.05)
        if self.writable:
            self.said.append((event, (actor, detail)))
        return detail if self.writable else None

    async def show(self, s: float, step: Step = SURE, raw: Any = None, **fields: Any) -> None:
        for _ in range(round(s * 5)):
            for device in SHOWN:
                given: dict[str, Any] = {"raw": person() if raw is None else raw, "scale": LEPTON} | fields
                frame = ThermalFrameCaptured(at=self.clock.now(), **given)
                said = [Said(one, screening_of(one, 36.0, compliant=True)) for one in step.readings]
                self.views.take(device, frame, step, said)
            await asyncio.sleep(0.2)

    def scenes(self, leaf: Leaf, device: str = "entitled") -> list[Scene]:
        return [what for name, what in self.said if name == leaf.value and what.device == device]

    def notes(self) -> list[str]:
        return [name for name, _ in self.said if name.startswith("faces")]


Play = Callable[[Callable[[Shown], Awaitable[None]]], None]


@pytest.fixture
def play(sim: ModuleType) -> Play:
    def run(scene: Callable[[Shown], Awaitable[None]]) -> None:
        async def main() -> None:
            shown = Shown(sim)
            try:
                await scene(shown)
            finally:
                assert not shown.task.done(), shown.task.exception()
                shown.task.cancel()

        sim.simulate(main)

    return run


def temps_of(scene: Scene) -> Any:
    grid = np.frombuffer(scene.grid, np.uint8).reshape(scene.height, scene.width)
    return scene.min_c + grid * (scene.max_c - scene.min_c) / 255


def steps_in(temps_c: Any) -> int:
    """How many rows of blocks there are in the face."""
    return int(np.count_nonzero(np.any(np.diff(temps_c[60:90, 40:60], axis=0) != 0, axis=1)))


def test_a_position_is_shown_blurred_and_only_where_its_configuration_says_so(play: Play) -> None:
    async def scene(t: Shown) -> None:
        await t.show(9.9)
        assert {what.device for _, what in t.said} == {"blurred", "entitled"}
        assert {name for name, _ in t.said} == {Leaf.SCENE.value}
        shown = t.scenes(Leaf.SCENE)
        assert len(shown) == int(9.9 / EVERY_S)
        assert all(one.showing is Showing.BLURRED and one.lease is None for one in shown)
        temps_c = temps_of(shown[-1])
        assert steps_in(temps_c) <= 3
        assert temps_c[100, 150] == pytest.approx(22.0, abs=0.1)
        assert temps_c[20, 130] == pytest.approx(37.0, abs=0.1)
        marks = {mark.kind: mark.temp_c for mark in shown[-1].marks}
        assert marks[MarkKind.REFERENCE] == pytest.approx(37.0, abs=0.02)
        await asyncio.sleep(20)
        assert len(t.scenes(Leaf.SCENE)) <= len(shown) + 1, "without a new frame nothing is shown again"

    play(scene)


def test_while_the_sensors_error_is_unknown_all_of_it_is_blurred(play: Play) -> None:
    async def scene(t: Shown) -> None:
        lost = Step(condition=NotScreened.REFERENCE_LOST)
        await t.show(3, lost)
        (one,) = t.scenes(Leaf.SCENE)
        assert one.condition is NotScreened.REFERENCE_LOST
        assert one.readings == ()
        temps_c = temps_of(one)
        assert np.count_nonzero(np.any(np.diff(temps_c, axis=0) != 0, axis=1)) <= 3
        assert {mark.kind: mark.temp_c for mark in one.marks} == {MarkKind.ROI: None}

    play(scene)


def test_whoever_is_measured_is_shown_with_their_reading_for_as_long_as_it_is_theirs(play: Play) -> None:
    async def scene(t: Shown) -> None:
        found = Measurement(raw_c=34.2, reference_c=ERROR_C, uncertainty_c=0.21, reference_age_s=0.0)
        for n in range(2):
            reading = Reading(at_s=t.clock.monotonic_s(), presence=1, first=n == 0, measurement=found)
            await t.show(0.2, replace(SURE, readings=(reading,)))
            await t.show(READING_S - 0.4)
        one = t.scenes(Leaf.SCENE)[-1]
        (reading,) = one.readings
        assert (reading.state, reading.surface_temp_c) == (ScreeningState.RETEST, 36.0)
        assert reading.terms is not None
        assert reading.terms.threshold_c == 36.0
        spot = next(mark for mark in one.marks if mark.kind is MarkKind.SPOT)
        assert 60 / 120 <= spot.top + spot.height / 2 <= 90 / 120
        await t.show(4)
        later = t.scenes(Leaf.SCENE)[-1]
        assert later.readings == ()
        assert MarkKind.SPOT not in {mark.kind for mark in later.marks}

    play(scene)


def test_of_several_people_each_has_a_spot_and_the_worst_is_told_first(play: Play) -> None:
    async def scene(t: Shown) -> None:
        await t.show(1.6)
        now_s = t.clock.monotonic_s()
        raw = person()
        raw[60:90, 80:100] = raw[60:90, 40:60] + 150
        told = (
            Reading(at_s=now_s, presence=1, measurement=Measurement(raw_c=33.0, uncertainty_c=0.2)),
            Reading(at_s=now_s, presence=2, measurement=Measurement(raw_c=38.0, uncertainty_c=0.2)),
            Reading(at_s=now_s, presence=3, reason=NotScreened.TOO_FAR),
            Reading(at_s=now_s, presence=4, measurement=Measurement(raw_c=34.0, uncertainty_c=0.2)),
        )
        people = (sight(1, 50.0), sight(2, 90.0), sight(3, 110.0))
        await t.show(0.6, replace(SURE, people=people, readings=told), raw)
        one = t.scenes(Leaf.SCENE)[-1]
        assert [said.state for said in one.readings] == [
            ScreeningState.ELEVATED,
            ScreeningState.NOT_SCREENED,
            ScreeningState.NORMAL,
            ScreeningState.NORMAL,
        ]
        spots = {mark.temp_c: mark for mark in one.marks if mark.kind is MarkKind.SPOT}
        assert set(spots) == {33.0, 38.0}, "whoever is not in the picture has no spot in it"
        assert spots[33.0].left * 160 + 4 < 60 < spots[38.0].left * 160

    play(scene)


def test_of_a_crowd_the_worst_are_told(play: Play) -> None:
    async def scene(t: Shown) -> None:
        await t.show(1.6)
        now_s = t.clock.monotonic_s()
        told = tuple(
            Reading(at_s=now_s, presence=n, measurement=Measurement(raw_c=30.0 + n, uncertainty_c=0.2))
            for n in range(1, 14)
        )
        await t.show(0.6, replace(SURE, people=tuple(sight(n, 50.0) for n in range(14)), readings=told))
        one = t.scenes(Leaf.SCENE)[-1]
        assert len(one.readings) == PEOPLE_MAX
        assert one.readings[0].state is ScreeningState.ELEVATED
        assert len(one.marks) <= MARKS_MAX

    play(scene)


def test_why_nobody_can_be_measured_is_told_with_the_picture(play: Play) -> None:
    async def scene(t: Shown) -> None:
        await t.show(1.8)
        reading = Reading(at_s=t.clock.monotonic_s(), presence=1, reason=NotScreened.NOT_STEADY)
        await t.show(0.4, Step(offset_c=ERROR_C, condition=NotScreened.NOT_STEADY, readings=(reading,)))
        (one,) = t.scenes(Leaf.SCENE)
        (said,) = one.readings
        assert (said.state, said.reason) == (ScreeningState.NOT_SCREENED, NotScreened.NOT_STEADY)
        assert one.condition is NotScreened.NOT_STEADY

    play(scene)


# --- clear ------------------------------------------------------------------------------------------


def test_clear_goes_out_beside_the_blurred_once_it_stands_in_the_chain_and_ends_by_itself(play: Play) -> None:
    async def scene(t: Shown) -> None:
        await t.show(3)
        assert await t.views.show_faces("o1", ASK) is OrderResult.EXECUTED
        began_s = t.clock.monotonic_s()
        await t.show(20)
        names = [name for name, what in t.said if name.startswith("faces") or what.device == "entitled"]
        assert names.index("faces_shown") < names.index(Leaf.SCENE_CLEAR.value)
        clear, blurred = t.scenes(Leaf.SCENE_CLEAR), t.scenes(Leaf.SCENE)
        assert 4 <= len(clear) <= 5
        assert all(one.at.utc.timestamp() <= t.clock.now().utc.timestamp() for one in clear)
        assert (clear[-1].at.utc - clear[0].at.utc).total_seconds() <= ASK.lease_s
        assert {(one.showing, one.lease) for one in clear} == {(Showing.CLEAR, "o1")}
        assert steps_in(temps_of(clear[0])) > 10
        assert len(blurred) >= 10, "everybody else goes on seeing it blurred"
        assert all(steps_in(temps_of(one)) <= 3 for one in blurred)
        assert t.scenes(Leaf.SCENE_CLEAR, "blurred") == []
        shown = next(what for name, what in t.said if name == "faces_shown")
        assert shown == (
            "manager",
            {"device": "entitled", "reason": ASK.reason, "lease_s": "10", "order": "o1"},
        )
        hidden = next(what for name, what in t.said if name == "faces_hidden")
        assert hidden == ("manager", {"device": "entitled", "order": "o1", "pictures": str(len(clear))})
        assert t.clock.monotonic_s() - began_s > ASK.lease_s
        assert await t.views.show_faces("o2", ASK) is OrderResult.EXECUTED, "it can be asked for again"

    play(scene)


@pytest.mark.parametrize(
    ("device", "why"),
    [
        ("blurred", RefusalReason.NOT_ENTITLED),
        ("off", RefusalReason.UNKNOWN_DEVICE),
        ("none", RefusalReason.UNKNOWN_DEVICE),
    ],
)
def test_nobody_is_shown_clear_where_the_configuration_does_not_say_so(
    device: str, why: RefusalReason, play: Play
) -> None:
    async def scene(t: Shown) -> None:
        assert await t.views.show_faces("o1", msgspec.structs.replace(ASK, device=device)) is why
        await t.show(6)
        assert t.notes() == []
        assert not [name for name, _ in t.said if name == Leaf.SCENE_CLEAR.value]

    play(scene)


def test_what_cannot_be_written_down_is_not_shown(play: Play) -> None:
    async def scene(t: Shown) -> None:
        t.writable = False
        assert await t.views.show_faces("o1", ASK) is RefusalReason.STORE_FAILED
        await t.show(6)
        assert t.scenes(Leaf.SCENE_CLEAR) == []
        t.writable = True
        assert await t.views.show_faces("o2", ASK) is OrderResult.EXECUTED

    play(scene)


def test_one_asks_at_a_time(play: Play) -> None:
    async def scene(t: Shown) -> None:
        both = await asyncio.gather(t.views.show_faces("o1", ASK), t.views.show_faces("o2", ASK))
        assert sorted(both) == [OrderResult.EXECUTED, RefusalReason.QUEUE_FULL]
        first = ("o1", "o2")[both.index(OrderResult.EXECUTED)]
        assert await t.views.show_faces("o3", ASK) is RefusalReason.QUEUE_FULL
        await t.show(3)
        assert {one.lease for one in t.scenes(Leaf.SCENE_CLEAR)} == {first}

    play(scene)


def test_without_a_session_nothing_waits_to_be_shown_later(play: Play) -> None:
    async def scene(t: Shown) -> None:
        await t.views.show_faces("o1", ASK)
        t.online = False
        await t.show(7)
        t.online = True
        await asyncio.sleep(8)
        assert len(t.scenes(Leaf.SCENE)) <= 1
        hidden = next(what for name, what in t.said if name == "faces_hidden")
        assert int(hidden[1]["pictures"]) <= 1

    play(scene)


def test_a_frame_without_temperatures_is_not_shown(play: Play) -> None:
    async def scene(t: Shown) -> None:
        await t.views.show_faces("o1", ASK)
        await t.show(4, scale=LinearScale(gain_c=0.0, offset_c=0.0))
        assert t.notes() == ["faces_shown"]
        assert len(t.said) == 1

    play(scene)


def test_a_picture_that_fails_ends_nothing_and_nothing_of_it_goes_out(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(t: Shown) -> None:
        with monkeypatch.context() as broken, structlog.testing.capture_logs() as logs:
            broken.setattr("edge.thermal.position_views.blurred_scene", lambda *_: 1 / 0)
            await t.views.show_faces("o1", ASK)
            await t.show(2.5)
        assert {line["event"] for line in logs} == {"position_view_failed"}
        assert t.scenes(Leaf.SCENE_CLEAR) == []
        await t.show(3)
        assert t.scenes(Leaf.SCENE) != []

    play(scene)


@pytest.mark.parametrize("changed", [{"lease_s": 61.0}, {"lease_s": 0.0}, {"reason": ""}, {"by": ""}])
def test_an_order_beyond_its_bounds_is_none(changed: dict[str, Any]) -> None:
    action = msgspec.to_builtins(msgspec.structs.replace(ASK, **changed))
    times = {"issued": "2026-11-26T06:00:00Z", "deadline": "2026-11-26T06:00:30Z"}
    order = {"id": "o", "target": "tower-1", "nonce": "n", "action": action, **times}
    assert isinstance(ORDER.decode(encode(order)), Undecodable)
