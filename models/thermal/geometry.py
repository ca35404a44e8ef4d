"""How much of a face one pixel sees, and how many pixels a face fills."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

HEAD_MM = (240.0, 180.0)
"""Height and width of a head in the picture: what 240 x 180 pixels show at 1 mm each (ISO/TR 13154)."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """What a datasheet says: pixels, and the angle that the columns see (°) where there is only one lens."""

    columns_px: int
    rows_px: int
    fov_horizontal_deg: float | None = None


SENSORS: Mapping[str, Sensor] = {
    "lepton": Sensor(160, 120, 57.0),
    "mlx90640": Sensor(32, 24),
    "mlx90641": Sensor(16, 12),
    "thermal.htpa": Sensor(32, 32),
    "htpa32x32": Sensor(32, 32),
    "thermal.infiray": Sensor(256, 192),
    "p2 pro": Sensor(256, 192),
}
"""By a word of the camera's or driver's name; nobody can declare more pixels than these have. Sources: FLIR
Lepton Engineering Datasheet 500-0659-00-09; datasheets of Melexis MLX90640 and MLX90641, Heimann HTPA32x32d,
InfiRay P2 Pro and P3."""


def sensor_of(*names: str) -> Sensor | None:
    """The sensor that a name of camera or driver speaks of."""
    told = " ".join(names).casefold()
    return next((sensor for word, sensor in SENSORS.items() if word in told), None)


def spot_mm(distance_m: float, fov_deg: float, pixels: float) -> float:
    """What one pixel sees at ``distance_m``, mm: the field of view by the pixels across it."""
    return 2000.0 * distance_m * math.tan(math.radians(fov_deg) / 2.0) / pixels


def spot_through_lens_mm(distance_m: float, focal_length_mm: float, pitch_um: float) -> float:
    """The same from the lens and the pitch of the pixels."""
    return distance_m * pitch_um / focal_length_mm


def longer_first(columns_px: float, rows_px: float) -> tuple[float, float]:
    """A camera may stand upright or lie."""
    return float(max(columns_px, rows_px)), float(min(columns_px, rows_px))


def face_px(spot_size_mm: float, columns_px: float, rows_px: float) -> tuple[float, float]:
    """A face's longer and shorter side in pixels; it fills no more of them than the sensor has."""
    long, short = longer_first(columns_px, rows_px)
    return min(HEAD_MM[0] / spot_size_mm, long), min(HEAD_MM[1] / spot_size_mm, short)
