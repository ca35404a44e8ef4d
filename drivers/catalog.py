"""Drivers by name: the module path below ``drivers``, then what other distributions offer.

There is no registry to sign up in: a driver is a package ``drivers/<family>/<name>`` with a ``DRIVER`` in
it, or an entry point of the group ``cardea.drivers`` that names one. A driver that cannot be imported says
so; it is never taken for one that is not there.
"""

import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from drivers.api import DeviceMisconfigured, Driver

ENTRY_POINTS = "cardea.drivers"
_NOT_FAMILIES = frozenset({"links", "sim"})


def names() -> tuple[str, ...]:
    """Every driver's name, sorted: our own (``gates.hikvision``) and those of other distributions."""
    return tuple(sorted({*_own_names(), *_offered()}))


def find(name: str) -> Driver[Any]:
    """The driver of that name; ours goes before another distribution's.

    Raises:
        DeviceMisconfigured: no such driver (the message names those there are), or another distribution
            offers something that cannot be loaded or is no driver.
    """
    if name in _own_names():
        return _checked(name, getattr(importlib.import_module(f"drivers.{name}"), "DRIVER", None))
    offered = _offered().get(name)
    if offered is None:
        raise DeviceMisconfigured(f"there is no driver {name!r}; there are: {', '.join(names())}")
    try:
        loaded = offered.load()
    except (ImportError, AttributeError) as error:
        raise DeviceMisconfigured(f"driver {name!r} ({offered.value}) cannot be loaded: {error}") from error
    return _checked(name, loaded)


def _checked(name: str, found: object) -> Driver[Any]:
    if not isinstance(found, Driver):
        raise DeviceMisconfigured(f"driver {name!r} is no driver: its DRIVER must be a drivers.api.Driver")
    return cast("Driver[Any]", found)


def _own_names() -> list[str]:
    families = [family for family in _packages_in("drivers") if family not in _NOT_FAMILIES]
    return [f"{family}.{name}" for family in families for name in _packages_in(f"drivers.{family}")]


def _packages_in(name: str) -> list[str]:
    path = importlib.import_module(name).__path__
    return [module.name for module in pkgutil.iter_modules(path) if module.ispkg]


def _offered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}
