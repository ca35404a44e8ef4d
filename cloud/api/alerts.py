"""Alerts: what somebody must look at, what was done about it, and by whom."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from cloud.api.dependencies import Caller, FromAggregator, FromClock, FromLedger
from cloud.api.questions import AlertQuestion, Note
from cloud.ledger import alerts as acts
from cloud.ledger import reads
from cloud.ledger.views import AlertEventRow, AlertRow, Page

router = APIRouter(tags=["alerts"])


@router.get("/alerts")
async def alerts(
    account: Caller, ledger: FromLedger, question: Annotated[AlertQuestion, Query()]
) -> Page[AlertRow]:
    """The alert list, newest evidence first. Acknowledged and cleared are independent."""
    return await ledger.read(reads.alerts, account.scope, question.query())


@router.get("/alerts/{alert}")
async def alert(account: Caller, ledger: FromLedger, alert: int) -> AlertRow:
    """One alert."""
    return _found(await ledger.read(reads.alert, account.scope, alert), alert)


@router.get("/alerts/{alert}/events")
async def alert_events(account: Caller, ledger: FromLedger, alert: int) -> tuple[AlertEventRow, ...]:
    """What happened to an alert: who, when, and their note."""
    _found(await ledger.read(reads.alert, account.scope, alert), alert)
    return await ledger.read(reads.alert_events, account.scope, alert)


def _act(what: str, act: Callable[..., AlertRow | None], summary: str) -> None:
    """A route for one of the things people do with an alert; each needs a note for the next shift."""

    async def route(
        account: Caller,
        ledger: FromLedger,
        aggregator: FromAggregator,
        clock: FromClock,
        alert: int,
        body: Note,
    ) -> AlertRow:
        done = await ledger.write(act, account.scope, alert, account.login, body.note, clock.now().utc)
        aggregator.feed.changed()
        return _found(done, alert)

    router.add_api_route(
        f"/alerts/{{alert}}/{what}", route, methods=["POST"], summary=summary, name=f"{what}_alert"
    )


_act("acknowledge", acts.acknowledge, "Take an alert on.")
_act("withdraw", acts.withdraw, "Take an acknowledgement back.")
_act("note", acts.add_note, "Write something down.")
_act("clear", acts.clear, "Give the evidence that the condition has ended.")


def _found(row: AlertRow | None, alert: int) -> AlertRow:
    if row is None:
        raise HTTPException(404, f"no alert {alert} here")
    return row
