"""How the console looks: one palette, colours always together with an icon and a word."""

from collections.abc import Mapping
from dataclasses import dataclass

from cardea.contract.records import DeviceState, Outcome, Severity

CSS = """
body { background: #f3f5f8; }
.cardea-header { background: #16324f; }
.cardea-brand { font-size: 1.15rem; font-weight: 600; letter-spacing: .04em; }
.cardea-nav a { color: #cfe0f1; text-decoration: none; padding: .45rem .8rem; border-radius: .4rem; }
.cardea-nav a.here { background: #24507c; color: #fff; }
.cardea-tile { min-width: 9.5rem; flex: 1 1 9.5rem; }
.cardea-figure { font-size: 2rem; font-weight: 600; line-height: 1.1; font-variant-numeric: tabular-nums; }
.cardea-quiet { color: #5d6b7a; }
.cardea-feed td { font-variant-numeric: tabular-nums; }
.q-table__card { box-shadow: none; }
.q-btn-group .q-btn { padding-inline: .9rem; }
.nicegui-content { padding: 1rem; }
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
UNKNOWN = Look("blue-grey-6", "help")
"""What was last said by a gateway that is silent now."""
