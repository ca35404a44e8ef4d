"""A site on the wall as HTML: one element of the page per site, so that hundreds stay quick. Pure.

Whatever others have named is escaped here.
"""

import datetime as dt
from html import escape

from cardea.contract.zones import ZoneState
from cardea.runtime.i18n import Translator
from cardea.runtime.phrases import phrase
from cloud.console.reader import address_of
from cloud.console.style import ALL_WELL, NEVER_HEARD, SEVERITIES, UNKNOWN, ZONES, Look
from cloud.ledger.views import WallSite, WallZone
from cloud.thermometers import Thermometer

ZONES_MAX = 4
_QUIET = frozenset({ZoneState.IDLE, ZoneState.DISABLED, ZoneState.RELEASED})


def tile(say: Translator, site: WallSite, warm: Thermometer | None, now: dt.datetime) -> str:
    """The tile of one site; ``warm`` is its warmest live temperature."""
    look, words, more = _worst(say, site)
    never = say.text("never")
    heard = never if site.heard_at is None else _ago(say, now, site.heard_at)
    facts = (
        _fact(say.text("Entered today"), say.number(site.entries), address_of("/", site.site)),
        _fact(
            say.text("Devices online"),
            f"{say.number(site.devices_online)} / {say.number(site.devices)}",
            address_of("/devices", site.site),
        ),
        _fact(
            say.text("Warmest now"),
            "–" if warm is None else say.temperature_c(warm.value_c),
            address_of("/", site.site),
        ),
        _fact(say.text("Last heard"), heard, address_of("/devices", site.site)),
    )
    return (
        f'<h2><a href="{_link("/", site.site)}">{escape(site.name)}</a></h2>'
        f'<a class="worst bg-{look.colour}" href="{_link("/alerts", site.site)}">{_icon(look)}'
        f"<span>{escape(words)}</span>{more}</a>"
        f'<div class="facts">{"".join(facts)}</div>{_zones(say, site)}'
    )


def badness(site: WallSite) -> tuple[int, str, str]:
    """The worst come first, by name among equals."""
    severities = list(SEVERITIES)
    worst = len(severities) if site.worst is None else severities.index(site.worst.severity)
    return worst, site.name, site.site


def _worst(say: Translator, site: WallSite) -> tuple[Look, str, str]:
    if site.worst is None:
        if site.gateways == 0 or site.heard_at is None:
            return NEVER_HEARD, say.text("Never heard of"), ""
        return ALL_WELL, say.text("All quiet"), ""
    others = site.alerts_open - 1
    more = say.plural("and one more", "and {n} more", others) if others > 0 else ""
    words = f"{say.text(phrase(site.worst.severity))}: {say.text(phrase(site.worst.alert))}"
    return SEVERITIES[site.worst.severity], words, f'<span class="more">{escape(more)}</span>' if more else ""


def _zones(say: Translator, site: WallSite) -> str:
    if not site.zones:
        return ""
    shown = sorted(site.zones, key=_calmness)[:ZONES_MAX]
    link = _link("/zones", site.site)
    pieces = [_zone(say, zone, link) for zone in shown]
    hidden = len(site.zones) - len(shown)
    if hidden:
        more = say.plural("and one more zone", "and {n} more zones", hidden)
        pieces.append(f'<a href="{link}">{escape(more)}</a>')
    return f'<div class="zones">{"".join(pieces)}</div>'


def _calmness(zone: WallZone) -> tuple[bool, bool, str, str]:
    """Locked out first, then what is under way or unknown, then the rest."""
    calm = zone.state in _QUIET and not zone.gateway_silent
    return zone.state is not ZoneState.LOCKOUT, calm, zone.title, zone.zone


def _zone(say: Translator, zone: WallZone, link: str) -> str:
    look = UNKNOWN if zone.gateway_silent else ZONES[zone.state]
    state = say.text("Unknown") if zone.gateway_silent else say.text(phrase(zone.state))
    words = escape(f"{zone.title}: {state}")
    return f'<a class="zone bg-{look.colour}" href="{link}">{_icon(look)}{words}</a>'


def _fact(title: str, value: str, link: str) -> str:
    return f'<a class="fact" href="{escape(link)}"><small>{escape(title)}</small>{escape(value)}</a>'


def _icon(look: Look) -> str:
    return f'<i class="q-icon material-icons" aria-hidden="true">{look.icon}</i>'


def _link(path: str, site: str) -> str:
    return escape(address_of(path, site))


def _ago(say: Translator, now: dt.datetime, at: dt.datetime) -> str:
    length = say.duration(max(0.0, (now - at).total_seconds()))
    return say.text("{length} ago", length=length)
