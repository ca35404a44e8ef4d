"""Whether a thermal position meets the clauses, as a file describes it or a gateway runs it. Pure.

A sensor that warms up or has lost its reference needs no clause of its own: it measures nobody meanwhile.
"""

from dataclasses import dataclass

from edge.thermal.position_figures import (
    NOTHING,
    Around,
    Said,
    by_datasheet,
    computed,
    configured,
    declared,
    known,
    values,
)
from edge.thermal.position_settings import PositionFacts
from models.thermal.condition.clauses import Figure
from models.thermal.condition.selftest import Figures, Origin, Report, selftest


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What a building measures now; ``None`` where it measures nothing."""

    room_c: float | None = None
    humidity_pct: float | None = None


def judged(position: PositionFacts, around: Around, live: Live | None = None) -> Report:
    """The clauses for one position; without ``live`` the series that it names are not asked.

    What is measured overrules what a datasheet says, that what is configured, and that what is declared.
    """
    said = declared(position, around.today)
    clip = around.clip
    measured = NOTHING if clip is None else clip.figures(said, position.reference.drift_c)
    by_now = NOTHING if live is None else known(_live(position, live), Origin.MEASURED)
    sources = (
        _without_unmeasured(said, position, live),
        configured(around.thermometer),
        by_datasheet(position, around),
        computed(position, around),
        measured,
        by_now,
    )
    return selftest(*sources)


def _live(position: PositionFacts, live: Live) -> Said:
    if position.site.room_series is not None:
        yield Figure.ROOM, values(live.room_c, live.room_c)
    if position.site.humidity_series is not None:
        yield Figure.HUMIDITY, values(live.humidity_pct, live.humidity_pct)


def _without_unmeasured(said: Figures, position: PositionFacts, live: Live | None) -> Figures:
    """A series that is to measure the room and says nothing leaves nothing known: not what was declared."""
    if live is None:
        return said
    site = position.site
    silent = {
        Figure.ROOM: site.room_series is not None and live.room_c is None,
        Figure.HUMIDITY: site.humidity_series is not None and live.humidity_pct is None,
    }
    return {figure: found for figure, found in said.items() if not silent.get(figure, False)}
