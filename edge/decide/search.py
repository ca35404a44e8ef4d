"""Breadth first through everything that a machine can come to, under laws that hold after every step. Pure.

What a step of the world is, and which steps are worth taking, is each proof's own; the shortest way to a
breach is found here.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

W = TypeVar("W", bound=Hashable)
W_co = TypeVar("W_co", bound=Hashable, covariant=True)
M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)


class Taken(Protocol[W_co]):
    """One step of the world, as the laws see it."""

    @property
    def after(self) -> W_co:
        """The world that it led to."""
        ...


@dataclass(frozen=True, slots=True)
class Breach(Generic[M_co]):
    """A law that does not hold, and the shortest way to where it does not."""

    law: str
    path: tuple[M_co, ...]


@dataclass(frozen=True, slots=True)
class Proof(Generic[M_co]):
    """What a search found."""

    states: int
    steps: int
    breach: Breach[M_co] | None


def search(
    first: W,
    follow: Callable[[W], Iterator[tuple[M, Iterable[Taken[W]]]]],
    laws: Mapping[str, Callable[[Any], bool]],
    states_max: int,
) -> Proof[M]:
    """Search everything that ``first`` can come to; stops at the first breach.

    ``follow`` gives every move from a world with the steps that it can be, none where it need not be taken;
    ``laws`` look at those steps.
    Raises RuntimeError when there are more than ``states_max`` states: the abstraction has a hole.
    """
    came_by: dict[W, tuple[W, M] | None] = {first: None}
    waiting, steps = deque([first]), 0
    while waiting:
        world = waiting.popleft()
        for move, taken_by_it in follow(world):
            steps += 1
            for taken in taken_by_it:
                broken = next((law for law, holds in laws.items() if not holds(taken)), None)
                if broken is not None:
                    return Proof(len(came_by), steps, Breach(broken, (*_path(world, came_by), move)))
                if taken.after not in came_by:
                    came_by[taken.after] = (world, move)
                    waiting.append(taken.after)
        if len(came_by) > states_max:
            raise RuntimeError(f"more than {states_max} states")
    return Proof(len(came_by), steps, None)


def _path(world: W, came_by: Mapping[W, tuple[W, M] | None]) -> tuple[M, ...]:
    way_back: list[M] = []
    came = came_by[world]
    while came is not None:
        way_back.append(came[1])
        came = came_by[came[0]]
    return tuple(reversed(way_back))
