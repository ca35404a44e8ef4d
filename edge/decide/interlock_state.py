"""What a zone is built of (:class:`Plan`) and what its interlock remembers (:class:`Interlock`)."""

from dataclasses import dataclass

from cardea.contract.zones import Permissive, Standing, StopReason, ZoneState
from edge.decide.dose import NOTHING_EMITTED, Dose, Optics, Spent
from edge.decide.hazards import Kind
from edge.decide.interlock_events import Effect, Kept, Warrant
from edge.decide.interlock_table import HOT
from edge.decide.permissives import Need
from edge.decide.samples import Gauge

OUTPUT, CONTACTOR, IRRADIANCE, GAS_INSIDE = "output", "contactor", "irradiance", "gas_inside"
"""Inputs that every zone knows by the same name; others are named by their :class:`Need`."""
LEASE_S = 1.5
"""Every renewal is for so long; D3 allows 2 s."""
START_S_MAX = 60.0
"""From the order to its expiry at the most (D7)."""
WARN_S_MIN = 30.0
READ_BACK_S_MAX = 1.0
"""How long the unit may take to do as it is told (D6)."""
METER = Gauge(low=0.0, high=100_000.0, frozen_s=120.0, lit_only=True)
"""The unit's own irradiance sensor, µW/cm²."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A zone as it is built and set up."""

    kind: Kind
    needs: tuple[Need, ...]
    vacuous: frozenset[Permissive] = frozenset()
    """Permissives that nothing here can break: no gas, no door."""
    commissioned: bool = False
    enabled: bool = True
    contactor: bool = True
    """Whether there is one upstream of the emitter."""
    gas_inside: Gauge | None = None
    """The sensor in the zone; good up to half the limit (D8)."""
    optics: Optics | None = None
    budget_mj_cm2: float | None = None
    """What people may receive within 8 h."""
    emit_s: float = 0.0
    """How long to emit where no dose is aimed at."""
    dose_mj_cm2_min: float | None = None
    """The dose to reach, by its lower bound."""
    run_s_max: float = 0.0
    dose_mj_cm2_max: float | None = None
    """A cap on the upper bound."""
    cycles_per_day_max: int = 0
    dwell_s: float = 0.0
    clearance_s: float = 0.0
    warn_s: float = WARN_S_MIN
    quiet_s: float = 300.0
    """How long the gas must have stayed at or below half its limit (D8)."""
    off_s: float = 2.0
    """How long a unit without gas must show that it is off before the zone is released."""
    note_s_max: float = 60.0
    """How long a warning goes on while the disk does not take the note, before the order lapses."""
    stop_s_max: float = 5.0
    blind_s_max: float = 10.0
    """How long the gas sensor in the zone may say nothing."""
    air_s_max: float = 4 * 3600.0

    @property
    def may_run(self) -> bool:
        """Whether this zone is more than watched."""
        return self.commissioned and self.enabled


@dataclass(frozen=True, slots=True, kw_only=True)
class Interlock:
    """Everything that the machine remembers. Times are monotonic seconds; ``None`` = not so."""

    at_s: float = 0.0
    phase: ZoneState = ZoneState.IDLE
    entered_s: float = 0.0
    warrant: Warrant | None = None
    """Of the cycle under way, or of the one that ended in the lockout."""
    recorded: bool = False
    until_s: float = 0.0
    """When what the order allows ends."""
    noted: bool = False
    """The disk knows that this cycle may emit."""
    leased_s: float | None = None
    """When the unit last confirmed a renewal."""
    astray_s: float | None = None
    """Since when the unit has shown something else than it was told."""
    aired_s: float = 0.0
    """When airing began."""
    quiet_s: float | None = None
    """Since when the gas has been at or below half its limit without a break."""
    blind_s: float | None = None
    """Since when the gas sensor in the zone has said nothing to be believed."""
    gassed: bool = False
    """Something was emitted into the air and has not been shown to be gone."""
    stopped: StopReason | None = None
    dose: Dose = NOTHING_EMITTED
    spent: Spent = ()
    standings: tuple[tuple[Permissive, Standing], ...] = ()
    """How every needed permissive stood at the last look."""


Step = tuple[Interlock, tuple[Effect, ...]]


def kept(state: Interlock, plan: Plan) -> Kept | None:
    """What the disk must know before anything is emitted, and until the zone is released or cleared."""
    if state.phase not in (*HOT, ZoneState.STOPPING, ZoneState.LOCKOUT):
        return None
    emitted_into_air = plan.kind.aerates and (state.phase in HOT or state.gassed)
    return Kept(
        warrant=state.warrant, gassed=emitted_into_air, stopped=state.stopped, recorded=state.recorded
    )
