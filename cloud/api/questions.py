"""Query parameters: what a caller may ask for, checked by pydantic, turned into the ledger's own queries."""

import datetime as dt
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from cardea.contract.reasons import Reason
from cardea.contract.records import AlertKind, Outcome, Severity, Side
from cloud.ledger.views import PAGE_MAX, AlertQuery, AlertView, CountQuery, Cursor, EntryQuery, PassageQuery

Moment = Annotated[
    AwareDatetime | None, Field(description="ISO 8601 with offset, e.g. 2026-11-23T08:00:00+08:00")
]


def _is_cursor(text: str | None) -> str | None:
    if text is not None:
        Cursor.parse(text)
    return text


Before = Annotated[str | None, AfterValidator(_is_cursor), Field(description="the `next` of the page before")]
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX, description="items at the most")]


class _Question(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    site: Annotated[str | None, Field(description="only this site")] = None


class _Paged(_Question):
    before: Before = None
    limit: Limit = 50

    @property
    def cursor(self) -> Cursor | None:
        """Where to go on."""
        return None if self.before is None else Cursor.parse(self.before)


class PassageQuestion(_Paged):
    """Filters of decided approaches; what is left out filters nothing."""

    gateway: str | None = None
    portal: str | None = None
    outcome: Outcome | None = None
    reason: Annotated[Reason | None, Field(description="the first of the reasons")] = None
    side: Side | None = None
    subject: Annotated[str | None, Field(description="a subject's `value`")] = None
    since: Moment = None
    until: Moment = None

    def query(self) -> EntryQuery:
        """In the ledger's words."""
        return EntryQuery(**_plain(self), before=self.cursor)


class CrossingQuestion(_Paged):
    """Filters of observed crossings, with and without a decision."""

    gateway: str | None = None
    portal: str | None = None
    side: Side | None = None
    decision: Annotated[str | None, Field(description="the id of a decided approach")] = None
    since: Moment = None
    until: Moment = None

    def query(self) -> PassageQuery:
        """In the ledger's words."""
        return PassageQuery(**_plain(self), before=self.cursor)


class CountQuestion(_Question):
    """What to count."""

    side: Side | None = None
    since: Moment = None
    until: Moment = None

    def query(self) -> CountQuery:
        """In the ledger's words."""
        return CountQuery(**_plain(self))


class AlertQuestion(_Paged):
    """Filters of the alert list."""

    view: Annotated[AlertView, Field(description="attention = not cleared or not acknowledged")] = (
        AlertView.ATTENTION
    )
    gateway: str | None = None
    device: str | None = None
    alert: AlertKind | None = None
    severity: Severity | None = None

    def query(self) -> AlertQuery:
        """In the ledger's words."""
        return AlertQuery(**_plain(self), before=self.cursor)


class HistoryQuestion(BaseModel):
    """Which page of a history."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    before: Before = None
    limit: Limit = 50

    @property
    def cursor(self) -> Cursor | None:
        """Where to go on."""
        return None if self.before is None else Cursor.parse(self.before)


class Credentials(BaseModel):
    """A login."""

    model_config = ConfigDict(extra="forbid")

    login: Annotated[str, Field(min_length=1, max_length=128)]
    password: Annotated[str, Field(min_length=1, max_length=1024)]


class NewPassword(BaseModel):
    """A change of one's own password."""

    model_config = ConfigDict(extra="forbid")

    old: Annotated[str, Field(min_length=1, max_length=1024)]
    new: Annotated[str, Field(min_length=12, max_length=1024, description="at least 12 characters")]


class Note(BaseModel):
    """What a person says about what they did; required, because the next shift reads it."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[str, Field(min_length=1, max_length=1000)]


def _plain(question: BaseModel) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(question, name) for name in type(question).model_fields}
    values.pop("before", None)
    return {
        name: value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value
        for name, value in values.items()
    }
