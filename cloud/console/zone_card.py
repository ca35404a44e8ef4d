"""One disinfection zone as a card: state, conditions, cycles, and what may be ordered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui

from cardea.contract.orders import OrderResult
from cardea.contract.zones import ZoneState
from cardea.runtime.i18n import Translator, msg
from cardea.runtime.phrases import phrase
from cloud.console.reader import Reader, device_address
from cloud.console.style import CYCLES, STANDINGS, UNKNOWN, ZONES, Look
from cloud.ledger.scope import Role
from cloud.ledger.views import CycleOrderRow, CycleRow, ZoneRow

Act = Callable[[ZoneRow], Awaitable[None]]
RUNNING = frozenset(
    {
        ZoneState.PRECHECK,
        ZoneState.WARN,
        ZoneState.EMIT,
        ZoneState.DWELL,
        ZoneState.AERATE,
        ZoneState.VERIFY,
        ZoneState.STOPPING,
    }
)
"""A cycle is under way, or is being ended."""
_STARTABLE = frozenset({ZoneState.IDLE, ZoneState.RELEASED})
_ORDERED = {
    "start_cycle": msg("Start ordered by {who} at {time}"),
    "stop_cycle": msg("Stop ordered by {who} at {time}"),
}


@dataclass(frozen=True, slots=True)
class Acts:
    """What the card's buttons do."""

    start: Act
    stop: Act


def look_of(zone: ZoneRow) -> Look:
    """Nothing is believed of a zone whose gateway is silent."""
    return UNKNOWN if zone.gateway_silent else ZONES[zone.state]


def state_text(say: Translator, zone: ZoneRow) -> str:
    """The state in words."""
    if zone.gateway_silent:
        return say.text("Unknown: gateway silent")
    return say.text(phrase(zone.state))


def chip(look: Look, text: str) -> ui.chip:
    """Colour, icon and words together."""
    return ui.chip(text, icon=look.icon, color=look.colour, text_color="white").props("dense square")


class ZoneCard:
    """The card. It is built anew when the zone or its order has changed, and while a cycle runs."""

    def __init__(self, reader: Reader, acts: Acts) -> None:
        self._reader = reader
        self._say = reader.say
        self._acts = acts
        self._shown: tuple[ZoneRow, CycleOrderRow | None, bool] | None = None
        self._card = ui.card().classes("cardea-zone gap-2").mark("zone")

    def show(self, zone: ZoneRow, order: CycleOrderRow | None) -> None:
        """Bring the card up to date."""
        late = order is not None and order.deadline_at < self._reader.now()
        if self._shown == (zone, order, late) and zone.state not in RUNNING:
            return
        self._shown = (zone, order, late)
        self._card.clear()
        with self._card:
            self._head(zone)
            if zone.state is ZoneState.LOCKOUT and not zone.gateway_silent:
                self._lockout(zone)
            self._under_way(zone)
            self._permissives(zone)
            self._last(zone)
            ui.space()
            if order is not None:
                self._order(order, late=late)
            self._buttons(zone)

    def _head(self, zone: ZoneRow) -> None:
        say = self._say
        with ui.row().classes("w-full items-start no-wrap gap-2"):
            with ui.column().classes("gap-0 col-grow"):
                ui.label(zone.title).classes("text-h6")
                with ui.row().classes("gap-1 items-center cardea-quiet text-caption"):
                    ui.label(f"{zone.site_name} · {zone.gateway} ·")
                    ui.link(zone.unit, device_address(zone.gateway, zone.unit))
            chip(look_of(zone), state_text(say, zone)).classes("text-body1").mark("zone-state")
        with ui.row().classes("gap-1 items-center"):
            ui.badge(say.text(phrase(zone.hazard)), color="blue-grey-7")
            if zone.monitor_only:
                ui.badge(say.text("Watched only"), color="blue-grey-5").tooltip(
                    say.text("Without a commissioning record a zone is watched and never started")
                )
            since = say.moment(zone.since, self._reader.house.zone)
            ui.label(say.text("since {moment}", moment=since)).classes("cardea-quiet text-caption")

    def _lockout(self, zone: ZoneRow) -> None:
        say = self._say
        with ui.column().classes("cardea-lockout gap-1"):
            if zone.stopped is not None:
                ui.label(say.text(phrase(zone.stopped))).classes("text-weight-medium")
            ui.label(
                say.text(
                    "A lockout cannot be cleared from here: somebody other than who started the cycle "
                    "clears it on site, with a reason, after looking at the area."
                )
            ).classes("text-caption")

    def _under_way(self, zone: ZoneRow) -> None:
        if zone.cycle is None or zone.cycle_since is None or zone.gateway_silent:
            return
        elapsed = self._say.duration(max(0.0, (self._reader.now() - zone.cycle_since).total_seconds()))
        with ui.row().classes("items-center gap-2 no-wrap"):
            ui.icon("timelapse", color="purple-8", size="sm")
            ui.label(self._say.text("Cycle under way for {length}", length=elapsed))

    def _permissives(self, zone: ZoneRow) -> None:
        say = self._say
        with ui.grid(columns=2).classes("w-full gap-x-4 gap-y-1"):
            for permissive, standing in zone.permissives.items():
                look = UNKNOWN if zone.gateway_silent else STANDINGS[standing]
                words = say.text("Not known") if zone.gateway_silent else say.text(phrase(standing))
                with ui.row().classes("items-center no-wrap gap-2"):
                    ui.icon(look.icon, color=look.colour, size="xs")
                    with ui.column().classes("gap-0"):
                        ui.label(say.text(phrase(permissive))).classes("text-body2").style("line-height: 1.2")
                        ui.label(words).classes("cardea-quiet text-caption").style("line-height: 1.2")

    def _last(self, zone: ZoneRow) -> None:
        say = self._say
        with ui.column().classes("w-full gap-0"):
            ui.separator().classes("q-mb-xs")
            if zone.last is None:
                ui.label(say.text("No cycle yet")).classes("cardea-quiet text-caption")
                return
            with ui.row().classes("items-center gap-2"):
                ui.label(say.text("Last cycle")).classes("text-weight-medium")
                chip(CYCLES[zone.last.outcome], say.text(phrase(zone.last.outcome))).mark("last-cycle")
            for line in self._facts_of(zone.last):
                ui.label(line).classes("cardea-quiet text-caption")

    def _facts_of(self, cycle: CycleRow) -> list[str]:
        say = self._say
        ended = say.moment(cycle.ended_at, self._reader.house.zone)
        facts = [
            say.text("Ended {moment}", moment=ended),
            say.text("Emitted for {length}", length=say.duration(cycle.emitted_s)),
        ]
        if cycle.stopped is not None:
            facts.append(say.text(phrase(cycle.stopped)))
        if cycle.dose_mj_cm2_min is not None:
            dose = say.number(cycle.dose_mj_cm2_min, 1)
            facts.append(say.text("Dose at least {dose} mJ/cm²", dose=dose))
        return facts

    def _order(self, order: CycleOrderRow, *, late: bool) -> None:
        say = self._say
        time = say.time_of_day(order.issued_at, self._reader.house.zone)
        with ui.column().classes("gap-0"):
            ui.label(say.text(_ORDERED[order.do], who=order.by, time=time)).classes("text-caption")
            with ui.row().classes("items-center gap-1 no-wrap"):
                look, words = self._answer(order, late=late)
                ui.icon(look.icon, color=look.colour, size="xs")
                ui.label(words).classes("text-caption text-weight-medium").mark("order-answer")

    def _answer(self, order: CycleOrderRow, *, late: bool) -> tuple[Look, str]:
        say = self._say
        if order.refusal is not None:
            reason = say.text(phrase(order.refusal))
            return Look("red-8", "block"), say.text("Refused: {reason}", reason=reason)
        if order.result is OrderResult.EXECUTED:
            return Look("green-8", "check_circle"), say.text("Accepted by the gateway")
        if order.result is not None:
            return Look("amber-10", "event_busy"), say.text(phrase(order.result))
        if late:
            return Look("amber-10", "event_busy"), say.text("No answer within its time: not carried out")
        return Look("blue-grey-7", "schedule_send"), say.text(
            "Sent: waiting for the gateway and the key switch"
        )

    def _buttons(self, zone: ZoneRow) -> None:
        say = self._say
        with ui.row().classes("items-center gap-2 w-full"):
            if self._reader.account.scope.role is Role.MANAGER and not zone.monitor_only:
                start = ui.button(
                    say.text("Start"), icon="play_arrow", on_click=lambda: self._acts.start(zone)
                ).props("no-caps dense padding='xs md'")
                start.set_enabled(zone.state in _STARTABLE and not zone.gateway_silent)
            ui.button(
                say.text("Stop"), icon="stop", color="red-8", on_click=lambda: self._acts.stop(zone)
            ).props("no-caps dense padding='xs md'")
            if not zone.monitor_only:
                ui.label(say.text("A start also needs the key switch on site")).classes(
                    "cardea-quiet text-caption"
                )
