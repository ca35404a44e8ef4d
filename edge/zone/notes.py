"""What a zone keeps on disk: a cycle that may have emitted, a lockout, the cycles of the day, dose spent."""

import math

import msgspec

from cardea.contract.time import Instant
from cardea.contract.zones import StopReason
from edge.decide.dose import Spent
from edge.decide.interlock_events import Booted, Kept, Warrant
from edge.notes import NoteKind, Notes

DAY_S = 86_400.0
CYCLES_MAX = 200


class _KeptNote(msgspec.Struct, frozen=True, kw_only=True):
    cycle: str | None = None
    by: str = ""
    confirmed_by: str | None = None
    utc: str = ""
    gassed: bool = True
    stopped: StopReason | None = None
    recorded: bool = False


class ZoneNotes:
    """The notes of one zone."""

    def __init__(self, zone: str, notes: Notes) -> None:
        self._zone = zone
        self._notes = notes

    def booted(self) -> Booted:
        """What is known of the time before the start; what cannot be read counts as the worst."""
        if not self._notes.attached:
            return Booted(known=False)
        found = self._notes.get(NoteKind.ZONE, self._zone)
        if found is None:
            return Booted()
        try:
            note = msgspec.json.decode(found, type=_KeptNote)
        except msgspec.MsgspecError:
            return Booted(known=False)
        warrant = None
        if note.cycle is not None:
            warrant = Warrant(cycle=note.cycle, by=note.by, confirmed_by=note.confirmed_by, utc=note.utc)
        return Booted(Kept(warrant=warrant, gassed=note.gassed, stopped=note.stopped, recorded=note.recorded))

    def keep(self, kept: Kept | None) -> None:
        """Note it, or that there is nothing any more; written soon."""
        if kept is None:
            self._notes.drop(NoteKind.ZONE, self._zone)
            return
        warrant = kept.warrant
        note = _KeptNote(
            cycle=warrant.cycle if warrant else None,
            by=warrant.by if warrant else "",
            confirmed_by=warrant.confirmed_by if warrant else None,
            utc=warrant.utc if warrant else "",
            gassed=kept.gassed,
            stopped=kept.stopped,
            recorded=kept.recorded,
        )
        text = msgspec.json.encode(note).decode()
        if self._notes.get(NoteKind.ZONE, self._zone) != text:
            self._notes.put(NoteKind.ZONE, self._zone, text)

    async def durable(self) -> bool:
        """Write now; whether what was kept last is on the disk. Raises StoreFailed."""
        await self._notes.flush()
        return self._notes.written(NoteKind.ZONE, self._zone)

    def cycles_today(self, now: Instant) -> int:
        """Cycles begun within 24 h; a clock that was set back makes none of them go away."""
        return sum(now.utc.timestamp() - at < DAY_S for at in self._began(now))

    def cycle_began(self, now: Instant) -> None:
        """One more."""
        at = now.utc.timestamp()
        began = [each for each in self._began(now) if at - each < DAY_S][-(CYCLES_MAX - 1) :]
        text = msgspec.json.encode([*began, at]).decode()
        self._notes.put(NoteKind.ZONE_CYCLES, self._zone, text)

    def spent(self, now: Instant) -> Spent:
        """Dose spent before the start; what claims to lie in the future was spent just now, and a note that
        cannot be read leaves nothing of the budget."""
        found = self._notes.get(NoteKind.ZONE_DOSE, self._zone)
        if found is None:
            return ()
        try:
            buckets = msgspec.json.decode(found, type=list[tuple[float, float]])
        except msgspec.MsgspecError:
            return ((now.mono_s, math.inf),)
        utc_s = now.utc.timestamp()
        return tuple((now.mono_s - max(0.0, utc_s - at), mj_cm2) for at, mj_cm2 in buckets)

    def keep_spent(self, spent: Spent, now: Instant) -> None:
        """Note the dose that people may have received."""
        boot_s = now.utc.timestamp() - now.mono_s
        text = msgspec.json.encode([(boot_s + at_s, mj_cm2) for at_s, mj_cm2 in spent]).decode()
        self._notes.put(NoteKind.ZONE_DOSE, self._zone, text)

    def _began(self, now: Instant) -> list[float]:
        """When cycles began, UTC s; a note that cannot be read counts as a full day."""
        found = self._notes.get(NoteKind.ZONE_CYCLES, self._zone)
        if found is None:
            return []
        try:
            return msgspec.json.decode(found, type=list[float])
        except msgspec.MsgspecError:
            return [now.utc.timestamp()] * CYCLES_MAX
