"""What every thermometer's session says to an order: it only measures."""

from cardea.contract.reasons import RefusalReason
from drivers.api import Command, NotExecuted, Receipt


class OnlyMeasures:
    """A session that takes no orders."""

    async def submit(self, command: Command) -> Receipt:
        """A thermometer only measures."""
        return NotExecuted(RefusalReason.UNSUPPORTED, f"a thermometer cannot do {type(command).__name__}")
