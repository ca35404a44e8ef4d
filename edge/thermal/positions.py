"""From [thermometers.<device>] to what the checks of ``models.thermal`` need."""

from edge.thermal.settings import Reference as ToldReference
from edge.thermal.settings import Thermometer
from models.thermal.overrides import Overrides
from models.thermal.people.presence import Manner
from models.thermal.reference.reference import Blackbody, Reference
from models.thermal.roi import Region
from models.thermal.station import Position


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


def references_of(settings: Thermometer) -> tuple[Blackbody, ...]:
    """The blackbodies in the picture; those without a place are searched for."""
    return tuple(_blackbody(one) for one in settings.references)


def _blackbody(told: ToldReference) -> Blackbody:
    if told.row is None or told.column is None or told.radius_px is None:
        return Blackbody(temp_c=told.temp_c, uncertainty_c=told.uncertainty_c)
    return Reference(
        temp_c=told.temp_c,
        uncertainty_c=told.uncertainty_c,
        row=told.row,
        column=told.column,
        radius_px=told.radius_px,
    )


def overrides_of(settings: Thermometer) -> Overrides:
    """What the site knows better than its camera."""
    return Overrides(**settings.conditions.model_dump())


def position_of(settings: Thermometer) -> Position | None:
    """How a device with frames measures people; ``None`` without a region, which measures nobody."""
    region = region_of(settings)
    if region is None:
        return None
    return Position(
        region=region,
        references=references_of(settings),
        reference_gone_s_max=settings.reference_gone_s_max,
        site_c=settings.site_c,
        overrides=overrides_of(settings),
        presence_px_min=settings.presence_px_min,
        warm_up_s=settings.warm_up_s,
        manner=manner_of(settings),
    )
