"""What a user knows better than the camera: object, air and window, given on the command line."""

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from argparse import _ArgumentGroup as Group  # pyright: ignore[reportPrivateUsage]  # it has no public name

    from models.thermal.overrides import Overrides
    from models.thermal.radiometry import Air

_ABSOLUTE_ZERO_C = -273.15


@dataclass(frozen=True, slots=True)
class _Option:
    metavar: str
    help: str
    low: float
    high: float
    low_itself: bool = True


_OPTIONS: Mapping[str, _Option] = {
    "emissivity": _Option("E", "emissivity of the object, up to 1; skin 0.98", 0, 1, low_itself=False),
    "distance_m": _Option("D", "distance of the object, m", 0, 1e5),
    "humidity": _Option("H", "relative humidity as a fraction of 1: 45 %% is 0.45", 0, 1),
    "reflected_c": _Option(
        "T", "reflected apparent temperature, °C", _ABSOLUTE_ZERO_C, 5000, low_itself=False
    ),
    "atmosphere_c": _Option("T", "temperature of the air, °C", _ABSOLUTE_ZERO_C, 5000, low_itself=False),
    "window_c": _Option("T", "temperature of the window, °C", _ABSOLUTE_ZERO_C, 5000, low_itself=False),
    "window_transmission": _Option(
        "W", "share that the window lets through, up to 1", 0, 1, low_itself=False
    ),
}
"""By the names of ``Overrides``."""
AIRS = ("two_legs", "one_leg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments; :func:`asked` reads them."""
    add_conditions(parser).add_argument(
        "--air",
        choices=AIRS,
        default=AIRS[0],
        help="two_legs: half the way on each side of the window, as Thermimage counts it (default); one_leg",
    )


def add_conditions(parser: argparse.ArgumentParser) -> "Group":
    """Add those of object, air and window alone; :func:`conditions` reads them."""
    given = parser.add_argument_group("instead of what the camera says")
    for name, option in _OPTIONS.items():
        given.add_argument(_flag(name), type=float, metavar=option.metavar, help=option.help)
    return given


def asked(args: argparse.Namespace) -> "tuple[Overrides, Air]":
    """What was given.

    Raises:
        CommandError: a number that cannot be.
    """
    from models.thermal.radiometry import Air

    return conditions(args), Air(args.air)


def conditions(args: argparse.Namespace) -> "Overrides":
    """What was given of object, air and window.

    Raises:
        CommandError: a number that cannot be.
    """
    from models.thermal.overrides import Overrides

    given: dict[str, Any] = {name: getattr(args, name) for name in _OPTIONS}
    for name, value in given.items():
        if value is not None:
            _check(name, value)
    return Overrides(**given)


def _check(name: str, value: float) -> None:
    option = _OPTIONS[name]
    inside = option.low <= value <= option.high and (option.low_itself or value > option.low)
    if math.isfinite(value) and inside:
        return
    if name == "humidity" and 1 < value <= 100:
        raise CommandError(f"--humidity is a fraction of 1: for {value:g} % give {value / 100:g}")
    edge = "from" if option.low_itself else "above"
    raise CommandError(f"{_flag(name)} must be {edge} {option.low:g} up to {option.high:g}, not {value:g}")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
