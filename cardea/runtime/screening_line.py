"""A thermal screening in words: one line for a guard, and the sum that its temperature is made of."""

from collections.abc import Mapping

from cardea.contract.records import ScreeningState
from cardea.contract.screening import NotScreened, ScreeningTerms
from cardea.runtime.i18n import Translator, msg
from cardea.runtime.phrases import phrase

COVERAGE = 2.0
"""What is told as a margin is the expanded uncertainty, k = 2 (about 95 %)."""

_AGAINST_LIMIT: Mapping[ScreeningState, str] = {
    ScreeningState.NORMAL: msg("{temp} (±{margin}): below the limit of {limit}"),
    ScreeningState.RETEST: msg("{temp} (±{margin}): too close to the limit of {limit} to tell"),
    ScreeningState.ELEVATED: msg("{temp} (±{margin}): above the limit of {limit}"),
}
_UNUSUAL = msg("{temp} (±{margin}): below the limit of {limit}, but unlike the last people ({usual})")
_BY_ITSELF: Mapping[ScreeningState, str] = {
    ScreeningState.NORMAL: msg("{temp}, the device's own number: normal"),
    ScreeningState.RETEST: msg("{temp}, the device's own number: to be measured again"),
    ScreeningState.ELEVATED: msg("{temp}, the device's own number: elevated"),
    ScreeningState.NOT_SCREENED: msg("Not screened: {temp} is not the temperature of a person"),
}


def explain(
    say: Translator,
    state: ScreeningState,
    surface_temp_c: float | None,
    terms: ScreeningTerms | None = None,
    reason: NotScreened | None = None,
) -> str:
    """What was measured and what it means, or why nothing was; never "normal" without a temperature."""
    if surface_temp_c is None:
        return say.text(phrase(ScreeningState.NOT_SCREENED if reason is None else reason))
    temp = say.temperature_c(surface_temp_c)
    if terms is None or terms.threshold_c is None or state not in _AGAINST_LIMIT:
        return say.text(_BY_ITSELF[state], temp=temp)
    margin, limit = say.temperature_c(COVERAGE * terms.uncertainty_c), say.temperature_c(terms.threshold_c)
    if state is ScreeningState.RETEST and terms.usual_c is not None:
        usual = say.temperature_c(terms.usual_c)
        return say.text(_UNUSUAL, temp=temp, margin=margin, limit=limit, usual=usual)
    return say.text(_AGAINST_LIMIT[state], temp=temp, margin=margin, limit=limit)


def sum_of(say: Translator, terms: ScreeningTerms) -> str:
    """Raw, every term and what they add up to, in °C with two decimals; it adds up as it stands there."""
    shown = [round(term, 2) for term in (terms.raw_c, terms.radiometry_c, terms.reference_c, terms.site_c)]
    raw_c, radiometry_c, reference_c, site_c = shown
    return say.text(
        "raw {raw} {radiometry} radiometry {reference} reference {site} site = {temp} ± {margin} °C",
        raw=say.number(raw_c, 2),
        radiometry=_added(say, radiometry_c),
        reference=_added(say, reference_c),
        site=_added(say, site_c),
        temp=say.number(sum(shown), 2),
        margin=say.number(COVERAGE * terms.uncertainty_c, 2),
    )


def origin_of(say: Translator, terms: ScreeningTerms) -> str:
    """What corrected it, and how old the reference's word was."""
    corrected = say.text(phrase(terms.correction))
    if terms.reference_age_s is None:
        return corrected
    return say.text(
        "{corrected}; the reference was seen {seconds} s before",
        corrected=corrected,
        seconds=say.number(terms.reference_age_s, 1),
    )


def _added(say: Translator, term_c: float) -> str:
    """A term with its sign, apart, as in a sum on paper."""
    return f"{'−' if term_c < 0.0 else '+'} {say.number(abs(term_c), 2)}"
