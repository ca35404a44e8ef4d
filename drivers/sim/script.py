"""What happens in a simulated tower besides the ordinary, as a table: when first, how often, where."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cardea.contract.records import AlertKind


class Scenario(StrEnum):
    """What a visit is about."""

    ORDINARY = "ordinary"
    GUEST = "guest"
    """Somebody with a pass for one use."""
    ELEVATED = "elevated"
    RETEST = "retest"
    """Warm from the sun: once more and it is normal."""
    MASK_MISSING = "mask_missing"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"
    REPLAYED = "replayed"
    """A pass for one use, shown again."""
    FORGED = "forged"
    LAPSED = "lapsed"
    """A pass of yesterday."""
    TAILGATE = "tailgate"
    DOOR_HELD = "door_held"


class Mishap(StrEnum):
    """What goes wrong with a device."""

    OFFLINE = "offline"
    GARBAGE = "garbage"
    DOOR_FORCED = "door_forced"
    REFUSAL = "refusal"
    """Somebody sets another password at the terminal, and later the old one again."""
    FIRE_ALARM = "fire_alarm"
    """The fire panel's contact says so; afterwards somebody must reset the release."""
    BOARD_SILENT = "board_silent"
    """The relay board says nothing, so its fire contact is not known either."""
    TAMPER = "tamper"
    """The cover of the board's cabinet is opened."""
    THERMOMETER_STUCK = "thermometer_stuck"
    """A thermal camera's picture stands still."""


class Reader(StrEnum):
    """What a portal reads people with."""

    TERMINAL = "terminal"
    """Faces and cards, with temperature and mask."""
    QR = "qr"


class Fitting(StrEnum):
    """What else stands at a portal."""

    CAMERA = "camera"
    """A thermal camera of its own."""
    SPOT = "spot"
    """A pyrometer."""
    FIRE = "fire"
    TAMPER = "tamper"


@dataclass(frozen=True, slots=True)
class Scene:
    """A scenario or mishap at a portal with one of ``readers``: after ``first_s``, then every ``every_s``.

    ``busy_s``: how long the portal is taken; ``fitting``: what the portal must have, besides.
    """

    what: Scenario | Mishap
    first_s: float
    every_s: float
    readers: frozenset[Reader]
    busy_s: float = 8.0
    fitting: Fitting | None = None


TERMINAL, QR = frozenset({Reader.TERMINAL}), frozenset({Reader.QR})
ANY = TERMINAL | QR

SCENES = (
    Scene(Scenario.GUEST, 4, 40, QR),
    Scene(Scenario.ELEVATED, 9, 75, TERMINAL),
    Scene(Scenario.MASK_MISSING, 13, 50, TERMINAL, busy_s=16),
    Scene(Scenario.REPLAYED, 18, 120, QR),
    Scene(Scenario.UNKNOWN, 22, 55, TERMINAL),
    Scene(Scenario.RETEST, 26, 70, TERMINAL, busy_s=16),
    Scene(Scenario.REVOKED, 31, 110, TERMINAL),
    Scene(Scenario.FORGED, 36, 150, QR),
    Scene(Mishap.GARBAGE, 39, 540, ANY, busy_s=8),
    Scene(Scenario.TAILGATE, 43, 130, ANY),
    Scene(Mishap.OFFLINE, 47, 300, TERMINAL, busy_s=62),
    Scene(Scenario.EXPIRED, 51, 100, TERMINAL),
    Scene(Scenario.LAPSED, 57, 140, QR),
    Scene(Mishap.DOOR_FORCED, 66, 420, QR),
    Scene(Scenario.DOOR_HELD, 72, 360, QR, busy_s=50),
    Scene(Scenario.ELEVATED, 88, 180, QR, busy_s=12, fitting=Fitting.CAMERA),
    Scene(Scenario.ELEVATED, 110, 230, QR, busy_s=12, fitting=Fitting.SPOT),
    Scene(Mishap.THERMOMETER_STUCK, 140, 420, ANY, busy_s=32, fitting=Fitting.CAMERA),
    Scene(Mishap.TAMPER, 168, 480, ANY, busy_s=2, fitting=Fitting.TAMPER),
    Scene(Mishap.REFUSAL, 220, 900, TERMINAL, busy_s=100),
    Scene(Mishap.BOARD_SILENT, 300, 540, QR, busy_s=24, fitting=Fitting.FIRE),
    Scene(Mishap.FIRE_ALARM, 400, 900, QR, busy_s=60, fitting=Fitting.FIRE),
)
"""Within the first minute every sort of ordinary finding has been there once; the graver ones are spread over
the first ten minutes (the washroom has a plan of its own, ``drivers.sim.zone_world``)."""

LASTS_S: Mapping[Mishap, float] = {
    Mishap.OFFLINE: 60.0,
    Mishap.GARBAGE: 6.0,
    Mishap.REFUSAL: 45.0,
    Mishap.FIRE_ALARM: 15.0,
    Mishap.BOARD_SILENT: 15.0,
    Mishap.TAMPER: 20.0,
    Mishap.THERMOMETER_STUCK: 20.0,
}
"""For how long; what is not named is over at once."""

CAUSES: Mapping[AlertKind, Scenario | Mishap] = {
    AlertKind.ELEVATED: Scenario.ELEVATED,
    AlertKind.CREDENTIAL_REVOKED: Scenario.REVOKED,
    AlertKind.CREDENTIAL_REPLAYED: Scenario.REPLAYED,
    AlertKind.CREDENTIAL_FORGED: Scenario.FORGED,
    AlertKind.DOOR_HELD: Scenario.DOOR_HELD,
    AlertKind.DOOR_FORCED: Mishap.DOOR_FORCED,
    AlertKind.DEVICE_OFFLINE: Mishap.OFFLINE,
    AlertKind.DEVICE_GARBAGE: Mishap.GARBAGE,
    AlertKind.DEVICE_REFUSED: Mishap.REFUSAL,
    AlertKind.FIRE: Mishap.FIRE_ALARM,
    AlertKind.FIRE_TROUBLE: Mishap.BOARD_SILENT,
    AlertKind.TAMPER: Mishap.TAMPER,
    AlertKind.THERMOMETER_UNFIT: Mishap.THERMOMETER_STUCK,
}
"""What raises each alert at a portal; those of zones have their causes in ``drivers.sim.zone_world``."""

STANDING: Mapping[AlertKind, str] = {
    AlertKind.CHECK_UNAVAILABLE: "the demo's camera has no model to check faces with; said once",
}
"""Alerts that a demo raises by what it is."""

NOT_SHOWN: Mapping[AlertKind, str] = {
    AlertKind.DEVICE_MISCONFIGURED: "needs a wrong configuration and lasts until a restart",
    AlertKind.GATEWAY_SILENT: "needs the gateway stopped for longer than gateway_silent_s: kill -STOP it",
    AlertKind.THERMOMETER_NORMALISED: "needs a terminal that normalises (sim.toml) and a hundred people",
    AlertKind.STATUS_RED: "needs a health status from the district, which the demo has no source of",
    AlertKind.VESTIBULE_OCCUPIED: "needs a two-door vestibule with an occupancy sensor",
    AlertKind.STORE_STALLED: "needs a disk that stalls",
    AlertKind.STORE_FULL: "needs a full disk",
    AlertKind.CLOCK_UNSYNCHRONISED: "is up to this machine's own clock",
    AlertKind.CLONE: "needs a second gateway with a copied certificate",
    AlertKind.FACE_MISMATCH: "needs face models, a template and somebody else's face: no face is in the demo",
    AlertKind.GALLERY_LARGE: "needs 80,000 face templates",
    AlertKind.GALLERY_FILING: "needs 100,000 face templates",
    AlertKind.SCREENING_RATE: "needs a thermometer that calls a third of the people elevated",
}
"""Alerts that no simulated device can bring about, and why."""
