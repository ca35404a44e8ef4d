"""Device events: facts in the past tense. They never reach the bus: they may hold names, raw identifiers."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cardea.contract.orders import StatusColour
from cardea.contract.records import CredentialKind, Side
from cardea.contract.time import Instant
from drivers.api.frames import Conditions, FaceBox, LinearScale, Picture, Planck, RawFrame, Unfit


class BodySite(StrEnum):
    """Where a temperature was taken."""

    CANTHUS = "canthus"
    FOREHEAD = "forehead"
    FACE_MAX = "face_max"
    WRIST = "wrist"
    UNKNOWN = "unknown"


class InputKind(StrEnum):
    """What a dry contact or sensor stands for."""

    FIRE = "fire"
    REX = "rex"
    TAMPER = "tamper"
    OCCUPANCY = "occupancy"
    ESTOP = "estop"
    """Emergency stop; active = pressed."""
    LOCKDOWN = "lockdown"
    DOOR = "door"
    """A door of a zone, in the interlock loop; active = not closed."""
    ARM = "arm"
    """A key switch on site that agrees to a disinfection; active = armed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What every device event carries."""

    at: Instant
    """When the gateway read it."""
    device_utc: dt.datetime | None = None
    """When the device says it happened; ``None`` when it says nothing believable."""
    offline: bool = False
    """Read from the device's history afterwards: never opens a door (SAFETY.md L12)."""
    cursor: int | None = None
    """The device's own serial number of the event, for de-duplication and backfill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialPresented(Observed):
    """A person presented something. ``value`` is what the device read: employee number, card, pass text."""

    kind: CredentialKind
    value: str
    door: int = 1
    side: Side | None = None
    """What the terminal says of the direction; ``None`` leaves it to the portal's configuration."""
    ask: int | None = None
    """The terminal waits for a verdict under this number."""
    verified: bool = False
    """The terminal matched the credential by itself (for faces: with its own liveness check)."""
    granted: bool | None = None
    """The terminal has already decided: opened (True) or refused (False)."""
    mask: bool | None = None
    """Whether the terminal saw a mask; ``None`` when it does not say."""
    colour: StatusColour | None = None
    """The health status that the terminal itself was told of the person, where it asks for one."""
    snapshot: bytes | None = field(default=None, repr=False, compare=False)
    """The JPEG that the terminal took of the person, for the gateway's own check; not stored, not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureMeasured(Observed):
    """A surface temperature of a person, °C."""

    value_c: float
    body_site: BodySite = BodySite.UNKNOWN
    abnormal: bool | None = None
    """The device's own verdict."""
    vendor_compensated: bool | None = None
    """Whether the device has turned the reading into a "body temperature"; ``None`` = it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotMeasured(Observed):
    """What a pyrometer sees in its one spot, as an object temperature by the instrument's own radiometry."""

    surface_temp_c: float | None
    """``None`` when ``unfit`` says why there is none."""
    sensor_temp_c: float | None = None
    emissivity: float | None = None
    """What the instrument assumed; ``None`` when it does not say."""
    unfit: Unfit | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThermalFrameCaptured(Observed):
    """One radiometric frame, raw, with what is needed to make temperatures of it."""

    raw: RawFrame
    scale: LinearScale | Planck
    conditions: Conditions | None = None
    """What the camera assumed of object and air; ``None`` when its scale is already that of the object."""
    number: int | None = None
    """The sensor's own frame counter."""
    uptime_s: float | None = None
    """For how long the sensor has been powered."""
    since_flat_field_s: float | None = None
    """For how long its last flat-field correction has been over; ``None`` when it does not say."""
    sensor_temp_c: float | None = None
    unfit: Unfit | None = None
    """Why nothing may be measured in this frame."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureCaptured(Observed):
    """One visible picture, for the checks on the gateway; not stored, not sent."""

    picture: Picture
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceSeen(Observed):
    """Faces in front of a camera, without whose they are; empty when there is none."""

    faces: tuple[FaceBox, ...]
    mask: bool | None = None
    """Whether the one person in front wears a mask; ``None``: not looked at, or not to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorMoved(Observed):
    """A door contact changed."""

    open: bool
    door: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InputChanged(Observed):
    """A contact was read. Sent on change and again at least once a second, so that silence is noticed.

    ``active`` is ``None`` when the reading contradicts itself or the loop is open.
    """

    kind: InputKind
    active: bool | None
    channel: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageObserved(Observed):
    """Somebody went through."""

    side: Side | None = None
    door: int = 1
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReported(Observed):
    """Numbers that a unit says of itself, by metric name with the unit last (``lamp_h``, ``tank_pct``)."""

    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceIdentified(Observed):
    """What a device says it is."""

    model: str = ""
    firmware: str = ""
    serial: str = ""
    clock_skew_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatSeen(Observed):
    """The device showed that it lives, and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject(Observed):
    """Bytes that no decoder understands: counted, shown, never raised. ``sample`` is cut to 120 bytes."""

    reason: str
    sample: bytes = b""


DeviceEvent = (
    CredentialPresented
    | TemperatureMeasured
    | SpotMeasured
    | ThermalFrameCaptured
    | PictureCaptured
    | FaceSeen
    | DoorMoved
    | InputChanged
    | PassageObserved
    | UnitReported
    | DeviceIdentified
    | HeartbeatSeen
    | Reject
)
