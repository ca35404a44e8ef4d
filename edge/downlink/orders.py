"""Whether an order may be carried out now. Pure."""

import datetime as dt

from cardea.contract.orders import Order
from cardea.contract.reasons import RefusalReason

ORDER_S_MAX = 300.0
"""From issue to deadline at the most: an order is for now, not for later."""
SKEW_S_MAX = 60.0
"""How far the clock of the one who orders may run ahead of ours."""
ID_LENGTH_MAX = 128


def judge(order: Order, gateway: str, now: dt.datetime, *, retained: bool) -> RefusalReason | None:
    """Why ``order``, whose signature was checked, must not be carried out; ``None`` when it may.

    Whether it was carried out before is for the nonce store to say.
    """
    if retained:
        return RefusalReason.RETAINED
    if order.target != gateway:
        return RefusalReason.WRONG_TARGET
    if not _well_formed(order):
        return RefusalReason.UNDECODABLE
    if order.issued - now > dt.timedelta(seconds=SKEW_S_MAX):
        return RefusalReason.UNSAFE
    if order.deadline - order.issued > dt.timedelta(seconds=ORDER_S_MAX):
        return RefusalReason.UNSAFE
    return RefusalReason.EXPIRED if now >= order.deadline else None


def _well_formed(order: Order) -> bool:
    lengths_fit = all(0 < len(text) <= ID_LENGTH_MAX for text in (order.id, order.nonce))
    return lengths_fit and order.issued < order.deadline
