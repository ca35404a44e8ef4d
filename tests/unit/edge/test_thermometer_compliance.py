"""Positions as installers declare them and as gateways run them: what complies, and who only advises."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cardea.contract.policy import PortalPolicy
from cardea.contract.reasons import Reason
from cardea.contract.records import CredentialKind, Outcome, ScreeningState, Side
from cardea.contract.time import ClockQuality, Instant
from drivers.api import Observed
from edge.decide.evidence import Credential, Evidence, Fresh, Screening, Standing
from edge.decide.rules import judge
from edge.portal.gathering import PersonScreened
from edge.thermal.advice import LIVE_S_MAX, Advised, Compliances
from edge.thermal.compliance import Live, judged
from edge.thermal.position_figures import Around
from edge.thermal.position_settings import CameraFacts, PositionFacts
from edge.thermal.settings import Thermometer
from models.thermal.condition.clauses import Figure
from models.thermal.condition.clip_facts import ClipFacts
from models.thermal.condition.selftest import Known, Origin, Report, Verdict

TODAY = dt.date(2026, 3, 2)
FITTED: dict[str, Any] = {
    "camera": {
        "model": "Example 640", "columns_px": 640, "rows_px": 480, "fov_horizontal_deg": 45,
        "distance_m": 0.7, "accuracy_c": 0.3, "mrtd_c": 0.06, "drift_compensated": True,
        "warm_up_min": 30, "emissivity": 0.98, "display_resolution_c": 0.1,
    },
    "reference": {
        "uncertainty_c": 0.15, "stability_c": 0.04, "drift_c": 0.05, "calibrated_on": dt.date(2025, 12, 1),
        "calibration_interval_d": 365,
    },
    "uncertainty": {"drift_c": 0.05, "spot_size_c": 0.1},
    "site": {
        "room_c_min": 21, "room_c_max": 23, "humidity_min": 0.3, "humidity_max": 0.45,
        "one_person_at_a_time": True, "no_draught": True, "no_sun": True, "no_reflective_background": True,
        "acclimatisation_min": 15, "no_glasses_or_mask": True, "clinical_thermometer": True,
    },
}  # fmt: skip


def position(**changes: dict[str, Any]) -> PositionFacts:
    return PositionFacts.model_validate({name: FITTED[name] | changes.get(name, {}) for name in FITTED})


def report(facts: PositionFacts | None = None, live: Live | None = None, **around: Any) -> Report:
    known: dict[str, Any] = {"today": TODAY, "driver": "thermal.flir_file"} | around
    return judged(facts or position(), Around(**known), live)


def figure(found: Report, which: Figure) -> Known | None:
    (finding,) = [one for one in found.findings if one.clause.figure is which]
    return finding.known


def about(known: Known | None) -> tuple[float, Origin]:
    """A single figure, to a hundredth."""
    assert known is not None
    (value,) = known.values
    return round(value, 2), known.origin


def failing(found: Report) -> dict[Figure, Verdict]:
    return {one.clause.figure: one.verdict for one in found.failing}


def test_a_position_that_meets_all_is_compliant() -> None:
    found = report()
    assert found.verdict is Verdict.COMPLIANT
    laboratory = figure(found, Figure.LABORATORY)
    assert about(laboratory) == (0.42, Origin.COMPUTED)


def test_nothing_declared_is_nothing_known() -> None:
    found = report(PositionFacts())
    assert set(failing(found)) == set(Figure)
    assert set(failing(found).values()) == {Verdict.UNKNOWN}


@pytest.mark.parametrize(
    ("changes", "fails"),
    [
        ({"camera": {"distance_m": 1.0}}, {Figure.SPOT_SIZE, Figure.FACE}),
        ({"camera": {"columns_px": 240, "rows_px": 320}}, {Figure.SPOT_SIZE, Figure.FACE}),
        ({"camera": {"columns_px": 300}}, {Figure.SPOT_SIZE, Figure.FACE}),
        ({"camera": {"focal_length_mm": 8, "pixel_pitch_um": 12}}, {Figure.SPOT_SIZE, Figure.FACE}),
        ({"camera": {"drift_compensated": False}}, {Figure.DRIFT}),
        ({"uncertainty": {"spot_size_c": 0.25}}, {Figure.LABORATORY}),
        ({"reference": {"uncertainty_c": 0.21}}, {Figure.LABORATORY, Figure.REFERENCE_U}),
        ({"reference": {"drift_c": 0.07}}, {Figure.REFERENCE}),
        ({"reference": {"calibrated_on": dt.date(2025, 3, 1)}}, {Figure.CALIBRATION}),
        ({"site": {"room_c_max": 26}}, {Figure.ROOM}),
        ({"site": {"humidity_max": 0.55}}, {Figure.HUMIDITY}),
        ({"site": {"clinical_thermometer": False}}, {Figure.CONFIRMED}),
    ],
)
def test_what_is_not_met(changes: dict[str, dict[str, Any]], fails: set[Figure]) -> None:
    assert failing(report(position(**changes))) == dict.fromkeys(fails, Verdict.NON_COMPLIANT)


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"camera": {"distance_m": None}}, {Figure.SPOT_SIZE, Figure.FACE}),
        ({"camera": {"rows_px": None}}, {Figure.SENSOR, Figure.SPOT_SIZE, Figure.FACE}),
        ({"camera": {"fov_horizontal_deg": None}}, {Figure.SPOT_SIZE, Figure.FACE}),
        ({"reference": {"drift_c": None}}, {Figure.REFERENCE}),
        ({"reference": {"uncertainty_c": None}}, {Figure.LABORATORY, Figure.REFERENCE_U}),
        ({"uncertainty": {"drift_c": None}}, {Figure.LABORATORY}),
        ({"reference": {"calibrated_on": None}}, {Figure.CALIBRATION}),
        ({"reference": {"calibrated_on": dt.date(2026, 3, 3)}}, {Figure.CALIBRATION}),
        ({"site": {"room_c_min": None}}, {Figure.ROOM}),
    ],
)
def test_what_is_not_known(changes: dict[str, dict[str, Any]], unknown: set[Figure]) -> None:
    found = report(position(**changes))
    assert failing(found) == dict.fromkeys(unknown, Verdict.UNKNOWN)
    assert found.verdict is Verdict.NON_COMPLIANT


def test_a_calibration_is_good_to_its_last_day() -> None:
    facts = position(reference={"calibrated_on": TODAY - dt.timedelta(days=365)})
    assert report(facts).verdict is Verdict.COMPLIANT
    assert Figure.CALIBRATION in failing(report(facts, today=TODAY + dt.timedelta(days=1)))


def test_a_lens_without_its_angle_is_enough() -> None:
    facts = position(camera={"fov_horizontal_deg": None, "focal_length_mm": 13, "pixel_pitch_um": 12})
    assert about(figure(report(facts), Figure.SPOT_SIZE)) == (0.65, Origin.COMPUTED)


# --- Leptons ----------------------------------------------------------------------------------------


def any_camera() -> st.SearchStrategy[CameraFacts]:
    number = st.none() | st.floats(0.01, 0.99)
    return st.builds(
        CameraFacts,
        columns_px=st.none() | st.integers(1, 8192),
        rows_px=st.none() | st.integers(1, 8192),
        fov_horizontal_deg=st.none() | st.floats(0.1, 179),
        focal_length_mm=st.none() | st.floats(1, 1000),
        pixel_pitch_um=st.none() | st.floats(0.1, 100),
        distance_m=number,
        accuracy_c=number,
        mrtd_c=number,
        emissivity=number,
        drift_compensated=st.none() | st.booleans(),
    )


@given(any_camera(), st.sampled_from(["model", "driver", "clip"]))
def test_a_lepton_never_complies_whatever_is_declared(camera: CameraFacts, known_by: str) -> None:
    facts = position().model_copy(update={"camera": camera})
    around: dict[str, Any] = {"today": TODAY}
    match known_by:
        case "model":
            named = camera.model_copy(update={"model": "FLIR Lepton 3.5"})
            facts = facts.model_copy(update={"camera": named})
        case "driver":
            around["driver"] = "thermal.lepton"
        case _:
            around["clip"] = seen()
    found = judged(facts, Around(**around))
    assert failing(found)[Figure.SENSOR] is Verdict.NON_COMPLIANT
    assert Figure.FACE in failing(found)
    assert found.verdict is Verdict.NON_COMPLIANT


def test_a_lepton_cannot_resolve_a_canthus() -> None:
    found = report(driver="thermal.lepton")
    (spot,) = [one for one in found.findings if one.clause.figure is Figure.SPOT_SIZE]
    assert about(spot.known) == (4.75, Origin.COMPUTED)
    (sensor,) = [one for one in found.findings if one.clause.figure is Figure.SENSOR]
    assert sensor.known == Known((160.0, 120.0), Origin.DATASHEET)
    assert sensor.overruled == Known((640.0, 480.0), Origin.DECLARED)


def seen(**changed: Any) -> ClipFacts:
    known: dict[str, Any] = {
        "frames": 90, "columns_px": 160, "rows_px": 120, "uptime_s": 7200.0, "noise_c": 0.03,
        "reference_stability_c": 0.03, "face_px": (40, 30),
    }  # fmt: skip
    return ClipFacts(**(known | changed))


def test_what_a_clip_shows_overrules_what_was_declared() -> None:
    found = report(clip=seen(uptime_s=600.0, reference_stability_c=0.2))
    assert figure(found, Figure.WARM_UP) == Known((10.0,), Origin.MEASURED)
    assert figure(found, Figure.FACE) == Known((40.0, 30.0), Origin.MEASURED)
    assert about(figure(found, Figure.REFERENCE)) == (0.25, Origin.MEASURED)
    assert {Figure.WARM_UP, Figure.REFERENCE} <= set(failing(found))


# --- at a gateway -----------------------------------------------------------------------------------


def thermometer(facts: PositionFacts | None = None, **changes: Any) -> Thermometer:
    known: dict[str, Any] = {"references": [{"temp_c": 37}]} | changes
    return Thermometer.model_validate(known | {"position": facts or position()})


def test_what_the_gateway_does_overrules_what_was_declared() -> None:
    runs = thermometer(warm_up_s=600, conditions={"emissivity": 0.95, "distance_m": 2.0})
    facts = position(camera={"drift_compensated": None}, reference={"uncertainty_c": None})
    found = report(facts, thermometer=runs)
    assert set(failing(found)) == {Figure.WARM_UP, Figure.EMISSIVITY, Figure.SPOT_SIZE, Figure.FACE}
    assert figure(found, Figure.WARM_UP) == Known((10.0,), Origin.CONFIGURED)
    assert figure(found, Figure.DRIFT) == Known((1.0,), Origin.CONFIGURED)
    assert figure(found, Figure.REFERENCE_U) == Known((0.3,), Origin.CONFIGURED)


def test_a_gateway_without_a_reference_compensates_nothing() -> None:
    facts = position(camera={"drift_compensated": None})
    found = report(facts, thermometer=Thermometer(position=facts))
    assert failing(found) == {Figure.DRIFT: Verdict.UNKNOWN}


class Moment:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.mono_s = 5000.0
        self.utc = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)

    def now(self) -> Instant:
        return Instant(self.mono_s, self.utc, ClockQuality.SYNCHRONISED)

    def monotonic_s(self) -> float:
        return self.mono_s

    async def sleep(self, delay_s: float) -> None:
        raise AssertionError(f"nothing waits {delay_s} s here")


MEASURED = {"room_series": "climate-1/room_c", "humidity_series": "climate-1/humidity_pct"}


def compliances(facts: PositionFacts | None = None) -> tuple[Compliances, Moment]:
    clock = Moment()
    thermometers = {"camera": thermometer(facts), "undescribed": Thermometer()}
    drivers = {"camera": "thermal.flir_file", "undescribed": "thermal.lepton"}
    return Compliances(thermometers, drivers, clock), clock


def test_only_a_described_position_that_complies_is_shown_to() -> None:
    held, clock = compliances()
    assert held.shown("camera")
    assert not held.shown("undescribed")
    assert not held.shown("no such device")
    assert held.report("undescribed") is None
    assert held.picture() == {"camera": {"verdict": "COMPLIANT", "failing": []}}
    clock.utc += dt.timedelta(days=400)
    assert not held.shown("camera")
    assert held.picture() == {"camera": {"verdict": "NON-COMPLIANT", "failing": ["calibration_left_d"]}}


def test_the_room_is_as_it_is_measured() -> None:
    held, clock = compliances(position(site=MEASURED))
    assert not held.shown("camera")  # what was declared does not stand in for a silent sensor
    held.note("climate-1/room_c", 22.0)
    assert not held.shown("camera")
    held.note("climate-1/humidity_pct", 40.0)
    held.note("somebody/else_c", 99.0)
    assert held.shown("camera")
    held.note("climate-1/room_c", 26.5)
    assert not held.shown("camera")
    held.note("climate-1/room_c", 23.9)
    assert held.shown("camera")
    clock.mono_s += LIVE_S_MAX
    assert not held.shown("camera")


@pytest.mark.parametrize(
    ("live", "fails"),
    [
        (None, set()),
        (Live(room_c=22.0, humidity_pct=40.0), set()),
        (Live(room_c=19.0, humidity_pct=60.0), {Figure.ROOM, Figure.HUMIDITY}),
        (Live(), {Figure.ROOM, Figure.HUMIDITY}),
    ],
)
def test_a_file_by_itself_asks_no_sensor(live: Live | None, fails: set[Figure]) -> None:
    assert set(failing(report(position(site=MEASURED), live))) == fails


# --- advice -----------------------------------------------------------------------------------------


class Door:
    """A portal that only listens."""

    def __init__(self) -> None:
        self.heard: list[PersonScreened] = []

    def screened(self, screened: PersonScreened) -> None:
        self.heard.append(screened)


def elevated(device: str, *, compliant: bool) -> PersonScreened:
    at = Instant(5000.0, dt.datetime(2026, 3, 2, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
    screening = Screening(ScreeningState.ELEVATED, 38.9, compliant)
    return PersonScreened(device=device, event=Observed(at=at), screening=screening)


@pytest.mark.parametrize(
    ("device", "flag", "counts"),
    [
        ("camera", True, True),
        ("camera", False, False),
        ("undescribed", True, False),
        ("undescribed", False, False),
    ],
)
def test_portal_and_position_must_both_say_so(device: str, *, flag: bool, counts: bool) -> None:
    door, (held, _) = Door(), compliances()
    Advised(door, held).screened(elevated(device, compliant=flag))
    (heard,) = door.heard
    assert heard.screening == Screening(ScreeningState.ELEVATED, 38.9, counts)
    assert heard.device == device


def evidence(screening: Screening, retests: int = 0) -> Evidence:
    return Evidence(
        side=Side.INGRESS,
        credential=Fresh(Credential(kind=CredentialKind.CARD, standing=Standing.VALID), 0.5),
        screening=Fresh(screening, 0.5),
        retests=retests,
    )


@pytest.mark.parametrize("state", ScreeningState)
@pytest.mark.parametrize("on_elevated", Outcome)
@pytest.mark.parametrize("retests", range(5))
def test_what_a_position_not_shown_to_comply_measures_denies_nobody(
    state: ScreeningState, on_elevated: Outcome, retests: int
) -> None:
    door, (held, _) = Door(), compliances()
    said = elevated("undescribed", compliant=True)
    Advised(door, held).screened(said)
    advised = Screening(state, 38.9, door.heard[0].screening.compliant)
    policy = PortalPolicy(require_screening=True, on_elevated=on_elevated)
    found = judge(evidence(advised, retests), policy)
    assert found.outcome is not Outcome.DENY
    if state is ScreeningState.ELEVATED:
        assert found.outcome in {Outcome.RETEST, Outcome.REFER}
        assert Reason.SCREENING_ADVISORY in found.reasons


def test_the_same_from_a_position_shown_to_comply_may() -> None:
    door, (held, _) = Door(), compliances()
    Advised(door, held).screened(elevated("camera", compliant=True))
    policy = PortalPolicy(require_screening=True, on_elevated=Outcome.DENY)
    assert judge(evidence(door.heard[0].screening), policy).outcome is Outcome.DENY


# --- what cannot be declared ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"camera": {"colums_px": 640}},
        {"camera": {"columns_px": 0}},
        {"camera": {"fov_horizontal_deg": 180}},
        {"site": {"room_c_min": 23, "room_c_max": 21}},
        {"site": {"humidity_min": 0.5, "humidity_max": 0.3}},
        {"site": {"room_series": "no slash"}},
        {"lens": {}},
    ],
)
def test_what_is_no_description(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PositionFacts.model_validate(wrong)
