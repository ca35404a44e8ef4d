"""The policy in force: signed, newer than the one before, free of faults; the last good one is kept."""

from collections.abc import Callable, Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cardea.contract import signed
from cardea.contract.encoding import POLICY, Undecodable
from cardea.contract.policy import Policy
from cardea.contract.reasons import RefusalReason
from cardea.runtime.disk import Database, StoreFull
from cardea.runtime.logs import get_logger
from edge.downlink import tables
from edge.downlink.tables import StoredPolicy

FAULTS_SAID_MAX = 10
Faults = Callable[[Policy], Sequence[object]]
"""What is wrong with a policy for this gateway's portals; empty when nothing is."""

_log = get_logger("downlink")


class PolicyInForce:
    """One frozen :class:`Policy`, swapped whole."""

    def __init__(
        self, database: Database, keys: Mapping[str, Ed25519PublicKey], first: Policy, faults: Faults
    ) -> None:
        self._database = database
        self._keys = keys
        self._faults = faults
        self._body: bytes = b""
        self.policy = first
        """What portals ask; read it anew for each decision."""
        self._version_min = first.version

    async def load(self) -> None:
        """Put the last good policy in force; one that does not fit any more is left, and said."""
        stored = await self._database.run(tables.load_policy)
        if stored is None:
            return
        self._version_min = max(self._version_min, stored.version)
        policy = self._readable(stored.body)
        if isinstance(policy, RefusalReason):
            _log.error("stored_policy_unusable", version=stored.version, reason=policy.value)
        else:
            self.policy, self._body = policy, stored.body

    async def replace(self, payload: bytes) -> Policy | RefusalReason | None:
        """Put a signed policy in force; ``None`` when it is the one that is.

        Raises:
            StoreFailed: the disk failed.
        """
        body = signed.verify(payload, self._keys)
        if isinstance(body, RefusalReason):
            return body
        if body == self._body:
            return None
        policy = self._readable(body)
        if isinstance(policy, RefusalReason):
            return policy
        if policy.version <= self._version_min:
            return RefusalReason.OLDER_VERSION
        stored = StoredPolicy(policy.version, body)
        try:
            await self._database.run(lambda connection: tables.save_policy(connection, stored))
        except StoreFull:
            return RefusalReason.STORE_FAILED
        self.policy, self._body, self._version_min = policy, body, policy.version
        return policy

    def _readable(self, body: bytes) -> Policy | RefusalReason:
        policy = POLICY.decode(body)
        if isinstance(policy, Undecodable):
            return RefusalReason.UNDECODABLE
        if policy.target != self.policy.target:
            return RefusalReason.WRONG_TARGET
        faults = self._faults(policy)
        if faults:
            said = [str(fault) for fault in faults[:FAULTS_SAID_MAX]]
            _log.error("policy_unsafe", version=policy.version, faults=said)
            return RefusalReason.UNSAFE
        return policy
