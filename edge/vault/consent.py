"""Consent to keep somebody's face: it comes before the template and stands inside it (SAFETY.md, item 23)."""

import datetime as dt
import re

import msgspec

CONSENT_ID = re.compile(r"[!-~]{1,64}")
AGE_OF_CONSENT_YEARS = 14
"""Under this age somebody's guardian consents (PIPL, article 31)."""


class ConsentMissing(Exception):
    """No consent, or none that counts; one line saying what is needed."""


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """What an enrolment rests on."""

    id: str
    """Of the document, on paper or in another system, that the person or guardian has signed."""
    given_on: dt.date
    guardian: str = ""
    """Who consented for somebody under 14, as the document names them; empty: the person did."""

    def __repr__(self) -> str:
        """Without the guardian's name."""
        return f"Consent({self.id})"


def consent(
    document: str, given_on: dt.date | None, today: dt.date, *, guardian: str = "", under_14: bool = False
) -> Consent:
    """A consent that counts.

    Raises:
        ConsentMissing: there is none, it is of the future, or somebody under 14 has no guardian's.
    """
    if not CONSENT_ID.fullmatch(document):
        raise ConsentMissing(
            "nobody is enrolled without their consent: name the document, 1 to 64 ASCII characters"
        )
    if given_on is None or given_on > today:
        raise ConsentMissing(f"consent {document}: say when it was given, today or before")
    if under_14 and not guardian.strip():
        raise ConsentMissing(
            f"consent {document}: somebody under {AGE_OF_CONSENT_YEARS} needs their guardian's"
        )
    return Consent(id=document, given_on=given_on, guardian=guardian.strip())
