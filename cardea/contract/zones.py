"""Disinfection zones as others see them: states, hazard classes, permissives (SAFETY.md, disinfection)."""

from enum import StrEnum

import msgspec

from cardea.contract.time import WireTime


class ZoneState(StrEnum):
    """Where the interlock machine of a zone stands."""

    DISABLED = "disabled"
    IDLE = "idle"
    PRECHECK = "precheck"
    WARN = "warn"
    EMIT = "emit"
    DWELL = "dwell"
    AERATE = "aerate"
    VERIFY = "verify"
    RELEASED = "released"
    STOPPING = "stopping"
    LOCKOUT = "lockout"


class Hazard(StrEnum):
    """What people in the zone would be exposed to."""

    EXCLUSION = "exclusion"
    """Fog, mist, open 254 nm, ozone: nobody may be there."""
    DOSE_LIMITED = "dose_limited"
    """Upper-room 254 nm, far-UVC: within a dose budget."""
    ENCLOSED = "enclosed"
    """Handrail UV, purifier: people may be there while the enclosure is closed."""


class Permissive(StrEnum):
    """What must hold for emission; all of them, of the hazard class."""

    ESTOP = "estop"
    DOORS = "doors"
    OCCUPANCY = "occupancy"
    """Two diverse sensors, both vacant."""
    FIRE = "fire"
    GAS = "gas"
    """The adjacent zone's concentration."""
    WATCHDOG = "watchdog"
    """The unit's watchdog register, read back and not 0."""
    UNIT = "unit"
    """The unit's output is what was commanded."""
    ORDER = "order"
    """A signed start order, not expired."""
    ARM = "arm"
    """The key switch on site agrees."""
    LEASE = "lease"
    DOSE_METER = "dose_meter"
    DOSE_BUDGET = "dose_budget"
    ENCLOSURE = "enclosure"
    COMMISSIONED = "commissioned"


class Standing(StrEnum):
    """How a permissive stands; everything but ``ok`` counts as "occupied" (SAFETY.md D2)."""

    OK = "ok"
    NOT_OK = "not_ok"
    STALE = "stale"
    MISSING = "missing"
    IMPLAUSIBLE = "implausible"
    """Not a number, out of range, frozen or disagreeing."""


class StopReason(StrEnum):
    """Why a cycle ended before its time, or a zone was locked out."""

    ORDERED = "ordered"
    PERMISSIVE_LOST = "permissive_lost"
    FIRE = "fire"
    READ_BACK = "read_back"
    """The unit's output was not what was commanded for more than a second (D6)."""
    UNIT_LOST = "unit_lost"
    CAP = "cap"
    """A hard cap on run time, dose or cycles per day (D10)."""
    RESTART = "restart"
    """The gateway restarted inside a cycle (D5)."""
    GAS_SENSOR = "gas_sensor"
    NOT_VERIFIED = "not_verified"
    """The release could not be shown by measurement (D8)."""


class CycleOutcome(StrEnum):
    """What a cycle counts as; an aborted one never as disinfected (D12)."""

    COMPLETED = "completed"
    ABORTED = "aborted"


class Cycle(msgspec.Struct, frozen=True):
    """The last cycle of a zone, as its audit record says."""

    id: str
    started: WireTime
    ended: WireTime
    outcome: CycleOutcome
    stopped: StopReason | None = None
    emitted_s: float = 0.0
    dose_mj_cm2_min: float | None = None
    """The lower bound: aged lamp, worst point (D11)."""


class ZoneRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="zone"):
    """A zone changed its state, or a permissive did. Row of the record lane."""

    id: str
    at: WireTime
    zone: str
    title: str
    state: ZoneState
    hazard: Hazard
    monitor_only: bool
    """Without a commissioning record a zone is watched and never started."""
    since: WireTime
    unit: str
    """The device that emits."""
    permissives: dict[Permissive, Standing]
    portals: tuple[str, ...] = ()
    cycle: str | None = None
    """The cycle under way."""
    stopped: StopReason | None = None
    last: Cycle | None = None
    two_people: bool = False
    """A start needs a second person, as chemicals and ozone do (D7)."""
