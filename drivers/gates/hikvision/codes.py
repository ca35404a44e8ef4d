"""What the numbers and words in a terminal's events mean. Data; the decoder has no branch for any of them.

Sources: ISAPI "Access Control" developer guide (AccessControllerEvent, AcsEvent) and the minor types of the
vendor's SDK header (``MINOR_*``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cardea.contract.orders import StatusColour
from cardea.contract.records import CredentialKind


@dataclass(frozen=True, slots=True)
class Presented:
    """Somebody presented a credential. ``kind`` ``None``: the event's fields tell."""

    kind: CredentialKind | None
    granted: bool
    verified: bool


@dataclass(frozen=True, slots=True)
class Contact:
    """The door contact moved."""

    open: bool


@dataclass(frozen=True, slots=True)
class Tampered:
    """The housing was opened or closed."""

    active: bool


Meaning = Presented | Contact | Tampered

ALARM, EVENT = 1, 5
"""Major types; exceptions (2) and operations (3) tell nothing but that the terminal lives."""

MEANINGS: Mapping[tuple[int, int], Meaning] = {
    (EVENT, 1): Presented(CredentialKind.CARD, granted=True, verified=True),
    (EVENT, 6): Presented(None, granted=False, verified=True),  # known, but no right here and now
    (EVENT, 9): Presented(CredentialKind.CARD, granted=False, verified=False),
    # A fingerprint names a person by employee number and needs no face: what a PIN does.
    (EVENT, 38): Presented(CredentialKind.PIN, granted=True, verified=True),
    (EVENT, 39): Presented(CredentialKind.PIN, granted=False, verified=False),
    (EVENT, 75): Presented(CredentialKind.FACE, granted=True, verified=True),
    (EVENT, 76): Presented(CredentialKind.FACE, granted=False, verified=False),
    (EVENT, 80): Presented(CredentialKind.FACE, granted=False, verified=False),
    (EVENT, 156): Presented(CredentialKind.QR, granted=True, verified=True),
    # 21 and 22 are the lock, not the leaf: a release is proved by the contact alone (SAFETY.md L11).
    (EVENT, 25): Contact(open=True),
    (EVENT, 26): Contact(open=False),
    (EVENT, 27): Contact(open=True),
    (ALARM, 0x404): Tampered(active=True),
    (ALARM, 0x405): Tampered(active=False),
}
"""(major, minor) → meaning; what is not here shows that the terminal lives, and moves the cursor."""

TO_CELSIUS: Mapping[str, Callable[[float], float]] = {
    "": lambda t: t,
    "celsius": lambda t: t,
    "fahrenheit": lambda t: (t - 32.0) / 1.8,
    "kelvin": lambda t: t - 273.15,
}
"""``thermometryUnit``."""

BELIEVABLE_C = (25.0, 45.0)
"""A person's surface temperature lies in here; anything else is a fault of the measurement, not a fever."""

MASK: Mapping[str, bool] = {"yes": True, "no": False}
"""``mask``; ``unknown`` and anything else say nothing."""

HEALTH: Mapping[int, StatusColour] = {
    2: StatusColour.GREEN,
    3: StatusColour.YELLOW,
    4: StatusColour.RED,
}
"""``HealthInfo.healthCode``; 0, 1 and above 4 say that no code was got."""

ANSWERED = frozenset({"success", "failed"})
"""``remoteCheckResult`` of an event that only repeats a verdict which came from us."""
