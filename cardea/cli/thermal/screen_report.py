"""What ``cardea thermal screen`` tells: one JSON document, or a line a person that a guard can read."""

from statistics import median
from typing import Any

from cardea.cli.thermal.screen_clip import Screening
from cardea.contract.records import ScreeningState
from cardea.runtime.i18n import Language, Translator
from cardea.runtime.phrases import phrase
from cardea.runtime.screening_line import explain
from models.thermal.decision import screening as decision
from models.thermal.people.roll import Entry
from models.thermal.reading import Measurement, terms_of


def document(screening: Screening) -> dict[str, Any]:
    """The answer for JSON: seconds since the clip's first frame, °C, pixels.

    ``people`` came near enough to be screened and stood there; ``others`` were seen, but never near, or never
    still. Nobody among the others has a temperature.
    """
    asked, found = screening.question, screening.reference
    return {
        "clip": str(screening.clip),
        "frames": screening.frames,
        "height": screening.size[0],
        "width": screening.size[1],
        "duration_s": round(screening.duration_s, 3),
        "threshold_c": asked.threshold_c,
        "reference": {
            "set_c": asked.reference_c,
            "uncertainty_c": asked.reference_uncertainty_c,
            "found": found is not None,
            "row": None if found is None else round(found.row, 2),
            "column": None if found is None else round(found.column, 2),
            "radius_px": None if found is None else round(found.radius_px, 2),
        },
        "sensor": _sensor(screening),
        "people": [_person(entry, asked.threshold_c) for entry in screening.people],
        "others": [_person(entry, asked.threshold_c) for entry in screening.others],
    }


def _sensor(screening: Screening) -> dict[str, Any]:
    """Offsets are what the sensor reads less what the reference is set to; people's are corrected by them."""
    sensor = screening.sensor
    offsets_c, spreads_c = sensor.offsets_c, sensor.spreads_c
    return {
        "frames_with_reference": len(offsets_c),
        "offset_c": {
            "min": round(min(offsets_c), 3),
            "median": round(median(offsets_c), 3),
            "max": round(max(offsets_c), 3),
            "first": round(offsets_c[0], 3),
            "last": round(offsets_c[-1], 3),
        }
        if offsets_c
        else None,
        "reference_spread_c": round(median(spreads_c), 3) if spreads_c else None,
        "drift_c": round(offsets_c[-1] - offsets_c[0], 3) if offsets_c else None,
        "flat_field_corrections": sensor.corrections,
        "frames_not_screened": {reason.value: count for reason, count in sensor.conditions.items()},
    }


def _person(entry: Entry, threshold_c: float) -> dict[str, Any]:
    found = entry.measurement
    told: dict[str, Any] = {
        "start_s": round(entry.start_s, 3),
        "end_s": round(entry.end_s, 3),
        "surface_temp_c": None if found is None else round(found.surface_temp_c, 3),
        "uncertainty_c": None if found is None else round(found.uncertainty_c, 3),
        "state": _state(entry, threshold_c).value,
        "reasons": [reason.value for reason in entry.reasons],
        "face_px": round(entry.face_px, 1),
    }
    return told if found is None else told | {"at_s": _rounded(entry.at_s), "terms": _terms(found)}


def _rounded(at_s: float | None) -> float | None:
    return None if at_s is None else round(at_s, 3)


def _terms(found: Measurement) -> dict[str, Any]:
    """Raw and every term that was added."""
    return {
        "raw_c": round(found.raw_c, 3),
        "radiometry_c": round(found.radiometry_c, 3),
        "reference_c": round(found.reference_c, 3),
        "site_c": round(found.site_c, 3),
        "correction": found.correction.value,
        "gain": round(found.gain, 5),
        "reference_age_s": _rounded(found.reference_age_s),
    }


def _state(entry: Entry, threshold_c: float) -> ScreeningState:
    found = entry.measurement
    if found is None:
        return ScreeningState.NOT_SCREENED
    return decision.state(found.surface_temp_c, threshold_c, found.uncertainty_c)


def text(screening: Screening) -> str:
    """The answer for people."""
    say = Translator(Language.EN)
    lines = [_heading(screening)]
    lines += [f"{_when(entry)}  {_line(say, entry, screening)}" for entry in screening.people]
    if not screening.people:
        lines.append("nobody came near enough to be screened and stood there")
    if screening.others:
        lines.append("seen besides, but never near enough or never still:")
        lines += [f"{_when(entry)}  {_why(say, entry)}" for entry in screening.others]
    return "\n".join(lines)


def _heading(screening: Screening) -> str:
    found, offsets_c = screening.reference, screening.sensor.offsets_c
    heading = f"{screening.clip}: {screening.frames} frames, {screening.duration_s:.1f} s"
    if found is None:
        return f"{heading}; no reference of {screening.question.reference_c:g} °C is in the picture"
    place = f"{heading}; reference at row {found.row:.0f}, column {found.column:.0f}"
    if not offsets_c:
        return place
    return f"{place}, sensor {median(offsets_c):+.2f} °C ({min(offsets_c):+.2f} to {max(offsets_c):+.2f})"


def _when(entry: Entry) -> str:
    return f"{entry.start_s:7.1f} to {entry.end_s:5.1f} s"


def _line(say: Translator, entry: Entry, screening: Screening) -> str:
    found, threshold_c = entry.measurement, screening.question.threshold_c
    if found is None:
        return _why(say, entry)
    return explain(say, _state(entry, threshold_c), found.surface_temp_c, terms_of(found, threshold_c))


def _why(say: Translator, entry: Entry) -> str:
    return say.text(phrase(entry.reasons[0] if entry.reasons else ScreeningState.NOT_SCREENED))
