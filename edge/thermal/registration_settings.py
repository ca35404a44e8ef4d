"""[thermometers.<device>.registration]: where a visible camera's picture lies in the thermal one."""

from pydantic import Field, model_validator

from cardea.runtime.config import Settings
from models.thermal.registration.parallax import Registration as Registered


class Registration(Settings):
    """What ``cardea thermal register --out`` writes."""

    x: tuple[float, float, float, float] = Field(
        description="Thermal x for visible x, visible y, 1 and the distance of the eyes; pixels"
    )
    y: tuple[float, float, float, float] = Field(description="The same for thermal y")
    interocular_px: tuple[float, float] = Field(
        description="Least and greatest distance of the eyes that it was calibrated with; visible pixels"
    )
    residual_px: float = Field(ge=0, le=50, description="What the calibration left; thermal pixels")

    @model_validator(mode="after")
    def _makes_sense(self) -> "Registration":
        if not 0 < self.interocular_px[0] <= self.interocular_px[1]:
            raise ValueError("interocular_px must be two distances above 0, the smaller one first")
        return self

    @property
    def registered(self) -> Registered:
        """As the checks need it."""
        return Registered(
            x=self.x, y=self.y, interocular_px=self.interocular_px, residual_px=self.residual_px
        )
