"""What standards ask of a position that screens people by the temperature of their skin, as a table.

Sources: IEC 80601-2-59:2017 (screening thermographs), ISO/TR 13154:2017 (their deployment), and the
enforcement policy for telethermographic systems of the FDA, April 2020. One clause stands on one figure.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

IEC = "IEC 80601-2-59:2017"
ISO = "ISO/TR 13154:2017"
FDA = "FDA enforcement policy 2020"
_TOLERANCE = 1e-9
"""A limit that a figure meets exactly is met, whatever its last binary digit says."""


class Figure(StrEnum):
    """What a clause stands on; values are numbers, 1 or 0 where the answer is yes or no."""

    FACE = "face_px"
    SENSOR = "sensor_px"
    SPOT_SIZE = "spot_size_mm"
    LABORATORY = "laboratory_accuracy_c"
    CAMERA = "camera_accuracy_c"
    MRTD = "mrtd_c"
    DRIFT = "drift_compensation"
    REFERENCE = "reference_stability_and_drift_c"
    REFERENCE_U = "reference_uncertainty_c"
    CALIBRATION = "calibration_left_d"
    WARM_UP = "warm_up_min"
    EMISSIVITY = "emissivity"
    DISPLAY = "display_resolution_c"
    ROOM = "room_c"
    HUMIDITY = "humidity_pct"
    ONE_PERSON = "one_person_at_a_time"
    NO_DRAUGHT = "no_draught"
    NO_SUN = "no_sun"
    NO_REFLECTION = "no_reflective_background"
    ACCLIMATISED = "acclimatisation_min"
    FACE_BARE = "no_glasses_or_mask"
    CONFIRMED = "confirmed_by_clinical_thermometer"


@dataclass(frozen=True, slots=True)
class Bound:
    """From ``low`` to ``high``, both included."""

    low: float = -math.inf
    high: float = math.inf

    def holds(self, value: float) -> bool:
        """Not-a-number lies within nothing."""
        return self.low - _TOLERANCE <= value <= self.high + _TOLERANCE


@dataclass(frozen=True, slots=True)
class Clause:
    """One demand: as many bounds as its figure has values."""

    figure: Figure
    text: str
    bounds: tuple[Bound, ...]
    unit: str
    """Empty where the answer is yes or no."""
    source: str


YES = (Bound(low=1.0, high=1.0),)

CLAUSES: tuple[Clause, ...] = (
    Clause(Figure.FACE, "pixels on the face", (Bound(low=240), Bound(low=180)), "px", IEC),
    Clause(Figure.SENSOR, "pixels of the sensor", (Bound(low=320), Bound(low=240)), "px", FDA),
    Clause(Figure.SPOT_SIZE, "spot size: a canthus is resolved", (Bound(high=1.0),), "mm/px", ISO),
    Clause(
        Figure.LABORATORY,
        "laboratory accuracy, 34 to 39 °C, with the reference (k = 2)",
        (Bound(high=0.5),),
        "°C",
        IEC,
    ),
    Clause(Figure.CAMERA, "accuracy of the camera", (Bound(high=0.3),), "°C", FDA),
    Clause(Figure.MRTD, "minimum resolvable temperature difference", (Bound(high=0.1),), "°C", FDA),
    Clause(Figure.DRIFT, "drift of the camera is compensated", YES, "", FDA),
    Clause(Figure.REFERENCE, "reference source: stability and drift in 14 d", (Bound(high=0.1),), "°C", FDA),
    Clause(Figure.REFERENCE_U, "reference source: uncertainty (k = 2)", (Bound(high=0.3),), "°C", FDA),
    Clause(Figure.CALIBRATION, "reference source: until its next calibration", (Bound(low=0),), "d", FDA),
    Clause(Figure.WARM_UP, "warm-up before people are measured", (Bound(low=30),), "min", FDA),
    Clause(Figure.EMISSIVITY, "emissivity set for skin (0.98)", (Bound(0.975, 0.985),), "1", FDA),
    Clause(Figure.DISPLAY, "resolution of the display", (Bound(high=0.1),), "°C", IEC),
    Clause(Figure.ROOM, "room temperature", (Bound(20, 24), Bound(20, 24)), "°C", FDA),
    Clause(Figure.HUMIDITY, "relative humidity", (Bound(10, 50), Bound(10, 50)), "%", FDA),
    Clause(Figure.ONE_PERSON, "one person at a time", YES, "", FDA),
    Clause(Figure.NO_DRAUGHT, "no draught", YES, "", FDA),
    Clause(Figure.NO_SUN, "no sun or other strong source", YES, "", FDA),
    Clause(Figure.NO_REFLECTION, "no reflective background", YES, "", FDA),
    Clause(Figure.ACCLIMATISED, "time indoors before the measurement", (Bound(low=15),), "min", FDA),
    Clause(Figure.FACE_BARE, "no glasses and no mask while measured", YES, "", FDA),
    Clause(Figure.CONFIRMED, "a clinical thermometer confirms", YES, "", f"{ISO}; {FDA}"),
)
