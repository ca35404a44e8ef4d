"""The event loop that daemons run on: uvloop, whose sockets cost a third less than asyncio's own.

A simulation brings a loop of its own and never comes here.
"""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import uvloop

T = TypeVar("T")


def run(main: Coroutine[None, None, T]) -> T:
    """Run ``main`` to its end on a fresh loop, which is closed afterwards."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
