"""A recorder that commits alerts at once, and keeps them for the test."""

import asyncio

from cardea.contract.batches import Lane
from cardea.contract.encoding import ALERT
from cardea.contract.records import AlertCleared, AlertRaised


class Rows:
    """What alerts commit, at once."""

    def __init__(self) -> None:
        self.alerts: list[AlertRaised | AlertCleared] = []

    def follow(self, lane: Lane, body: bytes) -> "asyncio.Future[bool]":
        assert lane is Lane.ALERT
        alert = ALERT.decode(body)
        assert isinstance(alert, AlertRaised | AlertCleared)
        self.alerts.append(alert)
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        done.set_result(True)
        return done
