"""Contacts of the world, wired to inputs of simulated boards."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from drivers.sim.plant_settings import Input
from drivers.sim.relay_modbus import RelayBoard


class Wiring:
    """Sets inputs of boards as contacts are wired, normally open or closed."""

    def __init__(self, boards: Mapping[str, RelayBoard]) -> None:
        self.boards = boards

    def put(self, wired: Input | None, *, active: bool) -> None:
        """The contact is active or at rest; one that is not wired changes nothing."""
        if wired is not None:
            self.boards[wired.board].set_input(wired.input, on=active != wired.normally_closed)

    @contextmanager
    def active(self, wired: Input | None) -> Generator[None]:
        """The contact is active meanwhile."""
        self.put(wired, active=True)
        try:
            yield
        finally:
            self.put(wired, active=False)
