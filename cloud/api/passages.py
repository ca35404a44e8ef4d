"""Passages: who came to which portal, how it was decided and why, and who was then seen to go through."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from cloud.api.dependencies import Caller, FromLedger
from cloud.api.questions import CountQuestion, CrossingQuestion, PassageQuestion
from cloud.ledger import reads
from cloud.ledger.views import Entry, OutcomeCount, Page, Passage, ReasonCount

router = APIRouter(tags=["passages"])


@router.get("/passages")
async def passages(
    account: Caller, ledger: FromLedger, question: Annotated[PassageQuestion, Query()]
) -> Page[Entry]:
    """Decided approaches, newest first; `next` leads to the page after."""
    return await ledger.read(reads.entries, account.scope, question.query())


@router.get("/passages/{gateway}/{passage_id}")
async def passage(account: Caller, ledger: FromLedger, gateway: str, passage_id: str) -> Entry:
    """One decided approach with everything its record says."""
    entry = await ledger.read(reads.entry, account.scope, gateway, passage_id)
    if entry is None:
        raise HTTPException(404, f"no passage {passage_id!r} here")
    return entry


@router.get("/crossings")
async def crossings(
    account: Caller, ledger: FromLedger, question: Annotated[CrossingQuestion, Query()]
) -> Page[Passage]:
    """What sensors and terminals saw go through, with and without a decision, newest first."""
    return await ledger.read(reads.passages, account.scope, question.query())


@router.get("/counts/outcomes")
async def outcome_counts(
    account: Caller, ledger: FromLedger, question: Annotated[CountQuestion, Query()]
) -> tuple[OutcomeCount, ...]:
    """Decisions by portal and outcome."""
    return await ledger.read(reads.outcome_counts, account.scope, question.query())


@router.get("/counts/reasons")
async def reason_counts(
    account: Caller, ledger: FromLedger, question: Annotated[CountQuestion, Query()]
) -> tuple[ReasonCount, ...]:
    """Decisions by outcome and first reason, most frequent first."""
    return await ledger.read(reads.reason_counts, account.scope, question.query())
