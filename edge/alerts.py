"""Alerts that need the gateway's own state: raised, deduplicated here, and cleared by evidence.

The fingerprint is deterministic: the same condition at the same place is the same issue, whoever restarted.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Protocol

from cardea.contract.batches import Lane
from cardea.contract.encoding import encode
from cardea.contract.records import AlertCleared, AlertKind, AlertRaised, Severity
from cardea.contract.time import wire_time
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.logs import get_logger
from edge.notes import NoteKind, Notes

REPEAT_S = 60.0
"""A happening (not a state) with the same fingerprint is raised no more often than this."""
RECENT_MAX = 4096
STATES = frozenset(
    {
        AlertKind.DEVICE_REFUSED,
        AlertKind.DEVICE_MISCONFIGURED,
        AlertKind.DEVICE_GARBAGE,
        AlertKind.CHECK_UNAVAILABLE,
        AlertKind.THERMOMETER_UNFIT,
        AlertKind.THERMOMETER_NORMALISED,
        AlertKind.FIRE,
        AlertKind.FIRE_TROUBLE,
        AlertKind.DOOR_HELD,
        AlertKind.VESTIBULE_OCCUPIED,
        AlertKind.STORE_STALLED,
        AlertKind.STORE_FULL,
        AlertKind.CLOCK_UNSYNCHRONISED,
        AlertKind.TAMPER,
        AlertKind.ZONE_LOCKOUT,
        AlertKind.LAMP_WORN,
        AlertKind.SCREENING_RATE,
        AlertKind.GALLERY_LARGE,
        AlertKind.GALLERY_FILING,
    }
)
"""Conditions that last until evidence clears them; all other alerts are happenings."""
_NOBODY = "-"
_LOG = get_logger("alerts")


class Follows(Protocol):
    """What alerts need of the recorder."""

    def follow(self, lane: Lane, body: bytes) -> "asyncio.Future[bool]":
        """Commit as soon as possible; never waits. The future says whether it came to pass."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What an alert is about and where."""

    alert: AlertKind
    portal: str | None = None
    device: str | None = None
    about: str | None = None
    """The subject's value, or the name of a check; part of the fingerprint: two people are two issues."""
    severity: Severity = Severity.MAJOR
    decision: str | None = None
    detail: dict[str, str] = field(default_factory=dict[str, str])


class Alerts:
    """The gateway's own alerts. Never waits, never raises."""

    def __init__(self, gateway: str, clock: Clock, entropy: Entropy, recorder: Follows, notes: Notes) -> None:
        self._gateway = gateway
        self._clock = clock
        self._entropy = entropy
        self._recorder = recorder
        self._notes = notes
        self._open = set(notes.of_kind(NoteKind.OPEN_ALERT))
        self._recent: OrderedDict[str, float] = OrderedDict()

    def fingerprint(self, alarm: Alarm) -> str:
        """``alert/gateway/place/about``."""
        place = alarm.portal or alarm.device or _NOBODY
        return f"{alarm.alert.value}/{self._gateway}/{place}/{alarm.about or _NOBODY}"

    def raise_(self, alarm: Alarm) -> None:
        """Say that somebody must look, unless that has just been said or still stands."""
        fingerprint = self.fingerprint(alarm)
        if self._said_already(alarm.alert, fingerprint):
            return
        _LOG.warning("alert_raised", alert=alarm.alert.value, portal=alarm.portal, device=alarm.device)
        record = AlertRaised(
            id=self._entropy.new_id(),
            at=wire_time(self._clock.now()),
            fingerprint=fingerprint,
            alert=alarm.alert,
            severity=alarm.severity,
            portal=alarm.portal,
            device=alarm.device,
            decision=alarm.decision,
            detail=alarm.detail,
        )
        committed = self._recorder.follow(Lane.ALERT, encode(record))
        if alarm.alert in STATES:
            self._open.add(fingerprint)
            committed.add_done_callback(lambda done: self._note(fingerprint, done))

    def clear(self, alarm: Alarm, evidence: str) -> None:
        """The condition has ended, if it stood; ``evidence`` says what shows it."""
        fingerprint = self.fingerprint(alarm)
        if fingerprint not in self._open:
            return
        self._open.discard(fingerprint)
        _LOG.info("alert_cleared", alert=alarm.alert.value, portal=alarm.portal, device=alarm.device)
        cleared = AlertCleared(self._entropy.new_id(), wire_time(self._clock.now()), fingerprint, evidence)
        committed = self._recorder.follow(Lane.ALERT, encode(cleared))
        committed.add_done_callback(lambda done: self._note(fingerprint, done))

    def stands(self, alarm: Alarm) -> bool:
        """Whether the condition has been raised, by whichever run of this gateway, and not cleared."""
        return self.fingerprint(alarm) in self._open

    @property
    def open(self) -> int:
        """How many conditions stand."""
        return len(self._open)

    def _note(self, fingerprint: str, committed: "asyncio.Future[bool]") -> None:
        """Note what stands only once its row is durable: after a crash an alert is said again, never lost."""
        if committed.cancelled() or not committed.result():
            return
        if fingerprint in self._open:
            self._notes.put(NoteKind.OPEN_ALERT, fingerprint, "")
        else:
            self._notes.drop(NoteKind.OPEN_ALERT, fingerprint)

    def _said_already(self, alert: AlertKind, fingerprint: str) -> bool:
        if alert in STATES:
            return fingerprint in self._open
        now_s = self._clock.monotonic_s()
        last_s = self._recent.get(fingerprint)
        if last_s is not None and now_s - last_s < REPEAT_S:
            return True
        self._recent[fingerprint] = now_s
        self._recent.move_to_end(fingerprint)
        if len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)
        return False
