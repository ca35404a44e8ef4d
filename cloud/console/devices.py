"""The device matrix: what every device says of itself, and the gateways that say it."""

from typing import Any

from nicegui import ui

from cardea.runtime.i18n import msg
from cardea.runtime.phrases import phrase
from cloud.console.live import Live
from cloud.console.reader import Reader, device_address
from cloud.console.style import DEVICES, UNKNOWN
from cloud.console.table import make_table, show_rows
from cloud.ledger import reads
from cloud.ledger.views import DeviceRow, GatewayRow

_STATE_CELL = """<q-td :props="props"><q-chip dense square :color="props.row.colour" text-color="white"
 :icon="props.row.icon" :label="props.row.state" /></q-td>"""
_DEVICE_CELL = """<q-td :props="props"><a class="text-primary" :href="props.row.address">
{{ props.row.device }}</a></q-td>"""


class Devices:
    """Gateways above, their devices below."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._say = reader.say

    async def build(self) -> None:
        """Lay the page out and fill it."""
        self._gateways = ui.row().classes("w-full gap-4")
        with ui.card().classes("w-full"):
            self._table = make_table(self._say, _COLUMNS, sortable=True)
        self._table.add_slot("body-cell-state", _STATE_CELL)
        self._table.add_slot("body-cell-device", _DEVICE_CELL)
        await self.refresh()
        Live(self._reader.house.aggregator.feed, self.refresh)

    async def refresh(self) -> None:
        """Read everything anew and show it."""
        gateways = await self._reader.read(reads.gateways, self._reader.site)
        devices = await self._reader.read(reads.devices, self._reader.site)
        self._gateways.clear()
        with self._gateways:
            for gateway in gateways:
                self._gateway(gateway)
        show_rows(self._table, [self._row(device) for device in devices])

    def _gateway(self, gateway: GatewayRow) -> None:
        say = self._say
        lives = bool(gateway.online) and not gateway.silent
        with ui.card().classes("gap-1"):
            with ui.row().classes("items-center gap-2"):
                ui.icon(
                    "check_circle" if lives else "cloud_off", color="green-8" if lives else "red-8", size="sm"
                )
                ui.link(gateway.name, device_address(gateway.id, gateway.id)).classes(
                    "text-subtitle1 text-weight-medium"
                )
                ui.label(say.text("Online") if lives else say.text("Silent")).classes("cardea-quiet")
            if gateway.heard_at is None:
                ui.label(say.text("Never heard of")).classes("cardea-quiet text-caption")
                return
            waiting = sum(gateway.pending.values())
            facts = {
                say.text("Heard"): self._reader.ago(gateway.heard_at),
                say.text("Rows waiting"): say.number(waiting),
                say.text("Policy version"): say.number(gateway.policy_version or 0),
                say.text("Software"): gateway.version or "",
            }
            with ui.grid(columns=2).classes("gap-x-4 gap-y-0 text-caption"):
                for name, value in facts.items():
                    ui.label(name).classes("cardea-quiet")
                    ui.label(value)

    def _row(self, device: DeviceRow) -> dict[str, Any]:
        say = self._say
        look = UNKNOWN if device.gateway_silent else DEVICES[device.state]
        state = (
            say.text("Unknown: gateway silent") if device.gateway_silent else say.text(phrase(device.state))
        )
        skew = device.clock_skew_s
        return {
            "id": f"{device.gateway}/{device.device}",
            "gateway": device.gateway,
            "device": device.device,
            "address": device_address(device.gateway, device.device),
            "state": state,
            "colour": look.colour,
            "icon": look.icon,
            "since": say.moment(device.at, self._reader.house.zone),
            "reason": device.reason,
            "driver": device.driver,
            "portal": device.portal or "",
            "firmware": device.firmware or "",
            "skew": "" if skew is None else say.text("{seconds} s", seconds=say.number(skew, 1)),
            "rejects": say.number(device.rejects),
        }


_COLUMNS = {
    "gateway": msg("Gateway"),
    "device": msg("Device"),
    "state": msg("State"),
    "since": msg("Since"),
    "reason": msg("Reason"),
    "driver": msg("Driver"),
    "portal": msg("Portal"),
    "firmware": msg("Firmware"),
    "skew": msg("Clock skew"),
    "rejects": msg("Unreadable messages"),
}
