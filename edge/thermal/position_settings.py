"""POSITION.toml and [thermometers.<device>.position]: what an installer declares of a camera position.

Nothing is assumed: what is not declared, measured or known otherwise leaves its clause UNKNOWN.
"""

import datetime as dt
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from cardea.runtime.config import Settings

Series = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}/[a-z0-9_]{1,64}$")]


class CameraFacts(Settings):
    """The camera, by its datasheet and as it stands there."""

    model: str | None = Field(
        default=None,
        max_length=80,
        description="What it is called; a sensor that is known by its name has no more pixels than that",
        examples=["Example 640"],
    )
    columns_px: int | None = Field(
        default=None, ge=1, le=8192, description="Columns of the sensor; pixels", examples=[640]
    )
    rows_px: int | None = Field(
        default=None, ge=1, le=8192, description="Rows of the sensor; pixels", examples=[480]
    )
    fov_horizontal_deg: float | None = Field(
        default=None, gt=0, lt=180, description="Angle that the columns see; degrees", examples=[45]
    )
    focal_length_mm: float | None = Field(
        default=None, gt=0, le=1000, description="Focal length of the lens; mm", examples=[13]
    )
    pixel_pitch_um: float | None = Field(
        default=None, gt=0, le=200, description="From one pixel of the sensor to the next; µm", examples=[12]
    )
    distance_m: float | None = Field(
        default=None, gt=0, le=100, description="From the camera to the face; m", examples=[0.7]
    )
    accuracy_c: float | None = Field(
        default=None, ge=0, le=100, description="Its accuracy, ± so much; °C", examples=[0.3]
    )
    mrtd_c: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="Minimum resolvable temperature difference; °C",
        examples=[0.06],
    )
    drift_compensated: bool | None = Field(
        default=None,
        description="Whether its drift is compensated, by itself or against the reference",
        examples=[True],
    )
    warm_up_min: float | None = Field(
        default=None,
        ge=0,
        le=1440,
        description="How long it is powered before people are measured; min",
        examples=[30],
    )
    emissivity: float | None = Field(
        default=None, gt=0, le=1, description="Emissivity that it is set to; skin has 0.98", examples=[0.98]
    )
    display_resolution_c: float | None = Field(
        default=None, gt=0, le=10, description="Smallest step of the temperature shown; °C", examples=[0.1]
    )


class ReferenceFacts(Settings):
    """The reference source (blackbody), by its certificate."""

    uncertainty_c: float | None = Field(
        default=None, ge=0, le=10, description="Standard uncertainty (k = 1); °C", examples=[0.15]
    )
    stability_c: float | None = Field(
        default=None, ge=0, le=10, description="How steady it is within minutes; °C", examples=[0.04]
    )
    drift_c: float | None = Field(
        default=None, ge=0, le=10, description="How far it drifts in 14 days; °C", examples=[0.05]
    )
    calibrated_on: dt.date | None = Field(
        default=None, description="Day of its last calibration", examples=[dt.date(2026, 9, 1)]
    )
    calibration_interval_d: int | None = Field(
        default=None, ge=1, le=3660, description="For how long a calibration is good; days", examples=[365]
    )
    set_c: float | None = Field(
        default=None, ge=20, le=60, description="What it is set to, to find it in a clip; °C", examples=[37]
    )
    row: float | None = Field(
        default=None, ge=0, le=4095, description="Row of its centre in the clip; pixels", examples=[93]
    )
    column: float | None = Field(
        default=None, ge=0, le=4095, description="Column of its centre in the clip; pixels", examples=[132]
    )
    radius_px: float | None = Field(
        default=None, ge=2, le=200, description="Radius of its disc in the clip; pixels", examples=[6]
    )


class BudgetTerms(Settings):
    """Standard uncertainties (k = 1) of a reading, besides the reference's."""

    emissivity_c: float = Field(
        default=0.077, ge=0, le=10, description="Because skin's emissivity is not known exactly; °C"
    )
    reflected_c: float = Field(
        default=0.053, ge=0, le=10, description="Because what skin reflects is not known exactly; °C"
    )
    drift_c: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="Of the camera between two looks at the reference, and of its pixels; °C",
        examples=[0.05],
    )
    spot_size_c: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="Because the warmest point is smaller than what one pixel sees; °C",
        examples=[0.1],
    )


class SiteFacts(Settings):
    """The place, and how people are led through it."""

    room_c_min: float | None = Field(
        default=None, ge=-50, le=60, description="Coldest that the room gets; °C", examples=[21]
    )
    room_c_max: float | None = Field(
        default=None, ge=-50, le=60, description="Warmest that the room gets; °C", examples=[23]
    )
    humidity_min: float | None = Field(
        default=None, ge=0, le=1, description="Least relative humidity, as a fraction of 1", examples=[0.3]
    )
    humidity_max: float | None = Field(
        default=None, ge=0, le=1, description="Most relative humidity, as a fraction of 1", examples=[0.45]
    )
    room_series: Series | None = Field(
        default=None,
        description="DEVICE/METRIC that measures the room in °C; it overrules the above",
        examples=["climate-1/room_c"],
    )
    humidity_series: Series | None = Field(
        default=None,
        description="DEVICE/METRIC that measures its humidity in %; it overrules the above",
        examples=["climate-1/humidity_pct"],
    )
    one_person_at_a_time: bool | None = Field(
        default=None, description="Whether people stand there one at a time", examples=[True]
    )
    no_draught: bool | None = Field(
        default=None, description="Whether no door, fan or air outlet blows there", examples=[True]
    )
    no_sun: bool | None = Field(
        default=None, description="Whether neither sun nor strong lamps shine there", examples=[True]
    )
    no_reflective_background: bool | None = Field(
        default=None, description="Whether nothing behind people mirrors", examples=[True]
    )
    acclimatisation_min: float | None = Field(
        default=None,
        ge=0,
        le=1440,
        description="How long people have been indoors before; min",
        examples=[15],
    )
    no_glasses_or_mask: bool | None = Field(
        default=None, description="Whether glasses and masks are taken off for it", examples=[True]
    )
    clinical_thermometer: bool | None = Field(
        default=None, description="Whether a clinical thermometer confirms what is elevated", examples=[True]
    )

    @model_validator(mode="after")
    def _in_order(self) -> "SiteFacts":
        for low, high in (("room_c_min", "room_c_max"), ("humidity_min", "humidity_max")):
            least, most = getattr(self, low), getattr(self, high)
            if least is not None and most is not None and least > most:
                raise ValueError(f"{low} must not lie above {high}")
        return self


class PositionFacts(Settings):
    """A camera position."""

    camera: CameraFacts = Field(default=CameraFacts(), description="The camera")
    reference: ReferenceFacts = Field(default=ReferenceFacts(), description="The reference source")
    uncertainty: BudgetTerms = Field(
        default=BudgetTerms(), description="Standard uncertainties of a reading, besides the reference's"
    )
    site: SiteFacts = Field(default=SiteFacts(), description="The place")
