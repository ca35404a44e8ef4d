"""What no policy and no portal may say: asked of every policy, from file or cloud, before it is in force."""

from collections.abc import Iterator

from cardea.contract.policy import AntiPassback, PortalPolicy
from cardea.contract.records import Outcome

CELLS = tuple(name for name in PortalPolicy.__struct_fields__ if name.startswith("on_"))
"""Every cell of the default ingress policy table."""


def policy_misfits(policy: PortalPolicy) -> Iterator[tuple[str, str, str]]:
    """Key, value, and what would be right, for everything in ``policy`` that loosens a floor."""
    for cell in CELLS:
        if getattr(policy, cell) is Outcome.GRANT:
            yield cell, Outcome.GRANT.value, "no refusal can be made into a grant; say deny, refer or retest"
    if policy.anti_passback is AntiPassback.TIMED and not policy.anti_passback_s:
        yield "anti_passback_s", "0", "timed anti-passback needs a time above 0 s"


def policy_faults(policy: PortalPolicy) -> tuple[str, ...]:
    """The same as lines: ``key: value → what would be right``; empty when the policy is sound."""
    return tuple(f"{key}: {value} → {right}" for key, value, right in policy_misfits(policy))


def lock_misfits(
    *, fail_secure: bool, mechanical_free_egress: bool, hardwired_fire_release: bool, fire_fitted: bool
) -> Iterator[tuple[str, str | None, str]]:
    """Key, value, and what would be right, for a lock that could keep people in (L1, L4, L5)."""
    if fail_secure and not mechanical_free_egress:
        right = "a fail-secure lock needs mechanical_free_egress = true (L5); else use fail_safe"
        yield "lock", "fail_secure", right
    if not hardwired_fire_release and not fire_fitted:
        right = "without hardwired_fire_release name the input wired to the fire panel (L1, L4)"
        yield "fire", None, right
