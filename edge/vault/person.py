"""A person as the vault keeps one. Leaves the vault only for the gateway's own desk."""

import datetime as dt
from enum import StrEnum

import msgspec

from cardea.contract.records import CredentialKind


class PersonStatus(StrEnum):
    """Whether a person's credentials are honoured at all."""

    ACTIVE = "active"
    REVOKED = "revoked"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One person; times are aware, ``schedule`` is the text that ``edge.vault.schedule`` parses."""

    person: str
    name: str
    organisation: str = ""
    employee_no: str = ""
    card: str = ""
    valid_from: dt.datetime | None = None
    valid_until: dt.datetime | None = None
    schedule: str = ""
    status: PersonStatus = PersonStatus.ACTIVE

    def __repr__(self) -> str:
        """Without the name: a log or a traceback shows this."""
        return f"Person({self.person})"


ISSUED_NUMBER = {
    CredentialKind.CARD: "card",
    CredentialKind.FACE: "employee_no",
    CredentialKind.PIN: "employee_no",
}
"""Which of a person's numbers a device reports for each kind; a QR pass names the person itself."""
