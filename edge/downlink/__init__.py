"""What comes down: signed orders, the desired policy and statuses; verified before anything is done."""

from edge.downlink.downlink import Downlink, Hands
from edge.downlink.orders import ORDER_S_MAX, SKEW_S_MAX

__all__ = ["ORDER_S_MAX", "SKEW_S_MAX", "Downlink", "Hands"]
