"""What every portal needs of its gateway."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from cardea.contract.policy import Policy
from cardea.contract.records import DeviceState
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.i18n import Translator
from drivers.api import Driver
from edge.alerts import Alerts
from edge.decide.decision import LogDrill
from edge.decide.evidence import NOT_FITTED, Item, Why, ZoneStatus
from edge.faces.claim import NoOpinion, Opinions
from edge.notes import Notes
from edge.portal.actuation import Submit
from edge.portal.credentials import CredentialDesk
from edge.recorder import Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Handed to each portal."""

    gateway: str
    clock: Clock
    entropy: Entropy
    recorder: Recorder
    alerts: Alerts
    notes: Notes
    desk: CredentialDesk
    policy: Callable[[], Policy]
    """The policy in force; asked anew for each decision."""
    submit: Submit
    translator: Translator
    drivers: Mapping[str, Driver[Any]]
    """The driver of each device."""
    state_of: Callable[[str], DeviceState | None]
    """What the supervisor knows of a device; ``None`` before its first session."""
    drilled: Callable[[str, LogDrill], None]
    """Writes a release drill of a portal down."""
    zone_seen: Callable[[str], Item[ZoneStatus]] = lambda _zone: NOT_FITTED
    """A disinfection zone as evidence for the portals that lead into it."""
    opinions: Opinions = field(default_factory=NoOpinion)
    """Who looks at the faces of people who claim to be somebody."""
    why_no_mask: Callable[[], Why | None] = lambda: Why.UNAVAILABLE
    """Why cameras' pictures tell nothing of masks; ``None`` while they do."""

    def why_none(self, devices: Collection[str]) -> Why | None:
        """Why nothing can come from any of ``devices``; ``None`` while something can."""
        if not devices:
            return Why.NOT_FITTED
        gone = all(self.state_of(device) not in (None, DeviceState.ONLINE) for device in devices)
        return Why.DEVICE_OFFLINE if gone else None
