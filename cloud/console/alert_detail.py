"""What an alert carries beside its kind, and what became of it, in the reader's words.

A gateway newer than this console may say more than is known here: that is shown as it came.
"""

from collections.abc import Iterator, Mapping

from cardea.contract.reasons import Reason
from cardea.contract.records import Outcome
from cardea.contract.screening import NotScreened
from cardea.contract.zones import StopReason
from cardea.runtime.i18n import Translator, msg
from cardea.runtime.phrases import PHRASES
from cloud.ledger.alert_life import Change

LABELS: Mapping[str, str] = {
    "check": msg("Check"),
    "elevated": msg("People with an elevated temperature"),
    "epoch": msg("Identity of its store"),
    "found": msg("Found"),
    "outcome": msg("Decision"),
    "people": msg("People screened"),
    "reason": msg("Reason"),
    "rejects": msg("Messages that could not be read"),
    "sd_c": msg("Spread of its readings, °C"),
    "silent_s": msg("Silent for, s"),
    "surface_temp_c": msg("Surface temperature, °C"),
    "target_rate": msg("Rate aimed at"),
    "zone": msg("Area"),
}
_CHECKS: Mapping[str, str] = {
    "faces": msg("How many faces a camera sees"),
    "face_check": msg("Whose face it is"),
    "masks": msg("Whether a mask is worn"),
}
_FOUND: Mapping[str, str] = {
    "readings too alike": msg("Its readings are too alike to be measured"),
    "said by the device": msg("The device says so itself"),
}
_SENTENCES: Mapping[str, Mapping[str, str]] = {
    "check": _CHECKS,
    "found": _FOUND,
    "reason": {**PHRASES[StopReason], **PHRASES[NotScreened], **PHRASES[Reason]},
    "outcome": {**PHRASES[Outcome]},
}
"""The values that are words of ours."""
CHANGES: Mapping[str, str] = {
    Change.RAISED: msg("Raised"),
    Change.REPEATED: msg("Raised again"),
    Change.WORSENED: msg("Got worse"),
    Change.REOPENED: msg("Came back"),
    Change.CLEARED: msg("Cleared"),
    Change.SUPERSEDED: msg("Older evidence came late"),
    Change.ACKNOWLEDGED: msg("Acknowledged"),
    Change.WITHDRAWN: msg("Acknowledgement withdrawn"),
    Change.NOTED: msg("Noted"),
}


def happened(change: str, say: Translator) -> str:
    """What an alert's history says of a change."""
    return say.text(CHANGES[change]) if change in CHANGES else change


def lines(detail: Mapping[str, str], say: Translator) -> Iterator[tuple[str, str]]:
    """Label and value of each, in the order of the labels."""
    known = [key for key in LABELS if key in detail]
    for key in (*known, *sorted(detail.keys() - LABELS.keys())):
        sentence = _SENTENCES.get(key, {}).get(detail[key])
        yield (
            say.text(LABELS[key]) if key in LABELS else key,
            detail[key] if sentence is None else say.text(sentence),
        )
