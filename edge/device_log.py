"""What becomes of facts about devices: records, alerts, and news for the portals that use them."""

from collections.abc import Callable, Iterator, Mapping

from cardea.contract.batches import Lane
from cardea.contract.encoding import encode
from cardea.contract.records import AlertKind, DeviceRecord, DeviceState, Severity
from cardea.contract.time import wire_time
from cardea.runtime.clock import Clock, Entropy
from edge.alerts import Alarm, Alerts, Follows
from edge.configuration.settings import Portal
from edge.configuration.topology import uses
from edge.device_facts import DeviceDescribed, DeviceFact, DeviceStateChanged, GarbageBegan, GarbageEnded

_STATE_ALERTS = {
    DeviceState.REFUSED: AlertKind.DEVICE_REFUSED,
    DeviceState.MISCONFIGURED: AlertKind.DEVICE_MISCONFIGURED,
}

News = Callable[[str, DeviceState], None]
"""Tell the portals that a device changed its state."""


class DeviceLog:
    """Takes facts in; never waits."""

    def __init__(
        self,
        clock: Clock,
        entropy: Entropy,
        recorder: Follows,
        alerts: Alerts,
        drivers: Mapping[str, str],
        portals: Mapping[str, Portal],
    ) -> None:
        self._clock = clock
        self._entropy = entropy
        self._recorder = recorder
        self._alerts = alerts
        self._drivers = drivers
        self._portal_of = dict(_first_portals(portals))
        self._last: dict[str, DeviceRecord] = {}
        self.news: News = _nobody_listens

    def tell(self, fact: DeviceFact) -> None:
        """Take one fact in."""
        match fact:
            case DeviceStateChanged():
                self._state(fact)
            case DeviceDescribed(device=device, firmware=firmware, clock_skew_s=skew_s):
                self._record(device, firmware=firmware, clock_skew_s=skew_s)
            case GarbageBegan(device=device, rejects=rejects, reason=reason):
                self._record(device, rejects=rejects)
                detail = {"rejects": str(rejects), "reason": reason[:120]}
                alarm = Alarm(alert=AlertKind.DEVICE_GARBAGE, device=device, detail=detail)
                self._alerts.raise_(alarm)
            case GarbageEnded(device=device, quiet_s=quiet_s):
                alarm = Alarm(alert=AlertKind.DEVICE_GARBAGE, device=device)
                self._alerts.clear(alarm, f"readable for {quiet_s:.0f} s")

    def _state(self, fact: DeviceStateChanged) -> None:
        self._record(fact.device, state=fact.state, reason=fact.reason[:200])
        for state, alert in _STATE_ALERTS.items():
            if fact.state is state:
                detail = {"reason": fact.reason[:200]}
                alarm = Alarm(alert=alert, device=fact.device, severity=Severity.MAJOR, detail=detail)
                self._alerts.raise_(alarm)
            elif fact.state is DeviceState.ONLINE:
                self._alerts.clear(Alarm(alert=alert, device=fact.device), "device is online")
        self.news(fact.device, fact.state)

    def _record(self, device: str, **changes: object) -> None:
        last = self._last.get(device)
        known: dict[str, object] = {
            "state": last.state if last else DeviceState.ONLINE,
            "reason": last.reason if last else "",
            "firmware": last.firmware if last else None,
            "clock_skew_s": last.clock_skew_s if last else None,
            "rejects": last.rejects if last else 0,
        }
        record = DeviceRecord(
            id=self._entropy.new_id(),
            at=wire_time(self._clock.now()),
            device=device,
            driver=self._drivers[device],
            portal=self._portal_of.get(device),
            **(known | changes),  # pyright: ignore[reportArgumentType]  # the keys above, typed where they are read
        )
        self._last[device] = record
        self._recorder.follow(Lane.RECORD, encode(record))


def _first_portals(portals: Mapping[str, Portal]) -> Iterator[tuple[str, str]]:
    """The portal that each device is shown with: the first that uses it."""
    for name in reversed(list(portals)):
        yield from ((use.device, name) for use in uses(portals[name]))


def _nobody_listens(_device: str, _state: DeviceState) -> None:
    """Until the portals are there."""
