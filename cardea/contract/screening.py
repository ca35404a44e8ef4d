"""What a thermal screening rests on: why there is none, or every term of the measured temperature."""

from dataclasses import dataclass
from enum import StrEnum


class NotScreened(StrEnum):
    """Why there is no temperature of a person."""

    NO_REFERENCE = "no_reference"
    """None is configured."""
    REFERENCE_LOST = "reference_lost"
    REFERENCE_DRIFTING = "reference_drifting"
    GAIN_UNFIT = "gain_unfit"
    """Two references disagree by more than a sound sensor's gain can."""
    WARMING_UP = "warming_up"
    FLAT_FIELD = "flat_field"
    """A flat-field correction, until the reference has been seen again."""
    FRAME_UNFIT = "frame_unfit"
    UNCERTAINTY_UNKNOWN = "uncertainty_unknown"
    """Nobody has said how far this instrument can be believed."""
    TOO_HOT = "too_hot"
    """Something warmer than any person is in view."""
    NOBODY_THERE = "nobody_there"
    TOO_FAR = "too_far"
    """Somebody, but too small in the picture: a far face reads too cold."""
    TOO_NEAR = "too_near"
    """Somebody whose face does not fit into the picture."""
    OVERLAPPING = "overlapping"
    """Two people, one before the other: nobody can say whose temperature it is."""
    FACE_UNSEEN = "face_unseen"
    """The camera beside the thermometer sees no face that looks this way: where are the canthi?"""
    NOT_STEADY = "not_steady"


OF_PEOPLE = frozenset(
    {
        NotScreened.NOBODY_THERE,
        NotScreened.TOO_FAR,
        NotScreened.TOO_NEAR,
        NotScreened.OVERLAPPING,
        NotScreened.FACE_UNSEEN,
        NotScreened.NOT_STEADY,
    }
)
"""What people do or leave; all others are what a position lacks."""


class Correction(StrEnum):
    """What a reading was corrected by."""

    NONE = "none"
    """The instrument's own calibration, as of a pyrometer."""
    ONE_POINT = "one_point"
    """A reference in the picture: an offset."""
    TWO_POINT = "two_point"
    """Two references in the picture: a gain within 0.95 to 1.05 and an offset."""


@dataclass(frozen=True, slots=True)
class ScreeningTerms:
    """A surface temperature and what it is made of: raw, radiometry, reference and site add up to it; °C.

    A dataclass, which the API's own schema understands as well as the wire's.
    """

    raw_c: float
    """As a blackbody at the lens."""
    radiometry_c: float
    """Added for emissivity, air and window."""
    reference_c: float
    """Added so that the reference, or both, read what they are set to."""
    site_c: float
    """Added by the site: a constant, so that a degree of skin stays a degree."""
    uncertainty_c: float
    """Combined, k = 1."""
    correction: Correction
    gain: float = 1.0
    """Of the two-point correction, contained in ``reference_c``."""
    reference_age_s: float | None = None
    """For how long the reference had not been seen."""
    threshold_c: float | None = None
    """The surface temperature from which on it counts as elevated."""
    usual_c: float | None = None
    """The middle of the last people's, where somebody below the threshold is measured again for being unlike
    them."""
