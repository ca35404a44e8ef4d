"""Contacts of a portal: which sample means what. Debounce and staleness live in the portal machine."""

from collections.abc import Callable

from cardea.contract.records import AlertKind, Severity
from drivers.api import InputChanged, InputKind
from edge.alerts import Alarm, Alerts
from edge.configuration.settings import ChannelRef, Portal
from edge.decide.portal import EgressRequested, Event, FireRead, LockdownChanged
from edge.notes import NoteKind, Notes

_ON = "on"


class Inputs:
    """The inputs of one portal, and the lockdown that was ordered for it."""

    def __init__(
        self, name: str, portal: Portal, alerts: Alerts, notes: Notes, step: Callable[[Event], object]
    ) -> None:
        self._name = name
        self._portal = portal
        self._alerts = alerts
        self._notes = notes
        self._step = step
        self._switched = False
        self._pressed = False

    @property
    def lockdown(self) -> bool:
        """Whether switch or order ask for lockdown."""
        return self._switched or self._notes.get(NoteKind.LOCKDOWN, self._name) is not None

    def boot(self) -> None:
        """A lockdown that was ordered before a restart is still in force."""
        if self.lockdown:
            self._step(LockdownChanged(on=True))

    def order_lockdown(self, *, on: bool) -> None:
        """Lockdown was ordered or lifted by order; the switch on site keeps its own say."""
        if on:
            self._notes.put(NoteKind.LOCKDOWN, self._name, _ON)
        else:
            self._notes.drop(NoteKind.LOCKDOWN, self._name)
        self._step(LockdownChanged(self.lockdown))

    def take(self, device: str, event: InputChanged) -> bool:
        """Take a sample in; True when somebody has just asked to leave."""
        here = ChannelRef(device=device, channel=event.channel)
        match event.kind:
            case InputKind.FIRE if here == self._portal.fire:
                self._step(FireRead(event.active))
            case InputKind.LOCKDOWN if here == self._portal.lockdown and event.active is not None:
                self._switched = event.active
                self._step(LockdownChanged(self.lockdown))
            case InputKind.REX if here == self._portal.egress.rex:
                return self._rex(event.active is True)
            case InputKind.TAMPER:
                self._tamper(device, event.active)
            case _:
                pass
        return False

    def _rex(self, pressed: bool) -> bool:  # noqa: FBT001  # a contact is a boolean
        """As long as the contact is closed every sample asks for the release again."""
        begun = pressed and not self._pressed
        self._pressed = pressed
        if pressed:
            self._step(EgressRequested())
        return begun

    def _tamper(self, device: str, active: bool | None) -> None:  # noqa: FBT001  # a contact is a boolean
        alarm = Alarm(alert=AlertKind.TAMPER, device=device, severity=Severity.CRITICAL)
        if active is False:
            self._alerts.clear(alarm, "the tamper contact is closed again")
        else:
            self._alerts.raise_(alarm)
