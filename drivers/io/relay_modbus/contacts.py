"""From sampled bits to facts: debounced, contradictions shown, repeated so that silence is noticed. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, DoorMoved, InputChanged, InputKind
from drivers.io.relay_modbus.settings import DoorContact, InputContact, RelaySettings

REPEAT_S = 0.35
"""Repeat an unchanged input after this time. With ten readings a second it is then at most half a second old;
a zone's interlock believes an input for one second (SAFETY.md, T_fresh)."""
FLICKER = 5
"""A contact that has not settled for so many times ``debounce_samples`` readings contradicts itself."""
AS_READ = frozenset({InputKind.FIRE})
"""Told at the first reading: the portal's own machine debounces them and watches them for flicker, against
the 500 ms of SAFETY.md L4."""
Bits = Mapping[int, bool]
Fact = Callable[[bool | None, Instant], DeviceEvent | None]


@dataclass(slots=True)
class _Contact:
    """One contact and what was last said of it. Not frozen: it is the memory of the debouncing."""

    input: int
    contrary_input: int | None
    normally_closed: bool
    debounce_samples: int
    fact: Fact
    repeats: bool
    candidate: bool | None = None
    """What the latest readings say, ``agreeing`` of them in a row."""
    agreeing: int = 0
    unsettled: int = 0
    """Readings in a row since the last that was settled."""
    known: bool = False
    """Whether ``settled`` means anything yet."""
    settled: bool | None = None
    said: int = 0
    """How often ``settled`` has been told since it became so; 0 = not yet."""
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
        samples = settings.debounce_samples
        inputs = [_input(each, 1 if each.kind in AS_READ else samples) for each in settings.inputs]
        self._contacts = [*inputs, *(_door(each, samples) for each in settings.contacts)]
        pairs = [(each.input, each.contrary_input) for each in self._contacts]
        self.addresses = tuple(sorted({a for pair in pairs for a in pair if a is not None}))
        """The discrete inputs that a sample must hold."""

    def sample(self, bits: Bits, at: Instant) -> list[DeviceEvent]:
        """What one reading of all ``addresses`` says that is new, or is due to be repeated."""
        facts = (self._take(contact, contact.active(bits), at) for contact in self._contacts)
        return [fact for fact in facts if fact is not None]

    def _take(self, contact: _Contact, active: bool | None, at: Instant) -> DeviceEvent | None:  # noqa: FBT001  # the level itself
        self._settle(contact, active)
        if not self._due(contact, at):
            return None
        contact.said += 1
        contact.said_s = at.mono_s
        return contact.fact(contact.settled, at)

    def _settle(self, contact: _Contact, active: bool | None) -> None:  # noqa: FBT001  # the level itself
        contact.agreeing = contact.agreeing + 1 if active is contact.candidate else 1
        contact.candidate = active
        if contact.agreeing >= contact.debounce_samples:
            contact.unsettled = 0
        else:
            contact.unsettled += 1
            if contact.unsettled < FLICKER * contact.debounce_samples:
                return
            active = None
        if contact.settled is not active or not contact.known:
            contact.settled, contact.known, contact.said = active, True, 0

    @staticmethod
    def _due(contact: _Contact, at: Instant) -> bool:
        """A change is told twice, so that whoever debounces the facts has two that agree; then repeated."""
        if not contact.known or contact.said == 0:
            return contact.known
        if not contact.repeats:
            return False
        confirms = contact.said == 1 and contact.candidate is contact.settled
        return confirms or at.mono_s - contact.said_s >= REPEAT_S


def _input(contact: InputContact, debounce_samples: int) -> _Contact:
    def fact(active: bool | None, at: Instant) -> DeviceEvent:  # noqa: FBT001  # the level itself
        return InputChanged(at=at, kind=contact.kind, active=active, channel=contact.channel)

    return _contact(contact, debounce_samples, fact, repeats=True)


def _door(contact: DoorContact, debounce_samples: int) -> _Contact:
    def fact(active: bool | None, at: Instant) -> DeviceEvent | None:  # noqa: FBT001  # the level itself
        return None if active is None else DoorMoved(at=at, door=contact.door, open=active)

    return _contact(contact, debounce_samples, fact, repeats=False)


def _contact(of: InputContact | DoorContact, debounce_samples: int, fact: Fact, *, repeats: bool) -> _Contact:
    return _Contact(of.input, of.contrary_input, of.normally_closed, debounce_samples, fact, repeats)
