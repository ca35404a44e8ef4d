"""From [thermometers.<device>] to what the checks of ``models.thermal`` need."""

from edge.thermometer_settings import Thermometer
from models.thermal.overrides import Overrides
from models.thermal.presence import Manner
from models.thermal.reference import Reference
from models.thermal.roi import Region
from models.thermal.station import Position
from models.thermal.uncertainty import Budget


def manner_of(settings: Thermometer) -> Manner:
    """What counts as somebody standing steadily before this device."""
    return Manner(
        presence_c_min=settings.presence_c_min,
        frames=settings.steady_frames,
        spread_c_max=settings.steady_c,
    )


def region_of(settings: Thermometer) -> Region | None:
    """Where faces appear."""
    return None if settings.roi is None else Region(**settings.roi.model_dump())


def reference_of(settings: Thermometer) -> Reference | None:
    """The blackbody in the picture."""
    found = settings.reference
    if found is None:
        return None
    return Reference(temp_c=found.temp_c, row=found.row, column=found.column, radius_px=found.radius_px)


def overrides_of(settings: Thermometer) -> Overrides:
    """What the site knows better than its camera."""
    return Overrides(**settings.conditions.model_dump())


def position_of(settings: Thermometer) -> Position | None:
    """How a device with frames measures people; ``None`` without a region, which measures nobody."""
    region = region_of(settings)
    if region is None:
        return None
    budget = Budget() if settings.reference is None else Budget(reference_c=settings.reference.uncertainty_c)
    return Position(
        region=region,
        reference=reference_of(settings),
        overrides=overrides_of(settings),
        presence_px_min=settings.presence_px_min,
        warm_up_s=settings.warm_up_s,
        manner=manner_of(settings),
        budget=budget,
    )
