"""What is wrong between thermal devices, the portals that measure with them and the scenes that are shown."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from pydantic import BaseModel

from drivers.api import Driver, PictureCaptured, SpotMeasured, ThermalFrameCaptured
from edge.configuration.settings import Portal
from edge.configuration.topology import uses
from edge.thermal.settings import ShowsPeople, Thermometer

Misfit = tuple[str, str | None, str]
"""Key, what stands there, advice."""


def thermometer_misfits(
    thermometers: Mapping[str, Thermometer],
    malformed: frozenset[str],
    portals: Mapping[str, Portal],
    drivers: Mapping[str, Driver[Any]],
    devices: frozenset[str],
) -> Iterator[Misfit]:
    """Entries of ``[thermometers]`` that are wrong or wanting; ``malformed`` ones have been named already."""
    for name, known in thermometers.items():
        if name not in devices:
            yield f"thermometers.{name}", None, _known(devices)
        elif name in drivers and not {SpotMeasured, ThermalFrameCaptured} & set(drivers[name].events):
            yield (
                f"thermometers.{name}",
                None,
                "its driver sees no temperatures as frames or spots, so nothing here applies; leave this out",
            )
        elif known.picture is not ShowsPeople.OFF and name in drivers and not _sees_frames(name, drivers):
            yield (
                f"thermometers.{name}.picture",
                known.picture,
                "its driver gives no thermal frames; leave this out",
            )
        yield from _camera_misfits(name, known.camera, drivers, devices)
    used = {name for portal in portals.values() for name in portal.ingress.thermometers}
    for name in sorted(used - malformed):
        settings = thermometers.get(name)
        if _sees_frames(name, drivers) and (settings is None or settings.roi is None):
            yield f"thermometers.{name}.roi", None, "is required: where in its frames do faces appear?"


def scene_misfits(
    scenes: tuple[str, ...],
    thermometers: Mapping[str, Thermometer],
    portals: Mapping[str, Portal],
    zones: Mapping[str, BaseModel],
    drivers: Mapping[str, Driver[Any]],
    devices: frozenset[str],
) -> Iterator[Misfit]:
    """A picture leaves the gateway as it is only of a scene without people (docs/decisions/0008)."""
    used_by = {use.device: f"portal {name!r}" for name, portal in portals.items() for use in uses(portal)}
    used_by |= {word: f"zone {name!r}" for name, zone in zones.items() for word in _words(zone.model_dump())}
    for name in scenes:
        if name not in devices:
            yield "scenes", name, _known(devices)
        elif name in drivers and not _sees_frames(name, drivers):
            yield "scenes", name, "its driver gives no thermal frames; leave this out"
        elif name in used_by:
            instead = f"leave this out, and see thermometers.{name}.picture"
            yield "scenes", name, f"{used_by[name]} uses it, so people are in its picture; {instead}"
        elif name in thermometers and thermometers[name].picture is not ShowsPeople.OFF:
            yield (
                f"thermometers.{name}.picture",
                thermometers[name].picture,
                "it is a scene without people; leave this out",
            )


def _camera_misfits(
    name: str, camera: str | None, drivers: Mapping[str, Driver[Any]], devices: frozenset[str]
) -> Iterator[Misfit]:
    """The visible camera beside a thermometer."""
    if camera is None:
        return
    if camera not in devices:
        yield f"thermometers.{name}.camera", camera, _known(devices)
    elif camera in drivers and PictureCaptured not in drivers[camera].events:
        yield f"thermometers.{name}.camera", camera, "its driver gives no visible pictures; name a camera"


def _words(value: object) -> Iterator[str]:
    """Every text in a dumped model, however deep: whatever names a device is among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in cast("Mapping[str, object]", value).values():
            yield from _words(part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in cast("Iterable[object]", value):
            yield from _words(part)


def _sees_frames(name: str, drivers: Mapping[str, Driver[Any]]) -> bool:
    return name in drivers and ThermalFrameCaptured in drivers[name].events


def _known(devices: frozenset[str]) -> str:
    return f"no such device; known here: {', '.join(sorted(devices)) or 'none'}"
