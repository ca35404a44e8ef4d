"""The references of a position from frame to frame: searched for, followed, believed. A pure machine.

A reference whose place nobody told, or that is gone for longer than a position allows, is searched for in
the whole frame; meanwhile, and until it has been seen ``SEEN_MIN`` times in a row, nobody is measured. One
that is seen is followed when the camera is nudged, slowly, and only onto a disc of the same size that
overlaps its place: never onto a face.
"""

import math
from dataclasses import dataclass, field, replace

from cardea.contract.screening import NotScreened
from drivers.api import RawFrame, ThermalFrameCaptured, Unfit
from models.thermal.correction import Anchor, Gain, Line, one_point, two_point
from models.thermal.flat_field import Scene, jumped, scene
from models.thermal.radiometry import Radiometer
from models.thermal.reference.follow import follow
from models.thermal.reference.offset import Offset
from models.thermal.reference.reference import Blackbody, Reference, Seen, look
from models.thermal.reference.search import Search

FLAT_FIELD_S = 2.0
"""A correction younger than this still shows in the picture."""
FOLLOW_S = 0.5
"""How often a place is looked over."""
NEWER_S = 0.5
"""A correction this much later than the last one known is another one."""
SPREAD_C_MORE, SPREAD_SHARE = 0.3, 0.05
"""A disc that is by so much less uniform than usual has a hand before it; what is usual follows slowly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One reference."""

    place: Reference | None
    """Where it is; ``None`` while it is searched for."""
    offset: Offset = field(default_factory=Offset)
    seen: Seen | None = None
    """What the last frame showed there, if that was it."""
    spread_c: float | None = None
    """How uniform it usually is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is remembered of the references of a position."""

    tracks: tuple[Track, ...] = ()
    gain: Gain = field(default_factory=Gain)
    search: Search = field(default_factory=Search)
    last: Scene | None = None
    followed_s: float = -math.inf
    corrected_s: float | None = None
    """When the sensor's last known flat-field correction was over."""
    awaiting: NotScreened = NotScreened.REFERENCE_LOST
    """Why the references have to be seen (again) first."""

    def age_s(self, now_s: float) -> float:
        """For how long the one that was seen least lately has not been seen."""
        return max((track.offset.age_s(now_s) for track in self.tracks), default=math.inf)

    @property
    def places(self) -> tuple[Reference, ...]:
        """Where references are, as far as that is known."""
        return tuple(track.place for track in self.tracks if track.place is not None)


def told(watch: Watch, frame: ThermalFrameCaptured, wanted: tuple[Blackbody, ...]) -> Watch:
    """What a frame says before it is looked at: time goes by, a correction takes their word away."""
    now_s, since_s = frame.at.mono_s, frame.since_flat_field_s
    tracks = watch.tracks or tuple(Track(place=one if isinstance(one, Reference) else None) for one in wanted)
    waited = tuple(replace(track, offset=track.offset.waited(now_s), seen=None) for track in tracks)
    known_s = over_s = watch.corrected_s
    if frame.unfit is Unfit.FLAT_FIELD:
        over_s = now_s
    elif since_s is not None and since_s >= 0.0:
        over_s = now_s - since_s
    watch = replace(watch, tracks=waited, corrected_s=over_s)
    newer = over_s is not None and known_s is not None and over_s - known_s > NEWER_S
    first = known_s is None and over_s is not None and watch.age_s(now_s) < math.inf
    return _corrected(watch) if newer or first or frame.unfit is Unfit.FLAT_FIELD else watch


def looked(
    watch: Watch,
    frame: ThermalFrameCaptured,
    meter: Radiometer,
    wanted: tuple[Blackbody, ...],
    gone_s_max: float,
) -> Watch:
    """A frame that is fit to be looked at."""
    raw, now_s = frame.raw, frame.at.mono_s
    watch = _moved(watch, raw, meter, now_s)
    looks = tuple(_seen(track, raw, meter) for track in watch.tracks)
    now = scene(raw, meter, tuple(None if one is None else one.median_c for one in looks), now_s)
    if watch.last is not None and jumped(watch.last, now):
        watch = _corrected(watch)
        if frame.since_flat_field_s is None:
            watch = replace(watch, corrected_s=now_s)
    tracks = tuple(
        _looked(track, seen, now_s, gone_s_max) for track, seen in zip(watch.tracks, looks, strict=True)
    )
    watch = replace(watch, tracks=tracks, last=now, gain=_gained(watch.gain, tracks, now_s))
    if watch.age_s(now_s) > gone_s_max:
        return _searched(watch, raw, meter, wanted, now_s, gone_s_max)
    return replace(watch, search=Search()) if watch.search.places else watch


def doubt(watch: Watch, now_s: float, gone_s_max: float) -> NotScreened | None:
    """What about the references speaks against measuring."""
    if not watch.tracks:
        return NotScreened.NO_REFERENCE
    if watch.age_s(now_s) > gone_s_max:
        return NotScreened.REFERENCE_LOST
    if watch.corrected_s is not None and 0.0 <= now_s - watch.corrected_s < FLAT_FIELD_S:
        return NotScreened.FLAT_FIELD
    if not all(track.offset.settled for track in watch.tracks):
        return watch.awaiting
    if any(track.offset.drifting for track in watch.tracks):
        return NotScreened.REFERENCE_DRIFTING
    if len(watch.tracks) == 1:
        return None
    if not watch.gain.settled:
        return watch.awaiting
    return None if line(watch).fit else NotScreened.GAIN_UNFIT


def line(watch: Watch) -> Line:
    """What corrects readings now; there is at least one reference whose place is known."""
    anchors = tuple(
        Anchor(
            temp_c=track.place.temp_c,
            reading_c=track.place.temp_c - track.offset.value_c,
            uncertainty_c=track.place.uncertainty_c,
            variance_c2=track.offset.variance_c2,
        )
        for track in watch.tracks
        if track.place is not None
    )
    return one_point(anchors[0]) if len(anchors) == 1 else two_point(anchors[0], anchors[1], watch.gain)


def _corrected(watch: Watch) -> Watch:
    tracks = tuple(replace(track, offset=track.offset.corrected()) for track in watch.tracks)
    return replace(watch, tracks=tracks, awaiting=NotScreened.FLAT_FIELD)


def _seen(track: Track, raw: RawFrame, meter: Radiometer) -> Seen | None:
    seen = None if track.place is None else look(raw, track.place, meter)
    if seen is None or not seen.there:
        return None
    whole = track.spread_c is None or seen.spread_c <= track.spread_c + SPREAD_C_MORE
    return seen if whole else None


def _looked(track: Track, seen: Seen | None, now_s: float, gone_s_max: float) -> Track:
    offset, spread_c = track.offset, track.spread_c
    if offset.age_s(now_s) > gone_s_max:
        offset = offset.lost()
    if seen is not None and track.place is not None:
        offset = offset.looked(seen.error_c(track.place), now_s)
        usual_c = seen.spread_c if spread_c is None else spread_c
        spread_c = usual_c + SPREAD_SHARE * (seen.spread_c - usual_c)
    return Track(place=track.place, offset=offset, seen=seen, spread_c=spread_c)


def _gained(gain: Gain, tracks: tuple[Track, ...], now_s: float) -> Gain:
    """The gain after a frame in which both references were seen."""
    both = [(track.place.temp_c, track.seen.median_c) for track in tracks if track.place and track.seen]
    if len(both) != 2:
        return gain
    (first_c, first_read_c), (second_c, second_read_c) = both
    return gain.looked((first_c, second_c), (first_read_c, second_read_c), now_s)


def _searched(
    watch: Watch,
    raw: RawFrame,
    meter: Radiometer,
    wanted: tuple[Blackbody, ...],
    now_s: float,
    gone_s_max: float,
) -> Watch:
    """Look for those that are lost; where all are found, each of these has a new place."""
    search = watch.search.step(raw, meter, wanted, now_s)
    found = search.found(wanted)
    watch = replace(watch, search=search, gain=watch.gain.lost(), awaiting=NotScreened.REFERENCE_LOST)
    if found is None:
        return watch
    tracks = tuple(
        replace(track, place=place, spread_c=None) if track.offset.age_s(now_s) > gone_s_max else track
        for track, place in zip(watch.tracks, found, strict=True)
    )
    return replace(watch, tracks=tracks, search=Search())


def _moved(watch: Watch, raw: RawFrame, meter: Radiometer, now_s: float) -> Watch:
    """The places after a nudge of the camera."""
    if 0.0 <= now_s - watch.followed_s < FOLLOW_S:
        return watch
    tracks = tuple(
        track if track.place is None else replace(track, place=follow(raw, meter, track.place))
        for track in watch.tracks
    )
    return replace(watch, tracks=tracks, followed_s=now_s)
