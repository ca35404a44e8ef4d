"""[zones.<name>]: a volume that can be disinfected, with its unit, its doors and whatever says who is there.

Nothing here loosens an exposure limit, and no kind of unit sprays people (``edge.decide.hazards``). Without
``commissioning`` a zone is watched and never started.
"""

import datetime as dt
from enum import StrEnum

from pydantic import Field, model_validator

from cardea.contract.zones import Hazard
from cardea.runtime.config import Settings
from edge.configuration.references import ChannelRef, Id
from edge.decide.hazards import KINDS, Kind, UnitKind


class Technology(StrEnum):
    """How an occupancy sensor senses; two of a zone must differ."""

    PIR = "pir"
    MMWAVE = "mmwave"
    CAMERA = "camera"
    ULTRASOUND = "ultrasound"
    PRESSURE_MAT = "pressure_mat"
    PORTAL_COUNT = "portal_count"


class Occupancy(Settings):
    """Something that says whether somebody is in the zone."""

    technology: Technology = Field(description="How it senses; no two of a zone alike")
    input: ChannelRef | None = Field(default=None, description="Its input; active = somebody is there")
    portal: Id | None = Field(
        default=None, description="With portal_count: the portal that counts people in and out"
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> "Occupancy":
        counts = self.technology is Technology.PORTAL_COUNT
        if counts is (self.portal is None) or counts is (self.input is not None):
            raise ValueError("portal_count names a portal, every other technology an input")
        return self


class GasSensor(Settings):
    """A sensor for what the unit leaves in the air."""

    device: Id = Field(description="The device that reports it")
    metric: str = Field(
        pattern=r"^[a-z0-9_]{1,60}_(ppm|mg_m3)$",
        description="Name of its number, with its unit: …_ppm, …_mg_m3",
    )
    high: float = Field(gt=0, le=10_000, description="End of its range, in the metric's unit")
    limit: float | None = Field(
        default=None,
        gt=0,
        description="A limit below the exposure limit of the gas, in the metric's unit; never above it",
    )
    frozen_s: float = Field(
        default=300.0, ge=10, le=3600, description="Reading the very same for so long it counts as frozen; s"
    )
    moves: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9_]{1,64}$",
        description="Another number of the device, which moves with each measurement where this may rest",
    )


class Commissioning(Settings):
    """What was measured on site before the unit was connected; without it nothing is ever started."""

    date: dt.date = Field(description="When")
    by: str = Field(min_length=1, max_length=80, description="Who measured and signed")
    e_max_uw_cm2: float = Field(
        default=0.0,
        ge=0,
        le=100_000,
        description="New lamp, at the nearest point where a person can stand with the doors closed; µW/cm²",
    )
    e_worst_point_uw_cm2: float = Field(
        default=0.0, ge=0, le=100_000, description="New lamp, at the worst point to be disinfected; µW/cm²"
    )
    reference_uw_cm2: float | None = Field(
        default=None, gt=0, le=100_000, description="What the unit's own sensor read then; µW/cm²"
    )
    t_poll_s: float = Field(gt=0, le=10, description="How often inputs are read; s")
    t_watchdog_s: float = Field(
        gt=0, le=60, description="After what silence the unit switches off by itself; s"
    )
    t_off_s: float = Field(ge=0, le=60, description="From switching off to no emission; s")
    watchdog: int = Field(
        ge=1, le=65535, description="What the unit's watchdog register was set to and read back; never 0"
    )


class Zone(Settings):
    """A zone with its unit and its inputs."""

    title: str = Field(min_length=1, max_length=80, description="Name for people")
    kind: UnitKind = Field(description="What the unit is; says what people in the zone would be exposed to")
    unit: Id = Field(description="The device that emits")
    enabled: bool = Field(default=True, description="False takes the zone out of use; it is still watched")
    contactor: bool = Field(
        default=True, description="Whether a contactor upstream can cut the unit; enclosed units may lack it"
    )
    doors: tuple[ChannelRef, ...] = Field(
        default=(), max_length=16, description="Inputs of the doors' contacts; active = not closed"
    )
    occupancy: tuple[Occupancy, ...] = Field(
        default=(),
        max_length=8,
        description="What says whether somebody is there; two different technologies",
    )
    walk_test_s: float = Field(
        default=86_400.0,
        ge=60,
        le=604_800,
        description="An occupancy sensor that has not changed for so long counts as frozen; s",
    )
    estop: ChannelRef | None = Field(
        default=None, description="Input of the emergency stop; active = pressed"
    )
    fire: ChannelRef | None = Field(default=None, description="Input wired to the fire panel")
    arm: ChannelRef | None = Field(
        default=None, description="Input of the key switch that agrees; turned back it stops the cycle"
    )
    enclosure: ChannelRef | None = Field(
        default=None,
        description="Input of the enclosure's contact, active = open; without it the unit's own "
        "enclosure_closed counts",
    )
    sounder: ChannelRef | None = Field(default=None, description="Output that sounds the warning")
    unit_warns: bool = Field(default=False, description="Whether the unit sounds the warning by itself")
    gas_inside: GasSensor | None = Field(default=None, description="The gas sensor in the zone")
    gas_adjacent: GasSensor | None = Field(
        default=None, description="The gas sensor next door, where people are"
    )
    limit_mj_cm2: float | None = Field(
        default=None, gt=0, description="A limit below the exposure limit per 8 h; never above it; mJ/cm²"
    )
    warn_s: float = Field(default=30.0, ge=30, le=600, description="For how long the warning sounds; s")
    dose_mj_cm2_min: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="Dose to reach at the worst point with an aged lamp; mJ/cm²",
    )
    emit_s: float | None = Field(
        default=None, gt=0, le=28_800, description="For how long to emit where no dose is aimed at; s"
    )
    run_s_max: float = Field(default=1800.0, ge=1, le=28_800, description="Hard cap on one emission; s")
    dose_mj_cm2_max: float | None = Field(
        default=None, gt=0, le=100_000, description="Hard cap on the dose of one cycle; mJ/cm²"
    )
    cycles_per_day_max: int = Field(default=4, ge=1, le=96, description="Hard cap on cycles within 24 h")
    dwell_s: float = Field(
        default=600.0, ge=0, le=28_800, description="For how long what was emitted takes effect; s"
    )
    clearance_s: float = Field(
        default=4140.0,
        ge=0,
        le=86_400,
        description="For how long to air at least; 6 air changes per h take 4140 s to 99.9 % (CDC); s",
    )
    product: str = Field(
        default="", max_length=80, description="What is emitted and its lot, for the record of each cycle"
    )
    commissioning: Commissioning | None = Field(
        default=None, description="Measured on site; without it the zone is watched and never started"
    )

    @property
    def hazard(self) -> Hazard:
        """What people in it would be exposed to."""
        return self.nature.hazard

    @property
    def nature(self) -> Kind:
        """What a unit of this kind is to people."""
        return KINDS[self.kind]
