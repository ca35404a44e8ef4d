"""The C library's allocator, told to give large blocks back as soon as they are freed.

glibc learns from every large block that is freed to keep such blocks for itself (up to 32 MiB each:
mallopt(3), "dynamic mmap threshold"). Neural networks free tens of megabytes with every picture, and small
blocks that stay come to lie between: a gateway that looked at faces grew from 215 to 300 MB in half a minute.
"""

import ctypes
from collections.abc import Callable
from typing import cast

_M_MMAP_THRESHOLD = -3
LARGE_BYTES = 4 * 1024 * 1024
"""Smaller than what a look at masks takes at a time, larger than what finding and comparing faces does: they
keep their speed."""


def give_back_large_blocks() -> bool:
    """Do so from now on, in the whole process; False where the C library has no such setting."""
    mallopt = cast("Callable[[int, int], int] | None", getattr(ctypes.CDLL(None), "mallopt", None))
    return mallopt is not None and mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES) == 1
