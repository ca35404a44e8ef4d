"""[zones] of gateway.toml: what is refused, by which rule, and what a zone comes to for its interlock."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from cardea.contract.zones import Hazard, Permissive
from cardea.runtime.config import ConfigInvalid, check
from drivers.api import CredentialPresented, DeviceSettings, Driver, InputChanged, LeaseOutput, UnitReported
from edge.configuration.settings import GatewaySettings, Portal
from edge.decide.hazards import KINDS, UnitKind
from edge.decide.permissives import needed
from edge.zone.lint import Around, shared_units, zone_misfits
from edge.zone.plan import gas_limit, plan_of, uv_limit
from edge.zone.settings import Zone

LAMP: Mapping[str, Any] = {
    "title": "Laboratory",
    "kind": "uv254_open",
    "unit": "uv",
    "doors": [{"device": "board", "channel": 0}],
    "occupancy": [
        {"technology": "pir", "input": {"device": "board", "channel": 1}},
        {"technology": "mmwave", "input": {"device": "board", "channel": 2}},
    ],
    "estop": {"device": "board", "channel": 3},
    "fire": {"device": "board", "channel": 4},
    "arm": {"device": "board", "channel": 5},
    "sounder": {"device": "board", "channel": 9},
    "dose_mj_cm2_min": 10.0,
    "commissioning": {
        "date": "2026-03-01",
        "by": "Commissioner",
        "e_max_uw_cm2": 180.0,
        "e_worst_point_uw_cm2": 50.0,
        "t_poll_s": 0.3,
        "t_watchdog_s": 1.9,
        "t_off_s": 0.1,
        "watchdog": 10,
    },
}
GAS = {"device": "gas", "metric": "h2o2_ppm", "high": 50.0}
FOG: Mapping[str, Any] = {
    **{key: value for key, value in LAMP.items() if key != "dose_mj_cm2_min"},
    "kind": "h2o2_fog",
    "emit_s": 300.0,
    "gas_inside": GAS,
    "gas_adjacent": {**GAS, "limit": 0.5},
}


class Plain(DeviceSettings):
    pass


def _never(*_: object) -> Any:
    raise AssertionError


def driver(events: tuple[type, ...], commands: tuple[type, ...] = ()) -> Driver[Any]:
    return Driver(Plain, _never, {}, None, events, commands)


DRIVERS = {
    "uv": driver((UnitReported,), (LeaseOutput,)),
    "board": driver((InputChanged,), (LeaseOutput,)),
    "gas": driver((UnitReported,)),
    "reader": driver((CredentialPresented,)),
}
PORTAL = {
    "name": "Door",
    "lock": "fail_safe",
    "mechanical_free_egress": True,
    "hardwired_fire_release": True,
    "ingress": {"readers": ["reader"]},
}
PORTALS = {
    "in-only": Portal.model_validate(PORTAL),
    "both": Portal.model_validate({**PORTAL, "egress": {"readers": ["reader"]}}),
}
AROUND = Around(frozenset(DRIVERS), DRIVERS, PORTALS)


def zone(base: Mapping[str, Any] = LAMP, /, **changes: Any) -> Zone:
    """With keys changed, ``__`` leading into tables; ``None`` takes a key away."""
    table: dict[str, Any] = deepcopy(dict(base))
    for key, value in changes.items():
        *way, last = key.split("__")
        inner = table
        for step in way:
            inner = inner[step]
        if value is None:
            inner.pop(last, None)
        else:
            inner[last] = value
    return check(Zone, table, file=Path("gateway.toml"), at="zones.lab")


def keys(of: Zone) -> list[str]:
    return [misfit.key for misfit in zone_misfits(of, AROUND)]


@pytest.mark.parametrize("base", [LAMP, FOG], ids=["lamp", "fog"])
def test_a_whole_zone_is_in_order(base: Mapping[str, Any]):
    assert keys(zone(base)) == []


WRONG: dict[str, tuple[Callable[[], Zone], str, str]] = {
    "unit unknown": (lambda: zone(unit="nowhere"), "unit", "no such device"),
    "unit says nothing": (lambda: zone(unit="board"), "unit", "never says UnitReported"),
    "unit does nothing": (lambda: zone(unit="gas"), "unit", "cannot do LeaseOutput"),
    "door without inputs": (lambda: zone(doors=[{"device": "uv"}]), "doors.0", "InputChanged"),
    "sounder without outputs": (lambda: zone(sounder={"device": "gas"}), "sounder", "LeaseOutput"),
    "gas sensor without numbers": (
        lambda: zone(FOG, gas_inside__device="board"),
        "gas_inside",
        "UnitReported",
    ),
    "one input twice": (lambda: zone(estop={"device": "board", "channel": 0}), "doors.0", "estop already"),
    "sensors alike": (lambda: zone(occupancy=[*_pirs()]), "occupancy.1.technology", "fail alike"),
    "one sensor": (lambda: zone(occupancy=[*_pirs()][:1]), "occupancy", "two sensors"),
    "no door": (lambda: zone(doors=None), "doors", "every door"),
    "no warning": (lambda: zone(sounder=None), "sounder", "warning"),
    "no emergency stop": (lambda: zone(estop=None), "estop", "required"),
    "no fire contact": (lambda: zone(fire=None), "fire", "required"),
    "no key": (lambda: zone(arm=None), "arm", "required"),
    "no contactor": (lambda: zone(contactor=False), "contactor", "D6"),
    "counting portal unknown": (
        lambda: zone(occupancy=_count("attic")),
        "occupancy.1.portal",
        "no such portal",
    ),
    "portal counts one way": (
        lambda: zone(occupancy=_count("in-only")),
        "occupancy.1.portal",
        "egress reader",
    ),
    "D4": (lambda: zone(commissioning__e_max_uw_cm2=182.0), "commissioning.e_max_uw_cm2", "D4"),
    "D4, slower": (lambda: zone(commissioning__t_watchdog_s=2.0), "commissioning.e_max_uw_cm2", "3.4 s"),
    "D4, tightened limit": (lambda: zone(limit_mj_cm2=3.0), "commissioning.e_max_uw_cm2", "D4"),
    "E not measured": (
        lambda: zone(commissioning__e_max_uw_cm2=None),
        "commissioning.e_max_uw_cm2",
        "measure",
    ),
    "limit loosened": (lambda: zone(limit_mj_cm2=6.1), "limit_mj_cm2", "at most 6"),
    "limit of no light": (lambda: zone(FOG, limit_mj_cm2=1.0), "limit_mj_cm2", "no ultraviolet"),
    "gas limit loosened": (lambda: zone(FOG, gas_inside__limit=1.1), "gas_inside.limit", "at most 1 "),
    "no gas sensor": (lambda: zone(FOG, gas_inside=None), "gas_inside", "D8"),
    "no gas sensor next door": (lambda: zone(FOG, gas_adjacent=None), "gas_adjacent", "D8"),
    "sensor too short": (lambda: zone(FOG, gas_inside__high=1.0), "gas_inside.high", "above the limit"),
    "no aim": (lambda: zone(dose_mj_cm2_min=None), "dose_mj_cm2_min", "either"),
    "two aims": (lambda: zone(emit_s=10.0), "dose_mj_cm2_min", "either"),
    "dose of fog": (lambda: zone(FOG, emit_s=None, dose_mj_cm2_min=1.0), "dose_mj_cm2_min", "lamp"),
    "dose not measured": (
        lambda: zone(commissioning__e_worst_point_uw_cm2=None),
        "dose_mj_cm2_min",
        "e_worst_point_uw_cm2",
    ),
    "cap at the plan": (lambda: zone(FOG, run_s_max=301.0), "run_s_max", "at least"),
    "budget overrun": (
        lambda: zone(
            kind="uv222",
            dose_mj_cm2_min=None,
            emit_s=14400.0,
            run_s_max=28800.0,
            commissioning__e_max_uw_cm2=2.0,
        ),
        "emit_s",
        "28.8",
    ),
}


def _pirs() -> Iterator[Mapping[str, Any]]:
    yield from ({"technology": "pir", "input": {"device": "board", "channel": n}} for n in (1, 2))


def _count(portal: str) -> list[Mapping[str, Any]]:
    return [next(_pirs()), {"technology": "portal_count", "portal": portal}]


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_with_its_key(what: str):
    make, key, advice = WRONG[what]
    found = [misfit for misfit in zone_misfits(make(), AROUND) if misfit.key == key]
    assert found, keys(make())
    assert any(advice in misfit.advice for misfit in found)


def test_a_portal_that_counts_both_ways_is_a_sensor():
    assert keys(zone(occupancy=_count("both"))) == []


def test_a_zone_that_is_only_watched_need_only_name_what_is_there():
    watched = {"title": "Old lamp", "kind": "uv254_open", "unit": "uv"}
    assert keys(zone(watched)) == []
    assert keys(zone(watched, unit="nowhere")) == ["unit"]
    plan = plan_of(zone(watched))
    assert not plan.may_run


def test_a_device_whose_driver_is_not_known_is_not_judged():
    assert not list(zone_misfits(zone(), Around(frozenset(DRIVERS), {}, PORTALS)))
    assert next(m.advice for m in zone_misfits(zone(), Around(frozenset(), {}, {}))).endswith("none")


def test_a_unit_serves_one_zone():
    found = list(shared_units({"lab": zone(), "ward": zone()}))
    assert [(name, misfit.key) for name, misfit in found] == [("ward", "unit")]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "people_mist"},
        {"kind": "mist_tunnel"},
        {"hazard": "enclosed"},
        {"warn_s": 29.9},
        {"spray_people": True},
        {"commissioning__watchdog": 0},
        {"occupancy": [{"technology": "pir"}]},
        {"occupancy": [{"technology": "portal_count", "input": {"device": "board"}}]},
        {"occupancy": [{"technology": "portal_count", "portal": "a", "input": {"device": "board"}}]},
        {"gas_inside": {**GAS, "metric": "h2o2_percent"}},
    ],
)
def test_what_no_key_may_say(changes: dict[str, Any]):
    """Nobody can be sprayed, no hazard be talked down, no watchdog be left at 0."""
    with pytest.raises(ConfigInvalid):
        zone(**changes)


def test_settings_tighten_and_never_loosen():
    assert uv_limit(zone()) == 6.0
    assert uv_limit(zone(limit_mj_cm2=3.0)) == 3.0
    assert uv_limit(zone(limit_mj_cm2=100.0)) == 6.0, "a lint that was slipped past loosens nothing"
    assert uv_limit(zone(FOG)) is None
    fog = zone(FOG, gas_inside__limit=40.0)
    assert fog.gas_inside is not None
    assert gas_limit(fog, fog.gas_inside) == 1.0
    mg = zone(FOG, gas_inside__metric="h2o2_mg_m3")
    assert mg.gas_inside is not None
    assert gas_limit(mg, mg.gas_inside) == pytest.approx(1.39)
    lamp = zone(gas_inside=GAS)
    assert lamp.gas_inside is not None
    assert gas_limit(lamp, lamp.gas_inside) == 0.0


@pytest.mark.parametrize("kind", UnitKind)
def test_every_permissive_of_a_whole_zone_rests_on_something(kind: UnitKind):
    plan = plan_of(zone(FOG, kind=kind.value))
    sensed = {need.permissive for need in plan.needs} | plan.vacuous
    by_the_machine = {Permissive.UNIT, Permissive.ORDER, Permissive.LEASE, Permissive.COMMISSIONED}
    budget = {Permissive.DOSE_BUDGET} if plan.budget_mj_cm2 is not None else set[Permissive]()
    assert needed(KINDS[kind].hazard) <= sensed | by_the_machine | budget


def test_the_plan_is_what_the_settings_say():
    plan = plan_of(zone(FOG))
    assert plan.gas_inside is not None
    assert plan.gas_inside.good_high == 0.5, "release at half the limit (D8)"
    (gas,) = [need for need in plan.needs if need.permissive is Permissive.GAS]
    assert gas.expects.good_high == 0.5, "the tightened limit next door"  # type: ignore[union-attr]  # a gauge
    assert plan.budget_mj_cm2 is None
    upper = plan_of(zone(kind="uv254_upper_room", doors=None))
    assert upper.kind.hazard is Hazard.DOSE_LIMITED
    assert upper.budget_mj_cm2 == 6.0
    assert {Permissive.GAS, Permissive.DOORS} == upper.vacuous
    assert Permissive.DOORS not in plan_of(zone(doors=None)).vacuous
    assert dataclasses.is_dataclass(upper.optics)


def test_every_field_is_described():
    schema = GatewaySettings.model_json_schema()["$defs"]
    for name in ("Zone", "Commissioning", "Occupancy", "GasSensor"):
        assert all(field.get("description") for field in schema[name]["properties"].values())
