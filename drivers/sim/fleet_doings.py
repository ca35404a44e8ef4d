"""What happens at one tower of a simulated fleet: passages, devices coming and going, cycles, alerts.

Pure and seeded; time is an argument.
"""

import hashlib
import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random  # noqa: TID251  # seeded: no secrets

from cardea.contract.batches import Lane
from cardea.contract.encoding import encode
from cardea.contract.reasons import Reason
from cardea.contract.records import (
    Alert,
    AlertCleared,
    AlertKind,
    AlertRaised,
    Authority,
    CredentialKind,
    DecisionRecord,
    DeviceRecord,
    DeviceState,
    Mode,
    Outcome,
    PassageRecord,
    Record,
    ScreeningState,
    Severity,
    Side,
    Subject,
)
from cardea.contract.time import WireTime
from cardea.contract.zones import Cycle as LastCycle
from cardea.contract.zones import CycleOutcome, Hazard, Permissive, Standing, ZoneRecord, ZoneState

PORTALS = ("lobby-a", "lobby-b", "garage")
PEOPLE = 400
DRIVER = "gates.hikvision"
ZONE, UNIT = "washroom", "uv-1"
FLAP_S_MEAN = 120.0
"""Between two devices of a tower that go offline for a while."""
AWAY_S, COOL_S, CYCLE_S = 20.0, 45.0, 240.0
_WALK_S = 1.5

Row = tuple[Lane, bytes]


@dataclass(frozen=True, slots=True)
class _Verdict:
    share: float
    outcome: Outcome
    reason: Reason
    screening: ScreeningState
    warmer_c: float = 0.0


VERDICTS = (
    _Verdict(0.94, Outcome.GRANT, Reason.GRANTED, ScreeningState.NORMAL),
    _Verdict(0.03, Outcome.DENY, Reason.CREDENTIAL_UNKNOWN, ScreeningState.NORMAL),
    _Verdict(0.02, Outcome.RETEST, Reason.SCREENING_RETEST, ScreeningState.RETEST, 0.9),
    _Verdict(0.01, Outcome.REFER, Reason.SCREENING_ELEVATED, ScreeningState.ELEVATED, 1.9),
)
CYCLE = (
    (ZoneState.PRECHECK, 2.0),
    (ZoneState.WARN, 30.0),
    (ZoneState.EMIT, 60.0),
    (ZoneState.VERIFY, 5.0),
    (ZoneState.RELEASED, 10.0),
    (ZoneState.IDLE, CYCLE_S),
)
"""The states of a cycle of open 254 nm, and how long each lasts."""

_Step = Callable[[float, WireTime], Iterator[Row]]


@dataclass(slots=True)
class Doings:
    """The rows of one tower. ``run`` makes ids unique among runs; ``per_s``: passages a second."""

    run: str
    devices: int
    per_s: float
    seed: int
    _dice: Random = field(init=False)
    _due: list[tuple[float, int, _Step]] = field(default_factory=list[tuple[float, int, _Step]])
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _started: WireTime | None = None

    def __post_init__(self) -> None:
        """Nobody has come yet."""
        self._dice = Random(self.seed)  # noqa: S311  # no secrets

    def begin(self, now_s: float, at: WireTime) -> Iterator[Row]:
        """Every device is online, the zone is idle."""
        for number in range(1, self.devices + 1):
            yield self._device(f"gate-{number:03}", DeviceState.ONLINE, at)
        yield self._zone(ZoneState.IDLE, at)
        if self.per_s > 0:
            self._plan(now_s + self._dice.expovariate(self.per_s), self._passage)
            self._plan(now_s + self._dice.uniform(5.0, FLAP_S_MEAN), self._flap)
            self._plan(now_s + self._dice.uniform(5.0, CYCLE_S), self._turn(0))

    def until(self, now_s: float, at: WireTime) -> Iterator[Row]:
        """What has come due by now, in order."""
        while self._due and self._due[0][0] <= now_s:
            due_s, _, step = heapq.heappop(self._due)
            yield from step(due_s, at)

    def _plan(self, at_s: float, step: _Step) -> None:
        heapq.heappush(self._due, (at_s, next(self._numbers), step))

    def _passage(self, now_s: float, at: WireTime) -> Iterator[Row]:
        self._plan(now_s + self._dice.expovariate(self.per_s), self._passage)
        verdict = self._dice.choices(VERDICTS, [verdict.share for verdict in VERDICTS])[0]
        portal = self._dice.randrange(len(PORTALS))
        decision = self._decision(verdict, portal, at)
        yield _record(decision)
        if verdict.outcome is Outcome.GRANT:
            self._plan(now_s + _WALK_S, lambda _, at: iter((self._walked(decision, at),)))
        if verdict.screening is ScreeningState.ELEVATED:
            print_ = f"elevated/{decision.id}"
            yield self._raised(AlertKind.ELEVATED, print_, at, portal=decision.portal, decision=decision.id)
            self._plan(now_s + COOL_S, lambda _, at: iter((self._cleared(print_, at),)))

    def _decision(self, verdict: _Verdict, portal: int, at: WireTime) -> DecisionRecord:
        person = self._dice.randrange(PEOPLE)
        known = verdict.reason is not Reason.CREDENTIAL_UNKNOWN
        value = hashlib.sha256(f"{self.seed} {person}".encode()).hexdigest()
        return DecisionRecord(
            id=self._id(),
            at=at,
            portal=PORTALS[portal],
            side=Side.INGRESS,
            outcome=verdict.outcome,
            reasons=(verdict.reason,),
            policy_version=1,
            mode=Mode.LIVE,
            authority=Authority.GATEWAY,
            device=f"gate-{1 + portal % self.devices:03}",
            subject=Subject("fleet", "0" * 16, value) if known else None,
            credential=CredentialKind.FACE,
            screening=verdict.screening,
            surface_temp_c=round(self._dice.gauss(36.3 + verdict.warmer_c, 0.2), 1),
            input_age_s={"credential": 0.0, "screening": 0.1},
            effects=("ReleaseDoor",) if verdict.outcome is Outcome.GRANT else ("ShowMessage",),
        )

    def _walked(self, decision: DecisionRecord, at: WireTime) -> Row:
        return _record(
            PassageRecord(self._id(), at, decision.portal, decision.side, decision.device, decision.id)
        )

    def _flap(self, now_s: float, at: WireTime) -> Iterator[Row]:
        self._plan(now_s + self._dice.expovariate(1 / FLAP_S_MEAN), self._flap)
        device = f"gate-{self._dice.randint(1, self.devices):03}"
        yield self._device(device, DeviceState.OFFLINE, at, "no answer")
        print_ = f"device_offline/{device}"
        yield self._raised(AlertKind.DEVICE_OFFLINE, print_, at, device=device)
        self._plan(now_s + AWAY_S, lambda _, at: self._back(device, print_, at))

    def _back(self, device: str, print_: str, at: WireTime) -> Iterator[Row]:
        yield self._device(device, DeviceState.ONLINE, at)
        yield self._cleared(print_, at)

    def _turn(self, index: int) -> _Step:
        state, lasts_s = CYCLE[index]

        def turn(now_s: float, at: WireTime) -> Iterator[Row]:
            self._plan(now_s + lasts_s, self._turn((index + 1) % len(CYCLE)))
            if state is ZoneState.PRECHECK:
                self._started = at
            yield self._zone(state, at)

        return turn

    def _zone(self, state: ZoneState, at: WireTime) -> Row:
        runs = state not in {ZoneState.IDLE, ZoneState.RELEASED}
        last = None
        if state is ZoneState.RELEASED and self._started is not None:
            last = LastCycle(self._id(), self._started, at, CycleOutcome.COMPLETED, None, 60.0, 12.4)
        return _record(
            ZoneRecord(
                id=self._id(),
                at=at,
                zone=ZONE,
                title="Washroom",
                state=state,
                hazard=Hazard.EXCLUSION,
                monitor_only=False,
                since=at,
                unit=UNIT,
                permissives={
                    Permissive.ESTOP: Standing.OK,
                    Permissive.DOORS: Standing.OK,
                    Permissive.OCCUPANCY: Standing.OK if runs else Standing.NOT_OK,
                },
                portals=(PORTALS[-1],),
                last=last,
            )
        )

    def _device(self, device: str, state: DeviceState, at: WireTime, reason: str = "") -> Row:
        return _record(DeviceRecord(self._id(), at, device, DRIVER, state, reason, PORTALS[0]))

    def _raised(
        self,
        alert: AlertKind,
        fingerprint: str,
        at: WireTime,
        *,
        portal: str | None = None,
        device: str | None = None,
        decision: str | None = None,
    ) -> Row:
        severity = Severity.MAJOR if alert is AlertKind.ELEVATED else Severity.MINOR
        return _alert(AlertRaised(self._id(), at, fingerprint, alert, severity, portal, device, decision))

    def _cleared(self, fingerprint: str, at: WireTime) -> Row:
        return _alert(AlertCleared(self._id(), at, fingerprint, "seen again in order"))

    def _id(self) -> str:
        return f"{self.run}-{next(self._numbers)}"


def _record(record: Record) -> Row:
    return Lane.RECORD, encode(record)


def _alert(alert: Alert) -> Row:
    return Lane.ALERT, encode(alert)
