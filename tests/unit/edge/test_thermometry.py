"""Thermal positions at real portals in virtual time: who is judged by which temperature, what staff hear."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import structlog

from cardea.contract.batches import Lane
from cardea.contract.encoding import ALERT, RECORD
from cardea.contract.policy import Degrade, Policy, PortalPolicy
from cardea.contract.reasons import Reason
from cardea.contract.records import (
    AlertCleared,
    AlertRaised,
    CredentialKind,
    DecisionRecord,
    DeviceState,
    Outcome,
    ScreeningState,
)
from cardea.contract.screening import Correction, NotScreened
from cardea.runtime.disk import SystemDisk
from cardea.runtime.i18n import translator
from cardea.runtime.screening_line import explain
from drivers.api import (
    AnswerCheck,
    Command,
    CredentialPresented,
    DeviceSettings,
    Driver,
    Executed,
    LinearScale,
    OpenDoor,
    Receipt,
    SpotMeasured,
    TemperatureMeasured,
    ThermalFrameCaptured,
    Unfit,
)
from edge.alerts import Alerts
from edge.configuration.settings import DoorRef, Ingress, Lock, Portal, Screening
from edge.notes import Notes
from edge.outbox import Outbox
from edge.portal.credentials import CredentialDesk
from edge.portal.means import Means
from edge.portal.portal import PortalTask
from edge.recorder import Recorder
from edge.router import Router
from edge.thermal.post import Said
from edge.thermal.settings import Reference, Region, ScreeningWatchSettings, Thermometer
from edge.thermal.thermometry import Needs, Thermometry
from edge.vault import Person, Vault
from models import passes
from models.thermal import roi
from models.thermal.station import Step

FPS = 9.0
ERROR_C = 1.8
LEPTON = LinearScale(gain_c=0.01, offset_c=-273.15)
SEES = Thermometer(
    roi=Region(top=40, left=20, bottom=110, right=110),
    references=(Reference(temp_c=37.0, row=20, column=130, radius_px=6.0),),
)
SCREENS = PortalPolicy(require_screening=True, degrade=Degrade.STAFF_CHECK)


class NoSettings(DeviceSettings):
    pass


def _never(*_: object) -> Any:
    raise AssertionError("no device is opened here")


def driver(*events: type, commands: tuple[type, ...] = ()) -> Driver[Any]:
    return Driver(NoSettings, _never, {}, None, events, commands)


DRIVERS = {
    "camera": driver(ThermalFrameCaptured),
    "spot": driver(SpotMeasured),
    "gate": driver(CredentialPresented, TemperatureMeasured, commands=(OpenDoor, AnswerCheck)),
}


def portal(*thermometers: str, elevated_c: float = 37.3, compliant: bool = True) -> Portal:
    return Portal(
        name="Lobby",
        lock=Lock.FAIL_SAFE,
        mechanical_free_egress=True,
        hardwired_fire_release=True,
        ingress=Ingress(readers=("gate",), thermometers=thermometers, actuator=DoorRef(device="gate")),
        screening=Screening(retest_c=36.0, elevated_c=elevated_c),
        thermometer_compliant=compliant,
    )


def picture(face_c: float | None, *, error_c: float = ERROR_C, disc_c: float = 37.0) -> Any:
    row, column = np.mgrid[:120, :160]
    temps_c = np.full((120, 160), 24.0)
    temps_c[np.hypot(row - 20, column - 130) <= 6.0] = disc_c
    if face_c is not None:
        temps_c[60:90, 40:60] = face_c
    return np.rint((temps_c - error_c + 273.15) * 100).astype(np.uint16)


class Tower:
    """Portals on a real store, with a thermometry and no devices but the test itself."""

    def __init__(self, sim: ModuleType, path: Path) -> None:
        self.clock, self.entropy, self.path = sim.SimClock(), sim.SimEntropy(5), path
        self.numbers: dict[str, list[float]] = {}
        self.opened: list[str] = []
        self.canthi: tuple[roi.Region, ...] | None = None
        """Where a camera beside the thermal one sees them; ``None``: there is none."""
        self.tasks: list[asyncio.Task[Any]] = []

    async def start(
        self,
        portals: dict[str, Portal] | None = None,
        thermometers: dict[str, Thermometer] | None = None,
        policy: PortalPolicy = SCREENS,
    ) -> "Tower":
        disk = SystemDisk(self.path)
        self.notes = Notes(self.clock)
        await self.notes.attach(disk)
        self.outbox = await Outbox.open(disk, self.clock, self.entropy)
        self.vault = await Vault.open(
            disk, Keys(), self.clock, self.entropy, domain="demo", zone=ZoneInfo("UTC")
        )
        await self.vault.put_people(
            [Person(person="p-1", name="Ada", card="1001"), Person(person="p-2", name="Bo", card="1002")]
        )
        recorder = Recorder(self.clock, self.entropy)
        recorder.attach(self.outbox)
        alerts = Alerts("tower-1", self.clock, self.entropy, recorder, self.notes)
        in_force = Policy(target="tower-1", version=1, default=policy)
        means = Means(
            gateway="tower-1",
            clock=self.clock,
            entropy=self.entropy,
            recorder=recorder,
            alerts=alerts,
            notes=self.notes,
            desk=CredentialDesk(self.vault, passes.keyring([])),
            policy=lambda: in_force,
            submit=self._submit,
            translator=translator("en"),
            drivers=DRIVERS,
            state_of=lambda _: DeviceState.ONLINE,
            drilled=lambda *_: None,
        )
        portals = portals or {"lobby": portal("camera")}
        thermometers = {"camera": SEES} if thermometers is None else thermometers
        self.portals = {name: PortalTask(name, door, means) for name, door in portals.items()}
        self.shown: list[tuple[str, Step]] = []
        self.said: list[Said] = []
        needs = Needs(alerts=alerts, report=self._report, show=self._show, canthi=self._canthi)
        self.thermometry = Thermometry(DRIVERS, thermometers, portals, self.portals, needs)
        self.router = Router(portals, self.portals, self._report, lambda *_: None, self.thermometry.take)
        loop = asyncio.get_running_loop()
        work = [task.run() for task in self.portals.values()]
        work += [self.thermometry.run(), recorder.run(), self.notes.run()]
        self.tasks = [loop.create_task(each) for each in work]
        await asyncio.sleep(0.01)
        return self

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for store in (self.vault, self.notes, self.outbox):
            await store.close()

    def _report(self, series: str, value: float) -> None:
        self.numbers.setdefault(series, []).append(value)

    def _show(self, device: str, _: ThermalFrameCaptured, step: Step, said: Sequence[Said]) -> None:
        self.shown.append((device, step))
        self.said += said

    def _canthi(self, device: str, _: ThermalFrameCaptured) -> tuple[roi.Region, ...] | None:
        return self.canthi if device == "camera" else None

    async def _submit(self, device: str, command: Command) -> Receipt:
        if isinstance(command, OpenDoor):
            self.opened.append(device)
        return Executed()

    async def show(self, raw: Any, s: float = 1.0, *, fps: float = FPS, **fields: Any) -> None:
        """Frames of the camera for ``s`` seconds."""
        given: dict[str, Any] = {"scale": LEPTON, "uptime_s": 7200.0} | fields
        for _ in range(round(s * fps)):
            await self.router.take("camera", ThermalFrameCaptured(at=self.clock.now(), raw=raw, **given))
            await asyncio.sleep(1 / fps)

    async def spot(self, temp_c: float | None, s: float = 1.0) -> None:
        for _ in range(round(s * 10)):
            await self.router.take("spot", SpotMeasured(at=self.clock.now(), surface_temp_c=temp_c))
            await asyncio.sleep(0.1)

    def card(self, value: str = "1001") -> "asyncio.Task[Any]":
        event = CredentialPresented(at=self.clock.now(), kind=CredentialKind.CARD, value=value)
        return asyncio.get_running_loop().create_task(_taken(self.router.take("gate", event)))

    async def decisions(self) -> list[DecisionRecord]:
        await asyncio.sleep(0.2)
        rows = [RECORD.decode(bytes(body)) for _, body in await self.outbox.take(Lane.RECORD, limit=1000)]
        return [row for row in rows if isinstance(row, DecisionRecord)]

    async def alerts(self) -> list[str]:
        await asyncio.sleep(0.2)
        rows = [ALERT.decode(bytes(body)) for _, body in await self.outbox.take(Lane.ALERT, limit=1000)]
        return [
            row.detail.get("reason", "") if isinstance(row, AlertRaised) else "cleared"
            for row in rows
            if isinstance(row, AlertRaised | AlertCleared) and "thermometer_unfit" in row.fingerprint
        ]


async def _taken(verdict: Awaitable[Any]) -> Any:
    return await verdict


class Keys:
    place = "memory"

    def __init__(self) -> None:
        self._key: bytes | None = None

    def load(self) -> bytes | None:
        return self._key

    def store(self, key: bytes) -> None:
        self._key = key


Play = Callable[[Callable[[Tower], Awaitable[None]]], None]


@pytest.fixture
def play(sim: ModuleType, tmp_path: Path) -> Play:
    def run(scene: Callable[[Tower], Awaitable[None]]) -> None:
        async def main() -> None:
            tower = Tower(sim, tmp_path)
            try:
                await scene(tower)
            finally:
                await tower.stop()

        sim.simulate(main)

    return run


# --- people -----------------------------------------------------------------------------------------


def test_somebody_who_stands_still_and_shows_a_card_comes_in_with_the_corrected_temperature(
    play: Play,
) -> None:
    async def scene(t: Tower) -> None:
        await t.start()
        await t.show(picture(None))
        await t.show(picture(35.4))
        card = t.card()
        await t.show(picture(35.4))
        await card
        (record,) = await t.decisions()
        assert (record.outcome, record.screening) == (Outcome.GRANT, ScreeningState.NORMAL)
        assert record.surface_temp_c == pytest.approx(35.4, abs=0.02)
        assert record.input_age_s["screening"] is not None
        assert t.opened == ["gate"]
        assert t.numbers["camera/surface_temp_c"] == pytest.approx([35.4] * 2, abs=0.02)
        assert t.numbers["camera/reference_offset_c"][-1] == pytest.approx(ERROR_C, abs=0.01)
        assert t.numbers["camera/uncertainty_c"][-1] == pytest.approx(0.21, abs=0.01)
        assert t.numbers["camera/reference_spread_c"][-1] < 0.1
        terms = record.screening_terms
        assert terms is not None
        assert (terms.correction, terms.threshold_c) == (Correction.ONE_POINT, 37.3)
        assert terms.reference_c == pytest.approx(ERROR_C, abs=0.01)
        total_c = terms.raw_c + terms.radiometry_c + terms.reference_c + terms.site_c
        assert total_c == pytest.approx(record.surface_temp_c, abs=2e-3)
        assert terms.reference_age_s == 0.0
        assert t.shown[-1][1].offset_c == pytest.approx(ERROR_C, abs=0.01)

    play(scene)


def test_beside_a_visible_camera_canthi_are_measured_and_without_a_face_nobody(play: Play) -> None:
    """L7: nobody falls back on another body site with another threshold."""

    async def scene(tower: Tower) -> None:
        await tower.start()
        raw = picture(35.4)
        raw[70:73, 48:51] = round((36.2 - ERROR_C + 273.15) * 100)
        await tower.show(picture(None))
        tower.canthi = ()
        await tower.show(raw, s=6.0)
        assert {said.screening.reason for said in tower.said} == {NotScreened.FACE_UNSEEN}
        tower.said.clear()
        tower.canthi = (roi.Region(top=70, left=48, bottom=73, right=51),)
        await tower.show(raw, s=3.0)
        assert {round(said.screening.surface_temp_c or 0.0, 1) for said in tower.said} == {36.2}

    play(scene)


def test_whoever_lingers_makes_one_decision(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start()
        await t.show(picture(None))
        card = t.card()
        await t.show(picture(35.4), 20)
        await card
        assert len(await t.decisions()) == 1

    play(scene)


def test_a_fever_is_referred_at_the_threshold_of_each_portal(play: Play) -> None:
    async def scene(t: Tower) -> None:
        low, high = portal("camera", elevated_c=36.3), portal("camera", elevated_c=38.5)
        await t.start({"low": low, "high": high})
        await t.show(picture(None))
        card = t.card()
        await t.show(picture(37.0))
        await card
        found = {record.portal: record for record in await t.decisions()}
        assert found["low"].screening is ScreeningState.ELEVATED
        assert found["low"].outcome is Outcome.REFER
        assert found["high"].screening is ScreeningState.NORMAL
        assert found["high"].outcome is Outcome.GRANT
        assert {said.screening.state for said in t.said} == {ScreeningState.ELEVATED}, (
            "the strictest is shown"
        )

    play(scene)


def test_what_cannot_be_told_apart_from_the_threshold_is_measured_again(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start()
        await t.show(picture(None))
        card = t.card()
        await t.show(picture(37.2))
        await card
        (record,) = await t.decisions()
        assert (record.outcome, record.screening) == (Outcome.RETEST, ScreeningState.RETEST)
        again = t.card()
        await t.show(picture(36.5), 3)
        await again
        assert (await t.decisions())[-1].screening is ScreeningState.NORMAL

    play(scene)


def test_somebody_without_a_card_is_asked_for_it_once_however_long_they_stay(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start()
        await t.show(picture(None))
        await t.show(picture(35.4), 40)
        (record,) = await t.decisions()
        assert Reason.CREDENTIAL_MISSING in record.reasons

    play(scene)


def test_the_temperature_of_whoever_was_let_in_is_not_the_next_persons(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start()
        await t.show(picture(None))
        card = t.card("1001")
        await t.show(picture(35.4))
        await card
        second = t.card("1002")
        await t.show(picture(35.4), 2)  # the first one still stands there
        assert not second.done()
        await t.show(picture(None), 1)
        await t.show(picture(36.2), 2)
        await second
        found = await t.decisions()
        assert [record.surface_temp_c for record in found] == pytest.approx([35.4, 36.2], abs=0.02)

    play(scene)


def test_a_card_is_not_judged_by_the_temperature_of_somebody_who_has_gone(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start()
        await t.show(picture(None))
        await t.show(picture(35.4), 1)  # looks in, shows nothing, leaves
        await t.show(picture(None), 4)
        card = t.card("1002")
        await t.show(picture(36.2), 2)
        await card
        assert (await t.decisions())[-1].surface_temp_c == pytest.approx(36.2, abs=0.02)

    play(scene)


def test_a_position_that_no_portal_uses_is_shown_at_the_default_threshold(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start({"lobby": portal("gate")}, {"camera": SEES})
        await t.show(picture(None))
        await t.show(picture(38.4), 2)
        assert {said.screening.state for said in t.said} == {ScreeningState.ELEVATED}
        assert await t.decisions() == []

    play(scene)


def test_somebody_unlike_the_last_people_is_measured_again_and_the_record_says_why(play: Play) -> None:
    async def scene(t: Tower) -> None:
        watch = ScreeningWatchSettings(baseline_people=10)
        await t.start(thermometers={"camera": SEES.model_copy(update={"screening_watch": watch})})
        for person in range(11):
            await t.show(picture(None), 1.5)
            await t.show(picture(35.4 + 0.05 * (person % 3)), 1.5)
        await t.show(picture(None), 4)
        card = t.card()
        await t.show(picture(36.8), 2)
        await card
        found = (await t.decisions())[-1]
        assert (found.outcome, found.screening) == (Outcome.RETEST, ScreeningState.RETEST)
        assert found.screening_terms is not None
        assert found.screening_terms.usual_c == pytest.approx(35.45, abs=0.03)
        said = explain(translator("en"), found.screening, found.surface_temp_c, found.screening_terms, None)
        assert said == "36.8°C (±0.4°C): below the limit of 37.3°C, but unlike the last people (35.4°C)"
        assert t.said[-1].screening.state is ScreeningState.RETEST

    play(scene)


def test_an_advisory_thermometer_is_said_to_be_one(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start({"lobby": portal("camera", compliant=False)})
        await t.show(picture(None))
        card = t.card()
        await t.show(picture(35.4))
        await card
        (record,) = await t.decisions()
        assert record.outcome is Outcome.GRANT
        assert Reason.SCREENING_ADVISORY in record.reasons

    play(scene)


def test_a_terminals_own_reading_still_comes_in_by_the_same_door(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start({"lobby": portal("camera", "gate")})
        await t.router.take("gate", TemperatureMeasured(at=t.clock.now(), value_c=35.9))
        await t.card()
        (record,) = await t.decisions()
        assert (record.screening, record.surface_temp_c) == (ScreeningState.NORMAL, 35.9)
        assert record.screening_terms is None

    play(scene)


# --- nobody is screened -----------------------------------------------------------------------------

BARE = SEES.model_copy(update={"references": ()})
UNABLE: dict[NotScreened, tuple[dict[str, Any], Any, Thermometer]] = {
    NotScreened.WARMING_UP: ({"uptime_s": 60.0}, picture(35.4), SEES),
    NotScreened.NO_REFERENCE: ({}, picture(35.4), BARE),
    NotScreened.REFERENCE_LOST: ({}, picture(35.4, disc_c=24.0), SEES),
    NotScreened.FRAME_UNFIT: ({"unfit": Unfit.SENSOR_FAULT}, picture(35.4), SEES),
}


@pytest.mark.parametrize("case", UNABLE)
def test_l7_a_position_that_cannot_measure_says_so_and_the_degrade_policy_decides(
    case: NotScreened, play: Play
) -> None:
    fields, raw, settings = UNABLE[case]

    async def scene(t: Tower) -> None:
        await t.start(thermometers={"camera": settings})
        await t.show(raw, 30, fps=3.0, **fields)
        assert await t.decisions() == [], "nobody came, nothing is decided"
        began_s = t.clock.monotonic_s()
        card = t.card()
        await t.show(raw, 2, **fields)
        await card
        (record,) = await t.decisions()
        assert t.clock.monotonic_s() - began_s < 3
        assert record.outcome is Outcome.REFER
        assert record.reasons[:2] == (Reason.DEGRADED_STAFF, Reason.SCREENING_MISSING)
        assert record.screening is ScreeningState.NOT_SCREENED
        assert (record.surface_temp_c, record.screening_terms) == (None, None)
        assert record.not_screened is case
        assert "camera/surface_temp_c" not in t.numbers

    play(scene)


def test_a_spot_is_measured_with_the_uncertainty_that_is_set_for_it(play: Play) -> None:
    async def scene(t: Tower) -> None:
        exact = Thermometer(spot_uncertainty_c=0.3)
        await t.start({"lobby": portal("spot")}, {"spot": exact})
        card = t.card()
        await t.spot(35.4)
        await card
        (record,) = await t.decisions()
        assert (record.screening, record.surface_temp_c) == (ScreeningState.NORMAL, 35.4)

    play(scene)


def test_l7_a_spot_of_unknown_exactness_screens_nobody(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start({"lobby": portal("spot")}, {})
        card = t.card()
        await t.spot(35.4)
        await card
        assert (await t.decisions())[-1].screening is ScreeningState.NOT_SCREENED
        assert await t.alerts() == ["uncertainty_unknown"]

    play(scene)


# --- staff ------------------------------------------------------------------------------------------


def test_a_lost_reference_is_one_alert_until_it_is_seen_again(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start()
        await t.show(picture(None), 2)
        await t.show(picture(None, disc_c=24.0), 19, fps=2.0)
        assert await t.alerts() == []
        await t.show(picture(None, disc_c=24.0), 60, fps=2.0)
        assert await t.alerts() == ["reference_lost"]
        await t.show(picture(None), 2)
        assert await t.alerts() == ["reference_lost", "cleared"]

    play(scene)


def test_a_drifting_sensor_is_an_alert_at_once_and_an_empty_room_never(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start()
        await t.show(picture(None), 60, fps=2.0)
        await t.show(picture(35.4), 5)
        assert await t.alerts() == []
        for number in range(10):
            await t.show(picture(None, error_c=ERROR_C - 0.1 * number), 0.5)
        assert await t.alerts() == ["reference_drifting"]
        await t.show(picture(None, error_c=ERROR_C - 1.0), 14)
        assert await t.alerts() == ["reference_drifting", "cleared"]

    play(scene)


def test_warming_up_is_an_alert_only_beyond_its_time(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start(thermometers={"camera": SEES.model_copy(update={"warm_up_s": 30.0})})
        await t.show(picture(None), 85, fps=1.0, uptime_s=5.0)
        assert await t.alerts() == []
        await t.show(picture(None), 10, fps=1.0, uptime_s=5.0)
        assert await t.alerts() == ["warming_up"]

    play(scene)


# --- the runner -------------------------------------------------------------------------------------


def test_only_the_newest_frame_waits(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start()
        for _ in range(50):
            frame = ThermalFrameCaptured(at=t.clock.now(), raw=picture(None), scale=LEPTON)
            t.thermometry.take("camera", frame)
        old = ThermalFrameCaptured(at=t.clock.now(), raw=picture(None), scale=LEPTON, offline=True)
        t.thermometry.take("camera", old)
        t.thermometry.take("unknown", old)
        await asyncio.sleep(1)
        shown: Any = t.thermometry.picture()["camera"]
        assert (shown["looked_at"], shown["dropped"]) == (1, 49)
        assert shown["condition"] == "reference_lost"
        await t.show(picture(None), 1)
        shown = t.thermometry.picture()["camera"]
        assert shown["condition"] == "nobody_there"
        assert shown["reference_offset_c"] == ERROR_C

    play(scene)


def test_a_check_that_fails_ends_nothing_and_is_said_once(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(t: Tower) -> None:
        await t.start()
        await t.show(picture(None), 1)
        with monkeypatch.context() as broken, structlog.testing.capture_logs() as logs:
            broken.setattr("edge.thermal.post.station.step", lambda *_: 1 / 0)
            await t.show(picture(None), 15)
        assert [line["event"] for line in logs].count("thermometry_failed") == 1
        assert await t.alerts() == ["frame_unfit"]
        await t.show(picture(None), 2)
        assert await t.alerts() == ["frame_unfit", "cleared"]

    play(scene)


def test_a_device_without_a_region_measures_nobody(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start({"lobby": portal("gate")}, {"camera": Thermometer()})
        await t.show(picture(35.4), 2)
        assert t.numbers == {}

    play(scene)


def test_without_thermal_devices_there_is_nothing_to_do(play: Play) -> None:
    async def scene(t: Tower) -> None:
        await t.start({"lobby": portal("gate")}, {})
        await asyncio.wait_for(t.thermometry.run(), 1)
        assert t.thermometry.picture() == {}

    play(scene)
