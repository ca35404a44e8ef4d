"""Decide, commit, act, answer: the second half of an approach.

Ingress commits first, within ``commit_ms_max``; when the disk does not answer in time the written degrade
policy decides and the record follows with mode ``late`` (SAFETY.md L10, R6). Leaving, and what a terminal has
done by itself, is acted on first and recorded afterwards.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from cardea.contract.batches import Lane
from cardea.contract.encoding import encode
from cardea.contract.policy import PortalPolicy
from cardea.contract.reasons import RefusalReason
from cardea.contract.records import DecisionRecord, Side
from cardea.runtime.logs import get_logger
from drivers.api import Accepted, Refused
from edge.decide.decide import when_stalled
from edge.decide.decision import Decision
from edge.portal.approaches import Case
from edge.portal.judge import Judge, Judged
from edge.portal.means import Means
from edge.portal.rows import credential_kind, decision_record
from edge.recorder import Commit, Draft

RECORDED_S_MAX = 5.0
"""A device waits this long for its event to be durable, then it is told to send it again."""
_NOT_DURABLE = Refused(RefusalReason.STORE_FAILED)
_LOG = get_logger("portal")

Act = Callable[[Case, Decision], None]
"""Let the portal machine act on a decision; never waits."""
Stalled = Callable[[bool], None]
"""Tell the portal machine that commits are overdue, or no longer."""


class Verdicts:
    """Gives the verdict on one approach after the other."""

    def __init__(self, portal: str, judge: Judge, act: Act, stalled: Stalled, means: Means) -> None:
        self._portal = portal
        self._judge = judge
        self._act = act
        self._stalled = stalled
        self._means = means

    async def give(self, case: Case) -> Judged:
        """Decide ``case``, act on it and see to its record; who waits for the record is answered later."""
        clock, recorder = self._means.clock, self._means.recorder
        began_s = clock.monotonic_s()
        in_force = self._means.policy()
        policy = in_force.of(self._portal)
        within_s = policy.commit_ms_max / 1000.0
        judged = await self._judge.judge(case, policy, in_force.version, within_s=within_s)
        if case.approach.side is Side.EGRESS or case.approach.terminal is not None or case.backfilled:
            if not recorder.usable:
                judged = _late(judged, policy)
            self._act(case, judged.decision)
            durable = recorder.follow(Lane.RECORD, encode(self._row(case, judged)))
        else:
            left_s = max(0.0, within_s - (clock.monotonic_s() - began_s))
            judged, durable = await self._commit_then_act(case, judged, policy, left_s)
        answer_when(durable, case.answers)
        self._say(case, judged.decision, clock.monotonic_s() - began_s)
        return judged

    async def _commit_then_act(
        self, case: Case, judged: Judged, policy: PortalPolicy, within_s: float
    ) -> "tuple[Judged, asyncio.Future[bool]]":
        recorder = self._means.recorder
        draft = Draft(encode(self._row(case, judged)))
        result = Commit.NOT_BEGUN
        if not judged.use_unsure:
            result = await recorder.commit(Lane.RECORD, draft, within_s=within_s)
        self._stalled(result is not Commit.DONE)
        if result is Commit.DONE:
            self._act(case, judged.decision)
            return judged, draft.durable
        late = _late(judged, policy)
        self._act(case, late.decision)
        return late, self._follow(case, judged, late, draft, result)

    def _follow(
        self, case: Case, judged: Judged, late: Judged, draft: Draft, result: Commit
    ) -> "asyncio.Future[bool]":
        """See to it that the record of what was done in the end is what becomes durable.

        A row whose transaction has begun cannot be called back. Where what was done differs from what it
        says, a row of its own, with an id of its own, says so right after it.
        """
        row = self._row(case, late)
        if result is Commit.UNDER_WAY:
            same = late.decision.outcome is judged.decision.outcome
            if draft.amend(encode(row)) or same:
                return draft.durable
            row = msgspec.structs.replace(row, id=self._means.entropy.new_id())
        return self._means.recorder.follow(Lane.RECORD, encode(row))

    def _row(self, case: Case, judged: Judged) -> DecisionRecord:
        now = self._means.clock.now()
        return decision_record(self._portal, case, judged.evidence, judged.decision, now)

    def _say(self, case: Case, decision: Decision, took_s: float) -> None:
        """The one line of a passage: who it was stands in the ledger, under the id."""
        kind = credential_kind(case)
        _LOG.info(
            "passage_decided",
            decision=case.approach.id,
            portal=self._portal,
            device=case.device,
            side=case.approach.side.value,
            credential=kind.value if kind else None,
            outcome=decision.outcome.value,
            reasons=[reason.value for reason in decision.reasons],
            mode=decision.mode.value,
            policy_version=decision.policy_version,
            took_ms=round(took_s * 1000, 1),
        )


def answer_when(
    durable: "asyncio.Future[bool]", answers: "Sequence[asyncio.Future[Accepted | Refused]]"
) -> None:
    """Whoever brought an event may acknowledge it once its record is durable, and shall not wait for ever."""
    if not answers:
        return

    def resolve(answer: Accepted | Refused) -> None:
        for waiting in answers:
            if not waiting.done():
                waiting.set_result(answer)

    patience = asyncio.get_running_loop().call_later(RECORDED_S_MAX, resolve, _NOT_DURABLE)

    def known(done: "asyncio.Future[bool]") -> None:
        patience.cancel()
        resolve(Accepted() if not done.cancelled() and done.result() else _NOT_DURABLE)

    durable.add_done_callback(known)


def _late(judged: Judged, policy: PortalPolicy) -> Judged:
    return replace(judged, decision=when_stalled(judged.decision, judged.evidence, policy))
