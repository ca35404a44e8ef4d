"""Waiting between attempts: exponential with full jitter, so that gateways do not all knock at once."""

from cardea.runtime.clock import Clock, Entropy


class Backoff:
    """Delays drawn from 0…base·2ⁿ, capped."""

    def __init__(self, clock: Clock, entropy: Entropy, *, base_s: float = 0.5, s_max: float = 30.0) -> None:
        self._clock = clock
        self._entropy = entropy
        self._base_s = base_s
        self._s_max = s_max
        self._attempts = 0

    @property
    def attempts(self) -> int:
        """Waits since the last success."""
        return self._attempts

    def reset(self) -> None:
        """The attempt succeeded: begin again with the shortest delay."""
        self._attempts = 0

    async def wait(self) -> None:
        """Wait before the next attempt."""
        ceiling_s = min(self._s_max, self._base_s * 2.0 ** min(self._attempts, 16))
        self._attempts += 1
        await self._clock.sleep(self._entropy.uniform(0.0, ceiling_s))
