"""Settings of an MLX90640: where it is, how it measures, and what it looks at."""

from pydantic import Field, field_validator, model_validator

from drivers.api import DeviceSettings
from drivers.thermal.mlx90640.registers import REFRESH_HZ, Pattern

FRAMES_IN_SILENCE_MIN = 3


class Mlx90640Settings(DeviceSettings):
    """One sensor on an I2C bus."""

    address: int = Field(
        default=0x33, ge=0x08, le=0x77, description="its address on the bus, 7 bits; 51 is 0x33"
    )
    refresh_hz: float = Field(
        default=4.0,
        ge=0.5,
        le=64,
        description="sub-pages a second: 0.5, 1, 2, 4, 8, 16, 32 or 64; half as many frames. Faster is "
        "noisier, and from 8 on needs a bus of 400 kHz, from 32 on one of 1 MHz. 2 is what the sensor does "
        "by itself, so that a restart is not noticed",
    )
    pattern: Pattern = Field(
        default="chess",
        description="which pixels a sub-page has: chess, as the sensors are calibrated, or interleaved rows",
    )
    emissivity: float = Field(default=0.98, ge=0.1, le=1, description="of what it looks at; skin 0.98")
    reflected_c: float | None = Field(
        default=None,
        ge=-100,
        le=300,
        description="temperature of what is reflected there, °C; without it 8 below the sensor's own",
    )
    frozen_frames: int = Field(
        default=8, ge=2, le=1000, description="so many frames that are the same count as frozen"
    )
    silence_s_max: float = Field(
        default=15.0, ge=1, le=120, description="without a frame for so long, the sensor counts as lost, s"
    )

    @field_validator("refresh_hz")
    @classmethod
    def _refresh_is_one_it_has(cls, refresh_hz: float) -> float:
        if refresh_hz not in REFRESH_HZ:
            raise ValueError("must be 0.5, 1, 2, 4, 8, 16, 32 or 64")
        return refresh_hz

    @model_validator(mode="after")
    def _silence_holds_frames(self) -> "Mlx90640Settings":
        if self.silence_s_max < FRAMES_IN_SILENCE_MIN * 2 / self.refresh_hz:
            raise ValueError(f"silence_s_max must be longer than {FRAMES_IN_SILENCE_MIN} frames take")
        return self
