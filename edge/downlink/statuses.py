"""Desired statuses on their way to the vault: signed, for this gateway, well formed."""

from collections.abc import Awaitable, Callable, Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cardea.contract import signed
from cardea.contract.encoding import STATUSES, Undecodable
from cardea.contract.orders import Statuses
from cardea.contract.reasons import RefusalReason
from cardea.runtime.disk import StoreFull
from edge.vault import Applied

Apply = Callable[[Statuses], Awaitable[Applied]]
"""Takes statuses into the vault, all or nothing, and keeps their version."""

_REFUSALS = {
    Applied.OLDER: RefusalReason.OLDER_VERSION,
    Applied.BASE_MISSING: RefusalReason.UNSUPPORTED,
}


async def apply_signed(
    payload: bytes, keys: Mapping[str, Ed25519PublicKey], gateway: str, apply: Apply
) -> Statuses | RefusalReason | None:
    """What was applied; why nothing was; ``None`` when all of it was held already.

    Raises:
        StoreFailed: the disk failed.
    """
    body = signed.verify(payload, keys)
    if isinstance(body, RefusalReason):
        return body
    statuses = STATUSES.decode(body)
    if isinstance(statuses, Undecodable):
        return RefusalReason.UNDECODABLE
    if statuses.target != gateway:
        return RefusalReason.WRONG_TARGET
    try:
        applied = await apply(statuses)
    except StoreFull:
        return RefusalReason.STORE_FAILED
    return statuses if applied is Applied.APPLIED else _REFUSALS.get(applied)
