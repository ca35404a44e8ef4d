"""What happens in a simulated tower besides the ordinary, as a table: when first, how often, where."""

from dataclasses import dataclass
from enum import StrEnum


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


class Reader(StrEnum):
    """What a portal reads people with."""

    TERMINAL = "terminal"
    """Faces and cards, with temperature and mask."""
    QR = "qr"


@dataclass(frozen=True, slots=True)
class Scene:
    """A scenario or mishap at a portal with one of ``readers``: after ``first_s``, then every ``every_s``.

    ``busy_s``: how long the portal is taken.
    """

    what: Scenario | Mishap
    first_s: float
    every_s: float
    readers: frozenset[Reader]
    busy_s: float = 8.0


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
    Scene(Mishap.GARBAGE, 39, 170, ANY, busy_s=2),
    Scene(Scenario.TAILGATE, 43, 130, ANY),
    Scene(Mishap.OFFLINE, 47, 300, TERMINAL, busy_s=62),
    Scene(Scenario.EXPIRED, 51, 100, TERMINAL),
    Scene(Scenario.LAPSED, 57, 140, QR),
    Scene(Mishap.DOOR_FORCED, 66, 420, ANY),
    Scene(Scenario.DOOR_HELD, 72, 360, ANY, busy_s=50),
)
"""Within the first minute every sort of finding has been there once."""
