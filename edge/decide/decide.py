"""One decision: the rules' verdict with its effects, the age of every input, the policy version, the mode."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, cast

from cardea.contract.policy import Degrade, PortalPolicy
from cardea.contract.reasons import Reason
from cardea.contract.records import Mode, Outcome, Side
from edge.decide.decision import Decision, Effect, RaiseAlert, ReleaseDoor, ShowMessage, Verdict
from edge.decide.evidence import Evidence, Item, Missing
from edge.decide.gaps import good_enough_lately
from edge.decide.rules import RULES, Rule, judge

ITEMS = tuple(field.name for field in fields(Evidence) if isinstance(field.default, Missing))
"""Names of the items of evidence."""


def decide(
    evidence: Evidence, policy: PortalPolicy, version: int, rules: tuple[Rule, ...] = RULES
) -> Decision:
    """Decide one approach. Pure; never raises; ``version`` is that of the policy.

    The effects are what the decision asks for: hand them to the portal machine (``Decided``), which lets
    through what its own state allows. Of a terminal that has decided by itself the decision says what the
    terminal did (``Reason.DECIDED_BY_TERMINAL``), then what the rules say of it, and asks for nothing but
    alerts; only its refusal to let somebody out does not stand (L2). What comes from a device's history
    opens nothing (L12).
    """
    verdict = judge(evidence, policy, rules)
    if _terminal_decided(evidence):
        verdict = replace(
            verdict,
            outcome=evidence.terminal or verdict.outcome,
            reasons=(Reason.DECIDED_BY_TERMINAL, *verdict.reasons),
        )
    return Decision(
        outcome=verdict.outcome,
        reasons=verdict.reasons,
        mode=verdict.mode,
        policy_version=version,
        input_age_s=input_age_s(evidence),
        effects=tuple(_effects(verdict, evidence, policy)),
    )


def input_age_s(evidence: Evidence) -> dict[str, float | None]:
    """The age of every item of evidence by its name, ms resolution; ``None`` where it is missing."""
    named = ((name, cast("Item[Any]", getattr(evidence, name))) for name in ITEMS)
    return {name: None if isinstance(item, Missing) else round(item.age_s, 3) for name, item in named}


def _terminal_decided(evidence: Evidence) -> bool:
    stands = evidence.side is Side.INGRESS or evidence.terminal is Outcome.GRANT
    return evidence.terminal is not None and stands


def _effects(verdict: Verdict, evidence: Evidence, policy: PortalPolicy) -> Iterator[Effect]:
    yield from verdict.alerts
    if evidence.backfilled or _terminal_decided(evidence):
        return
    if verdict.outcome is Outcome.GRANT:
        yield ReleaseDoor(evidence.side, policy.release_s)
    yield ShowMessage(verdict.outcome, verdict.reasons[0])


_STALLED: Mapping[Degrade, tuple[Outcome, tuple[Reason, ...]]] = {
    Degrade.ADMIT_AND_FLAG: (Outcome.GRANT, (Reason.DEGRADED_ADMIT,)),
    Degrade.CACHED_FOR: (Outcome.REFER, (Reason.DEGRADED_STAFF,)),
    Degrade.STAFF_CHECK: (Outcome.REFER, (Reason.DEGRADED_STAFF,)),
    Degrade.CLOSED: (Outcome.DENY, (Reason.DEGRADED_CLOSED,)),
}


def when_stalled(decision: Decision, evidence: Evidence, policy: PortalPolicy) -> Decision:
    """The decision to act on when its record could not be committed within ``commit_ms_max``.

    Leaving, fire and everything that opens nothing stand as they are (SAFETY.md L10, R6); a grant to enter is
    decided by the written degrade policy. The record says ``late`` and follows when the store has recovered.
    """
    late = replace(decision, mode=Mode.LATE, reasons=(*decision.reasons, Reason.STORE_STALLED))
    if evidence.side is Side.EGRESS or Reason.FIRE in decision.reasons or not releases(decision):
        return late
    outcome, why = _STALLED[policy.degrade]
    if policy.degrade is Degrade.CACHED_FOR and good_enough_lately(evidence, policy):
        outcome, why = Outcome.GRANT, (Reason.DEGRADED_CACHED,)
    reasons = (*why, Reason.STORE_STALLED)
    alerts = tuple(effect for effect in decision.effects if isinstance(effect, RaiseAlert))
    verdict = Verdict(outcome, reasons, Mode.LATE, alerts)
    return replace(late, outcome=outcome, reasons=reasons, effects=tuple(_effects(verdict, evidence, policy)))


def releases(decision: Decision) -> bool:
    """Whether this decision asks for a door to be released."""
    return any(isinstance(effect, ReleaseDoor) for effect in decision.effects)
