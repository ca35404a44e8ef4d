"""Two pinhole cameras side by side and faces before them, drawn by geometry; skin as warm as it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from drivers.api import FaceBox

INTEROCULAR_MM, CORNERS_MM = 63.0, 33.0


@dataclass(frozen=True)
class Rig:
    """A visible and a thermal camera that look the same way; millimetres and pixels."""

    visible_focal_px: float = 900.0
    visible_middle: tuple[float, float] = (640.0, 360.0)
    thermal_focal_px: float = 520.0
    thermal_middle: tuple[float, float] = (320.0, 256.0)
    apart_mm: tuple[float, float] = (60.0, -15.0)
    """Where the thermal camera stands from the visible one: to the right, below."""
    roll: float = 0.01
    """By how much the thermal camera is turned about its axis; radians."""

    def visible(self, x_mm: float, y_mm: float, z_mm: float) -> tuple[float, float]:
        f, (cx, cy) = self.visible_focal_px, self.visible_middle
        return cx + f * x_mm / z_mm, cy + f * y_mm / z_mm

    def thermal(self, x_mm: float, y_mm: float, z_mm: float) -> tuple[float, float]:
        f, (cx, cy) = self.thermal_focal_px, self.thermal_middle
        u, v = f * (x_mm - self.apart_mm[0]) / z_mm, f * (y_mm - self.apart_mm[1]) / z_mm
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        return float(cx + cos * u - sin * v), float(cy + sin * u + cos * v)

    def face(self, x_mm: float, y_mm: float, z_mm: float) -> FaceBox:
        """What a detector says of a face whose eyes' middle is there."""
        half = INTEROCULAR_MM / 2
        at = ((-half, 0), (half, 0), (0, 40), (-25, 75), (25, 75))
        landmarks = tuple(self.visible(x_mm + dx, y_mm + dy, z_mm) for dx, dy in at)
        left, top = self.visible(x_mm - 75, y_mm - 90, z_mm)
        right, bottom = self.visible(x_mm + 75, y_mm + 110, z_mm)
        return FaceBox(x=left, y=top, width=right - left, height=bottom - top, landmarks=landmarks, score=0.9)

    def corners(self, x_mm: float, y_mm: float, z_mm: float) -> tuple[Any, Any]:
        """The inner corners of the eyes in the thermal picture."""
        half = CORNERS_MM / 2
        return self.thermal(x_mm - half, y_mm, z_mm), self.thermal(x_mm + half, y_mm, z_mm)

    def picture_c(self, x_mm: float, y_mm: float, z_mm: float, *, seed: int = 1) -> Any:
        """A thermal picture, 512 x 640 °C, of a face whose eyes' middle is there."""
        rows, columns = np.mgrid[:512, :640].astype(float)
        centre = self.thermal(x_mm, y_mm, z_mm)
        mm = z_mm / self.thermal_focal_px
        x, y = (columns - centre[0]) * mm, (rows - centre[1]) * mm
        temps_c = np.full((512, 640), 23.0)
        temps_c[(np.abs(x) < 55) & (y > 60)] = 33.8
        temps_c[(np.abs(x) < 240) & (y > 190)] = 29.0
        temps_c[(x / 75) ** 2 + ((y - 10) / 110) ** 2 < 1] = 34.0

        def spot(at_x: float, at_y: float, wide: float, high: float, by_c: float) -> None:
            nonlocal temps_c
            temps_c = temps_c + by_c * np.exp(-(((x - at_x) / wide) ** 2 + ((y - at_y) / high) ** 2) / 2)

        for side in (-1, 1):
            spot(side * CORNERS_MM / 2, 0, 3.5, 3.5, 1.9)
            spot(side * INTEROCULAR_MM / 2, 0, 8, 4, -0.6)
        spot(0, 35, 12, 14, -2.5)
        spot(0, 72, 20, 6, 0.9)
        spot(0, -45, 40, 15, 0.5)
        return temps_c + np.random.default_rng(seed).normal(0, 0.05, temps_c.shape)
