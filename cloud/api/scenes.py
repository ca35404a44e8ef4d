"""Thermal pictures of scenes without people, as they are now."""

import datetime as dt
from base64 import b64encode
from dataclasses import dataclass

from fastapi import APIRouter

from cardea.contract.scenes import MarkKind
from cloud.api.dependencies import Caller, FromAggregator, FromLedger
from cloud.ledger import reads
from cloud.scenes import STALE_S, SceneSeen

router = APIRouter(tags=["scenes"])


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


@router.get("/scenes")
async def scenes(
    account: Caller, ledger: FromLedger, aggregator: FromAggregator, site: str | None = None
) -> tuple[SceneRow, ...]:
    """The newest picture of each device that looks at a scene without people; kept in memory only."""
    gateways = {row.id for row in await ledger.read(reads.gateways, account.scope, site)}
    shown = aggregator.scenes
    return tuple(_row(seen, shown.age_s(seen)) for seen in shown.of(gateways))


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
    )
