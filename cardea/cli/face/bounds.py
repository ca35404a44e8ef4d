"""Numbers on the command line that lie within bounds."""

import argparse
import math
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", int, float)


def number(least: float, most: float) -> Callable[[str], float]:
    """What reads a number from ``least`` to ``most``."""
    return _within(float, "a number", least, most)


def whole(least: int, most: int) -> Callable[[str], int]:
    """What reads a whole number from ``least`` to ``most``."""
    return _within(int, "a whole number", least, most)


def _within(kind: Callable[[str], T], what: str, least: float, most: float) -> Callable[[str], T]:
    def read(text: str) -> T:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or math.isnan(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must lie within {least:g} and {most:g}")
        return value

    return read
