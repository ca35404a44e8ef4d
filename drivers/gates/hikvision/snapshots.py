"""Joins what a terminal tells of a person with the picture of them that it sends right after.

Pure. A payload that announces pictures (``picturesNumber``) waits for the next part, and no longer: whatever
that is, the payload is told first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from drivers.api import CredentialPresented, DeviceEvent

Payload = Sequence[DeviceEvent]
"""The events of one thing that the terminal told, in the order in which to hand them on."""
STILL_BYTES_MAX = 1024 * 1024
"""A larger picture is dropped; terminals send less than a fourth of this."""


@dataclass(frozen=True, slots=True)
class Told:
    """The events of one text, and how many pictures it announces."""

    payload: Payload
    pictures: int = 0

    @property
    def awaits_still(self) -> bool:
        """Whether a picture of a person who stands there now is to follow."""
        last = self.payload[-1] if self.payload else None
        return self.pictures > 0 and isinstance(last, CredentialPresented) and not last.offline


class Joining:
    """One sequence of parts; without room for pictures nothing waits for one."""

    def __init__(self, still_bytes_max: int) -> None:
        self._still_bytes_max = still_bytes_max
        self._held: Payload | None = None

    def told(self, told: Told) -> list[Payload]:
        """A text has come: what can be told now."""
        ready = self.rest()
        if self._still_bytes_max and told.awaits_still:
            self._held = told.payload
            return ready
        return [*ready, told.payload]

    def still(self, body: bytes) -> list[Payload]:
        """A picture has come, empty when it was too large; it belongs to whatever announced it."""
        return [_with(payload, body or None) for payload in self.rest()]

    def rest(self) -> list[Payload]:
        """Nothing more comes that belongs to what waits."""
        held, self._held = self._held, None
        return [] if held is None else [held]


def _with(payload: Payload, body: bytes | None) -> Payload:
    *others, last = payload
    return (*others, replace(last, snapshot=body)) if isinstance(last, CredentialPresented) else payload
