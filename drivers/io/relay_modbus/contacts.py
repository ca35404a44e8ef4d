"""From sampled bits to facts: debounced, contradictions shown, repeated so that silence is noticed. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, DoorMoved, InputChanged
from drivers.io.relay_modbus.settings import DoorContact, InputContact, RelaySettings

REPEAT_S = 0.8
"""Repeat an unchanged input after this time, so that with polling it is at most a second old."""
Bits = Mapping[int, bool]
Fact = Callable[[bool | None, Instant], DeviceEvent | None]


@dataclass(slots=True)
class _Contact:
    """One contact and what was last said of it. Not frozen: it is the memory of the debouncing."""

    input: int
    contrary_input: int | None
    normally_closed: bool
    fact: Fact
    repeats: bool
    candidate: bool | None = None
    samples: int = 0
    said: bool = False
    stable: bool | None = None
    said_s: float = 0.0

    def active(self, bits: Bits) -> bool | None:
        """Whether the contact has left its normal state; ``None`` when the pair contradicts itself."""
        closed = bits[self.input]
        if self.contrary_input is not None and bits[self.contrary_input] == closed:
            return None
        return closed is not self.normally_closed


class Contacts:
    """All contacts of a board."""

    def __init__(self, settings: RelaySettings) -> None:
        self._debounce_samples = settings.debounce_samples
        self._contacts = [_input(each) for each in settings.inputs] + [
            _door(each) for each in settings.contacts
        ]
        pairs = [(each.input, each.contrary_input) for each in self._contacts]
        self.addresses = tuple(sorted({a for pair in pairs for a in pair if a is not None}))
        """The discrete inputs that a sample must hold."""

    def sample(self, bits: Bits, at: Instant) -> list[DeviceEvent]:
        """What one reading of all ``addresses`` says that is new, or is due to be repeated."""
        facts = (self._take(contact, contact.active(bits), at) for contact in self._contacts)
        return [fact for fact in facts if fact is not None]

    def _take(self, contact: _Contact, active: bool | None, at: Instant) -> DeviceEvent | None:  # noqa: FBT001  # the level itself
        contact.samples = contact.samples + 1 if active is contact.candidate else 1
        contact.candidate = active
        if contact.samples >= self._debounce_samples:
            changed = not contact.said or active is not contact.stable
            contact.stable = active
        else:
            changed = False
            if not contact.said:
                return None
        due = contact.repeats and at.mono_s - contact.said_s >= REPEAT_S
        if not (changed or due):
            return None
        contact.said, contact.said_s = True, at.mono_s
        return contact.fact(contact.stable, at)


def _input(settings: InputContact) -> _Contact:
    def fact(active: bool | None, at: Instant) -> DeviceEvent:  # noqa: FBT001  # the level itself
        return InputChanged(at=at, kind=settings.kind, active=active, channel=settings.channel)

    return _Contact(settings.input, settings.contrary_input, settings.normally_closed, fact, repeats=True)


def _door(settings: DoorContact) -> _Contact:
    def fact(active: bool | None, at: Instant) -> DeviceEvent | None:  # noqa: FBT001  # the level itself
        return None if active is None else DoorMoved(at=at, door=settings.door, open=active)

    return _Contact(settings.input, settings.contrary_input, settings.normally_closed, fact, repeats=False)
