"""[thermometers.<device>]: where in its frames a thermal device measures people, against which reference."""

from enum import StrEnum

from pydantic import Field, model_validator

from cardea.runtime.config import Settings
from edge.thermal.position_settings import PositionFacts
from edge.thermal.registration_settings import Registration
from models.thermal.correction import APART_C_MIN


class Region(Settings):
    """A rectangle of a frame, pixels from the top left corner, ``bottom`` and ``right`` excluded."""

    top: int = Field(ge=0, le=4095, description="First row")
    left: int = Field(ge=0, le=4095, description="First column")
    bottom: int = Field(ge=1, le=4096, description="Row after the last")
    right: int = Field(ge=1, le=4096, description="Column after the last")

    @model_validator(mode="after")
    def _in_order(self) -> "Region":
        if self.top + 3 > self.bottom or self.left + 3 > self.right:
            raise ValueError("must be at least 3 pixels high and wide: bottom and right are excluded")
        return self


class Reference(Settings):
    """A blackbody in the picture, at a temperature it is set to; without a place it is searched for."""

    temp_c: float = Field(ge=20, le=60, description="What it is set to; °C")
    row: float | None = Field(
        default=None, ge=0, le=4095, description="Row of its centre; left out, it is searched for"
    )
    column: float | None = Field(
        default=None, ge=0, le=4095, description="Column of its centre; left out, it is searched for"
    )
    radius_px: float | None = Field(
        default=None, ge=2, le=200, description="Radius of its disc; left out, it is searched for; pixels"
    )
    uncertainty_c: float = Field(
        default=0.15, ge=0.02, le=2, description="Its standard uncertainty (k = 1), from its certificate; °C"
    )

    @model_validator(mode="after")
    def _placed_or_not(self) -> "Reference":
        told = [value is not None for value in (self.row, self.column, self.radius_px)]
        if any(told) and not all(told):
            raise ValueError(
                "row, column and radius_px go together: give all three, or none to have it found"
            )
        return self


class ConditionsOverride(Settings):
    """What the site knows better than the camera of what lies between it and people; the rest is its word."""

    emissivity: float | None = Field(
        default=None, ge=0.5, le=1, description="Emissivity of what is measured; skin 0.98"
    )
    distance_m: float | None = Field(default=None, ge=0, le=100, description="From camera to person; m")
    reflected_c: float | None = Field(
        default=None, ge=-50, le=100, description="Temperature of what is mirrored in the skin; °C"
    )
    atmosphere_c: float | None = Field(default=None, ge=-50, le=60, description="Temperature of the air; °C")
    humidity: float | None = Field(
        default=None, ge=0, le=1, description="Relative humidity, as a fraction of 1"
    )
    window_c: float | None = Field(
        default=None, ge=-50, le=100, description="Temperature of the window before the camera; °C"
    )
    window_transmission: float | None = Field(
        default=None, ge=0.3, le=1, description="Share of the radiation that the window lets through"
    )


class ShowsPeople(StrEnum):
    """What the console may see of a device that people stand before (docs/decisions/0015)."""

    OFF = "off"
    BLURRED = "blurred"
    ENTITLED = "entitled"


class ScreeningWatchSettings(Settings):
    """What watches over a thermometer's screenings: a second look at "normal", and its alarm rate."""

    baseline_people: int = Field(
        default=30,
        ge=10,
        le=300,
        description="So many people of the day make a baseline; who is unlike them is measured again",
    )
    target_rate: float = Field(
        default=0.01, ge=0.002, le=0.3, description="Share of people called elevated when all is well"
    )
    detectable_rate: float = Field(
        default=0.04, ge=0.004, le=0.9, description="Share that staff are told of; at least twice target_rate"
    )
    false_alarm_people: float = Field(
        default=10000,
        ge=100,
        le=1000000,
        description="So many people on average between two alerts while the share is at its target",
    )

    @model_validator(mode="after")
    def _apart(self) -> "ScreeningWatchSettings":
        if self.detectable_rate < 2 * self.target_rate:
            raise ValueError("detectable_rate must be at least twice target_rate")
        return self


class Thermometer(Settings):
    """How one device measures people."""

    roi: Region | None = Field(default=None, description="Where faces appear; needed by devices with frames")
    references: tuple[Reference, ...] = Field(
        default=(),
        max_length=2,
        description="The blackbodies in the picture, one or two; without one a frame screens nobody",
    )
    reference_gone_s_max: float = Field(
        default=10,
        ge=1,
        le=60,
        description="A reference hidden for longer is searched for anew; nobody is measured meanwhile; s",
    )
    site_c: float = Field(
        default=0,
        ge=-1,
        le=1,
        description="A constant added after the references' correction, so that a degree stays a degree; °C",
    )
    site_source: str = Field(
        default="",
        max_length=200,
        description="Where site_c comes from: whose comparison, of what, when; required when it is not 0",
    )
    conditions: ConditionsOverride = Field(
        default=ConditionsOverride(), description="What overrules the camera's own conditions"
    )
    warm_up_s: float = Field(
        default=1800,
        ge=0,
        le=14400,
        description="A sensor that says for how long it has been powered measures nobody before; s",
    )
    presence_c_min: float = Field(
        default=33, ge=25, le=36, description="What is this warm, after all corrections, is a person; °C"
    )
    presence_px_min: int = Field(
        default=300,
        ge=1,
        le=1000000,
        description="The largest circle in a face holds so many at least: a far one reads too cold; pixels",
    )
    steady_frames: int = Field(
        default=5, ge=2, le=60, description="Frames or spots in a row that must agree before one is believed"
    )
    steady_c: float = Field(
        default=0.3, ge=0.02, le=2, description="Within which they must agree; °C from least to most"
    )
    screening_watch: ScreeningWatchSettings = Field(
        default=ScreeningWatchSettings(), description="What watches over its screenings"
    )
    spot_uncertainty_c: float | None = Field(
        default=None,
        ge=0.05,
        le=3,
        description="Standard uncertainty (k = 1) of a pyrometer's spot; without it it screens nobody; °C",
    )
    picture: ShowsPeople = Field(
        default=ShowsPeople.OFF,
        description="The console's picture of it: off; people blurred here; or also clear, for a minute at "
        "the most, for staff who say why, which the audit chain keeps",
    )
    camera: str | None = Field(
        default=None, description="Visible camera beside it: where it sees a face, canthi are measured"
    )
    registration: Registration | None = Field(
        default=None, description="Where that camera's picture lies in the thermal one"
    )
    position: PositionFacts | None = Field(
        default=None,
        description="What its position is declared to be; unless that complies, it only gives advice",
    )

    @model_validator(mode="after")
    def _corrects(self) -> "Thermometer":
        set_c = [one.temp_c for one in self.references]
        if len(set_c) > 1 and max(set_c) - min(set_c) < APART_C_MIN:
            raise ValueError(f"two references tell of a gain only when set {APART_C_MIN:g} °C apart or more")
        if (self.camera is None) != (self.registration is None):
            raise ValueError("camera and registration belong together (cardea thermal register)")
        if self.site_c and not self.site_source.strip():
            raise ValueError("site_c needs its site_source: whose comparison, of what, when")
        return self
