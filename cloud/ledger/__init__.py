"""The ledger: pseudonymous passages, devices, alerts and accounts (SQLAlchemy Core)."""

from cloud.ledger.store import Ledger

__all__ = ["Ledger"]
