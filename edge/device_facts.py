"""What the supervisor finds out about devices: facts for the records, the alerts and the portals."""

from collections.abc import Callable
from dataclasses import dataclass

from cardea.contract.records import DeviceState


@dataclass(frozen=True, slots=True)
class DeviceStateChanged:
    """A device came online, went away, refused us or turned out to be something else."""

    device: str
    state: DeviceState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeviceDescribed:
    """A device said what it is, and that is news."""

    device: str
    firmware: str
    clock_skew_s: float | None


@dataclass(frozen=True, slots=True)
class GarbageBegan:
    """A device sends more than a stray unreadable message; ``rejects`` since the gateway started."""

    device: str
    rejects: int
    reason: str


@dataclass(frozen=True, slots=True)
class GarbageEnded:
    """A device that sent garbage has been readable for a while."""

    device: str
    quiet_s: float


DeviceFact = DeviceStateChanged | DeviceDescribed | GarbageBegan | GarbageEnded
Tell = Callable[[DeviceFact], None]
"""Take a fact in; never waits and never raises."""
