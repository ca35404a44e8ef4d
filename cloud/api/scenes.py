"""Thermal pictures as they are now: scenes without people, and positions with people blurred, or clear for
a while for staff who say why."""

import datetime as dt
from base64 import b64encode
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from cardea.contract.orders import SHOW_FACES_S_MAX
from cardea.contract.records import ScreeningState
from cardea.contract.scenes import MarkKind, Showing
from cardea.contract.screening import NotScreened, ScreeningTerms
from cardea.runtime.bus import BusDown
from cloud.api.dependencies import Caller, FromAggregator, FromLedger
from cloud.api.orders import Sent
from cloud.faces import (
    LEASE_S,
    REASON_CHARACTERS_MAX,
    REASON_CHARACTERS_MIN,
    Faces,
    FacesRefusal,
    NotAsked,
)
from cloud.ledger import reads
from cloud.scene_seen import SceneSeen
from cloud.scenes import STALE_S

router = APIRouter(tags=["scenes"])

_REFUSALS = {
    FacesRefusal.NOT_ENTITLED: (403, "only the building's own managers and facility staff may do this"),
    FacesRefusal.NO_PICTURE: (404, "there is no live picture of such a position here"),
    FacesRefusal.NO_REASON: (422, "`reason` must be a few words"),
}


class Asked(BaseModel):
    """Why somebody has to see people clear, and for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Annotated[
        str,
        Field(
            min_length=REASON_CHARACTERS_MIN,
            max_length=REASON_CHARACTERS_MAX,
            description="kept in the gateway's audit chain; name nobody",
        ),
    ]
    lease_s: Annotated[float, Field(ge=1, le=SHOW_FACES_S_MAX, description="for how long; s")] = LEASE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRow:
    """A rectangle, as fractions of width and height, and the temperature found in it."""

    kind: MarkKind
    left: float
    top: float
    width: float
    height: float
    temp_c: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRow:
    """What a position said last of somebody who stands before it."""

    state: ScreeningState
    surface_temp_c: float | None
    terms: ScreeningTerms | None
    reason: NotScreened | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRow:
    """A picture; ``grid`` is base64, a byte a pixel, row by row, 0 = ``min_c``, 255 = ``max_c``."""

    gateway: str
    device: str
    at: dt.datetime
    heard_at: dt.datetime
    age_s: float
    stale: bool
    width: int
    height: int
    min_c: float
    max_c: float
    grid: str
    marks: tuple[MarkRow, ...]
    showing: Showing
    readings: tuple[ReadingRow, ...]
    condition: NotScreened | None


@router.get("/scenes")
async def scenes(
    account: Caller, ledger: FromLedger, aggregator: FromAggregator, site: str | None = None
) -> tuple[SceneRow, ...]:
    """The newest picture of each device that shows one; kept in memory only. People in it are blurred, but
    for the account whose order to see them clear is running."""
    gateways = {row.id for row in await ledger.read(reads.gateways, account.scope, site)}
    shown = aggregator.scenes
    return tuple(_row(seen, shown.age_s(seen)) for seen in shown.of(gateways, account.user))


@router.post("/scenes/{gateway}/{device}/faces", status_code=202)
async def show_faces(
    account: Caller, ledger: FromLedger, aggregator: FromAggregator, gateway: str, device: str, body: Asked
) -> Sent:
    """Ask to see people clear for a while, for this account only. The gateway may refuse: see its orders."""
    faces = Faces(ledger, aggregator.intent, aggregator.scenes)
    try:
        return Sent(id=(await faces.ask(account, gateway, device, body.reason, body.lease_s)).id)
    except NotAsked as error:
        raise HTTPException(*_REFUSALS[error.refusal]) from error
    except BusDown as error:
        raise HTTPException(503, f"not sent for certain: {error}") from error


def _row(seen: SceneSeen, age_s: float) -> SceneRow:
    scene = seen.scene
    return SceneRow(
        gateway=seen.gateway,
        device=scene.device,
        at=scene.at.utc,
        heard_at=seen.heard.utc,
        age_s=age_s,
        stale=age_s > STALE_S,
        width=scene.width,
        height=scene.height,
        min_c=scene.min_c,
        max_c=scene.max_c,
        grid=b64encode(scene.grid).decode(),
        marks=tuple(
            MarkRow(
                kind=mark.kind,
                left=mark.left,
                top=mark.top,
                width=mark.width,
                height=mark.height,
                temp_c=mark.temp_c,
            )
            for mark in scene.marks
        ),
        showing=scene.showing,
        readings=tuple(
            ReadingRow(
                state=reading.state,
                surface_temp_c=reading.surface_temp_c,
                terms=reading.terms,
                reason=reading.reason,
            )
            for reading in scene.readings
        ),
        condition=scene.condition,
    )
