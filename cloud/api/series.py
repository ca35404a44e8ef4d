"""Time series: the newest readings, and a series over time, thinned on the server."""

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from cloud.api.dependencies import Caller, FromClock, FromLedger, FromSeries
from cloud.ledger import reads
from cloud.series.store import HistoryUnavailable, Latest, Point

POINTS_MAX = 2000
SPAN_DAYS_MAX = 400
DAY_S = 86_400

router = APIRouter(tags=["series"])


class HistoryOfSeries(BaseModel):
    """A series and a span of time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gateway: Annotated[str, Field(max_length=63)]
    series: Annotated[
        str, Field(min_length=1, max_length=200, description="device/metric_unit, e.g. gate-1/surface_temp_c")
    ]
    since: Annotated[
        AwareDatetime | None, Field(description="ISO 8601 with offset; a day ago by default")
    ] = None
    until: Annotated[AwareDatetime | None, Field(description="ISO 8601 with offset; now by default")] = None
    points: Annotated[int, Field(ge=1, le=POINTS_MAX, description="stretches at the most")] = 288

    @model_validator(mode="after")
    def _is_a_span(self) -> "HistoryOfSeries":
        if self.since is not None and self.until is not None:
            length = self.until - self.since
            if not dt.timedelta(0) < length <= dt.timedelta(days=SPAN_DAYS_MAX):
                raise ValueError(f"until must lie behind since, by {SPAN_DAYS_MAX} days at the most")
        return self

    def span(self, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
        """Its bounds in UTC."""
        until = now if self.until is None else self.until.astimezone(dt.UTC)
        return (
            until - dt.timedelta(seconds=DAY_S) if self.since is None else self.since.astimezone(dt.UTC)
        ), until


@router.get("/series")
@router.get("/latest", operation_id="latest")
async def latest(
    account: Caller,
    ledger: FromLedger,
    series: FromSeries,
    gateway: Annotated[str | None, Query(max_length=63, description="only this gateway")] = None,
    device: Annotated[str | None, Query(max_length=200, description="only this device")] = None,
) -> tuple[Latest, ...]:
    """The newest reading of every series, by gateway and series. Old ones stay: look at `at`."""
    visible = await ledger.read(reads.visible_gateways, account.scope)
    if gateway is not None and gateway not in visible:
        raise HTTPException(404, f"no gateway {gateway!r} here")
    return series.latest(visible if gateway is None else (gateway,), device)


@router.get(
    "/series/history",
    responses={404: {"description": "no such gateway here"}, 503: {"description": "no history now, and why"}},
)
async def history(
    account: Caller,
    ledger: FromLedger,
    series: FromSeries,
    clock: FromClock,
    question: Annotated[HistoryOfSeries, Query()],
) -> tuple[Point, ...]:
    """A series in stretches of equal length, each with mean, lowest, highest and count; empty ones are left
    out. Beyond a quarter of an hour stretches are whole minutes.
    """
    if question.gateway not in await ledger.read(reads.visible_gateways, account.scope):
        raise HTTPException(404, f"no gateway {question.gateway!r} here")
    since, until = question.span(clock.now().utc)
    if until - since > dt.timedelta(days=SPAN_DAYS_MAX) or until <= since:
        raise HTTPException(422, f"until must lie behind since, by {SPAN_DAYS_MAX} days at the most")
    try:
        return await series.history(question.gateway, question.series, since, until, question.points)
    except HistoryUnavailable as error:
        raise HTTPException(503, str(error)) from None
