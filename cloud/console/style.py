"""How the console looks: one palette, colours always together with an icon and a word."""

from collections.abc import Mapping
from dataclasses import dataclass

from cardea.contract.records import DeviceState, Outcome, ScreeningState, Severity
from cardea.contract.zones import CycleOutcome, Standing, ZoneState

CSS = """
body { background: #f3f5f8; }
.cardea-header { background: #16324f; }
.cardea-brand { font-size: 1.15rem; font-weight: 600; letter-spacing: .04em; }
.cardea-nav a { color: #cfe0f1; text-decoration: none; padding: .45rem .8rem; border-radius: .4rem; }
.cardea-nav a.here { background: #24507c; color: #fff; }
.cardea-tile { min-width: 9.5rem; flex: 1 1 9.5rem; }
.cardea-figure { font-size: 2rem; font-weight: 600; line-height: 1.1; font-variant-numeric: tabular-nums; }
.cardea-quiet { color: #5d6b7a; }
.cardea-feed tbody tr { cursor: pointer; }
.cardea-screening { background: #f3f5f8; border-radius: .4rem; padding: .6rem .8rem; }
.cardea-sum { font-variant-numeric: tabular-nums; }
.cardea-feed td { font-variant-numeric: tabular-nums; }
.q-table__card { box-shadow: none; }
.q-chip .q-chip__icon { color: inherit; }
.q-btn-group .q-btn { padding-inline: .9rem; }
.nicegui-content { padding: 1rem; }
.cardea-zone { width: 26rem; flex: 1 1 24rem; max-width: 40rem; }
.cardea-thermometer { flex: 0 1 15.5rem; min-width: 13.5rem; }
.cardea-thermometer .cardea-figure { white-space: nowrap; }
.cardea-scene { flex: 1 1 26rem; max-width: 44rem; }
.cardea-lockout { background: #fdecea; border-left: 4px solid #b71c1c; padding: .6rem .8rem; width: 100%; }
.cardea-spark, .cardea-spark svg { width: 100%; display: block; }
.cardea-chart { width: 100%; height: 11rem; }
"""

WALL_CSS = """
body { background: #0f1c2b; color: #e8eef5; }
.nicegui-content { padding: .8rem; }
.wall-top a, .wall-tile a { color: inherit; text-decoration: none; }
.wall-top { color: #b9c8d8; }
.wall-top .figure { color: #fff; font-weight: 600; }
.wall { display: grid; grid-template-columns: repeat(auto-fill, minmax(17.5rem, 1fr)); gap: .7rem;
  width: 100%; }
.wall-tile { background: #1b2c40; border-radius: .5rem; overflow: hidden; height: 100%; }
.wall-tile h2 { font-size: 1.15rem; font-weight: 600; line-height: 1.3; margin: 0;
  padding: .6rem .8rem .2rem; }
.wall-tile .worst { display: flex; gap: .5rem; align-items: center; margin: .3rem .8rem;
  padding: .35rem .6rem; border-radius: .35rem; color: #fff; font-weight: 500; }
.wall-tile .worst .more { margin-left: auto; font-weight: 400; white-space: nowrap; }
.wall-tile .facts { display: grid; grid-template-columns: 1fr 1fr; gap: .3rem .8rem;
  padding: .3rem .8rem .5rem; }
.wall-tile .fact { display: block; font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.wall-tile .fact small { display: block; font-size: .75rem; font-weight: 400; color: #a9bacb; }
.wall-tile .zones { padding: 0 .8rem .6rem; display: flex; flex-wrap: wrap; gap: .3rem; }
.wall-tile .zone { display: inline-flex; align-items: center; gap: .3rem; padding: .1rem .5rem;
  border-radius: .8rem; font-size: .8rem; color: #fff; }
.wall-tile .material-icons { font-size: 1.2em; }
"""

LOGIN_CSS = """
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: #16324f;
  font-family: system-ui, "Noto Sans CJK SC", "Noto Sans SC", sans-serif; color: #1d2733; }
main { background: #fff; padding: 2rem 2.2rem; border-radius: .7rem; width: min(22rem, 88vw); }
h1 { margin: 0 0 .2rem; font-size: 1.4rem; } p { margin: .2rem 0 1rem; color: #5d6b7a; }
label { display: block; margin: .8rem 0 .25rem; font-size: .9rem; }
input { width: 100%; box-sizing: border-box; padding: .6rem; border: 1px solid #b7c2cf; border-radius: .4rem;
  font: inherit; }
button { margin-top: 1.2rem; width: 100%; padding: .7rem; border: 0; border-radius: .4rem; font: inherit;
  background: #1f6fb2; color: #fff; cursor: pointer; }
.wrong { color: #a3231b; margin-top: .8rem; } nav { margin-top: 1.2rem; font-size: .9rem; }
"""


@dataclass(frozen=True, slots=True)
class Look:
    """Colour (Quasar's name) and icon (Material's name) of a state."""

    colour: str
    icon: str


OUTCOMES: Mapping[Outcome, Look] = {
    Outcome.GRANT: Look("green-8", "check_circle"),
    Outcome.DENY: Look("red-8", "block"),
    Outcome.RETEST: Look("amber-9", "replay"),
    Outcome.REFER: Look("purple-8", "support_agent"),
}
SCREENINGS: Mapping[ScreeningState, Look] = {
    ScreeningState.NORMAL: Look("green-8", "check_circle"),
    ScreeningState.RETEST: Look("amber-9", "replay"),
    ScreeningState.ELEVATED: Look("red-8", "device_thermostat"),
    ScreeningState.NOT_SCREENED: Look("blue-grey-6", "person_off"),
}
UNFIT_LOOK = Look("amber-10", "report_problem")
"""The position itself cannot measure now."""
SEVERITIES: Mapping[Severity, Look] = {
    Severity.CRITICAL: Look("red-9", "crisis_alert"),
    Severity.MAJOR: Look("deep-orange-9", "warning"),
    Severity.MINOR: Look("amber-9", "report_problem"),
    Severity.INFO: Look("blue-grey-7", "info"),
}
DEVICES: Mapping[DeviceState, Look] = {
    DeviceState.ONLINE: Look("green-8", "check_circle"),
    DeviceState.OFFLINE: Look("red-8", "cloud_off"),
    DeviceState.REFUSED: Look("deep-orange-9", "no_accounts"),
    DeviceState.MISCONFIGURED: Look("deep-orange-9", "build_circle"),
}
ZONES: Mapping[ZoneState, Look] = {
    ZoneState.DISABLED: Look("blue-grey-6", "power_settings_new"),
    ZoneState.IDLE: Look("blue-grey-7", "radio_button_unchecked"),
    ZoneState.PRECHECK: Look("amber-10", "fact_check"),
    ZoneState.WARN: Look("deep-orange-9", "campaign"),
    ZoneState.EMIT: Look("purple-8", "flare"),
    ZoneState.DWELL: Look("purple-7", "hourglass_top"),
    ZoneState.AERATE: Look("cyan-9", "air"),
    ZoneState.VERIFY: Look("cyan-9", "rule"),
    ZoneState.RELEASED: Look("green-8", "check_circle"),
    ZoneState.STOPPING: Look("deep-orange-9", "stop_circle"),
    ZoneState.LOCKOUT: Look("red-9", "lock"),
}
STANDINGS: Mapping[Standing, Look] = {
    Standing.OK: Look("green-8", "check_circle"),
    Standing.NOT_OK: Look("red-8", "cancel"),
    Standing.STALE: Look("amber-10", "history"),
    Standing.MISSING: Look("blue-grey-7", "help"),
    Standing.IMPLAUSIBLE: Look("deep-orange-9", "report"),
}
CYCLES: Mapping[CycleOutcome, Look] = {
    CycleOutcome.COMPLETED: Look("green-8", "verified"),
    CycleOutcome.ABORTED: Look("red-9", "dangerous"),
}
"""An aborted cycle is never green: it does not count as disinfected (SAFETY.md D12)."""
ALL_WELL = Look("green-8", "check_circle")
NEVER_HEARD = Look("blue-grey-6", "hourglass_empty")
UNKNOWN = Look("blue-grey-6", "help")
"""What was last said by a gateway that is silent now."""
