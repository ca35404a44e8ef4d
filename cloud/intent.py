"""What the cloud asks of gateways: signed orders, which are never retained, and signed desired documents."""

import datetime as dt

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, func, insert, select

from cardea.contract.orders import Action, Order, StartCycle
from cardea.contract.policy import Policy
from cardea.contract.signed import sign
from cardea.contract.topics import Leaf, topic
from cardea.runtime.bus import BusDown, Session
from cardea.runtime.clock import Clock, Entropy
from cloud.ledger import Ledger
from cloud.ledger import tables as t
from cloud.ledger.dialect import insert_or_set

ORDER_VALID_S = 30.0
ORDER_VALID_S_MAX = 3600.0
START_VALID_S_MAX = 60.0
"""A start of something dangerous waits for nobody (SAFETY.md D7)."""
_VALID_S_MAX: dict[type, float] = {StartCycle: START_VALID_S_MAX}


class OutdatedVersion(ValueError):
    """A desired document must have a higher version than the one before."""


class Intent:
    """Signs, remembers and sends. ``session`` is the aggregator's while it is connected."""

    def __init__(self, ledger: Ledger, key: Ed25519PrivateKey, clock: Clock, entropy: Entropy) -> None:
        self._ledger = ledger
        self._key = key
        self._clock = clock
        self._entropy = entropy
        self.session: Session | None = None

    async def send_order(
        self, gateway: str, action: Action, by: str, valid_s: float = ORDER_VALID_S
    ) -> Order:
        """Send a signed order; it is in the ledger before it is on the bus. Its answer comes as a receipt.

        Raises:
            ValueError: ``gateway`` is no gateway id, or ``valid_s`` is not within 0…``ORDER_VALID_S_MAX``;
                0…``START_VALID_S_MAX`` for a start.
            BusDown: not connected; nothing was sent. Or the connection broke: it may have been sent.
        """
        address = topic(gateway, Leaf.ORDER)
        allowed_s = _VALID_S_MAX.get(type(action), ORDER_VALID_S_MAX)
        if not 0 < valid_s <= allowed_s:
            raise ValueError(f"this order is valid for at most {allowed_s:g} s, not {valid_s:g}")
        session = self._connected()
        issued = self._clock.now().utc
        order = Order(
            id=self._entropy.new_id(),
            target=gateway,
            nonce=self._entropy.new_id(),
            issued=issued,
            deadline=issued + dt.timedelta(seconds=valid_s),
            action=action,
        )
        await self._ledger.write(_keep_order, order, by)
        await session.publish(address, sign(self._key, order))
        return order

    async def send_policy(self, policy: Policy, by: str) -> None:
        """Set the policy of ``policy.target``: kept, and retained by the broker; sent again at each connect.

        Raises:
            OutdatedVersion: the version is not higher than the one before.
            BusDown: kept, and sent as soon as there is a connection.
        """
        leaf = Leaf.DESIRED_POLICY
        envelope = sign(self._key, policy)
        await self._ledger.write(
            _keep_desired, policy.target, leaf, policy.version, envelope, self._clock.now().utc, by
        )
        await self._connected().publish(topic(policy.target, leaf), envelope, retain=True)

    async def send_all_desired(self, session: Session) -> None:
        """Publish every desired document again, retained: the broker may be a new one."""
        for gateway, leaf, envelope in await self._ledger.read(_all_desired):
            await session.publish(topic(gateway, leaf), envelope, retain=True)

    def _connected(self) -> Session:
        if self.session is None:
            raise BusDown("not connected to the broker")
        return self.session


def desired_version(connection: Connection, gateway: str, leaf: Leaf) -> int:
    """The version of the desired document in force; 0 when there is none."""
    c = t.desired.c
    query = select(func.max(c.version)).where(c.gateway == gateway, c.leaf == leaf.value)
    return connection.execute(query).scalar() or 0


def _keep_order(connection: Connection, order: Order, by: str) -> None:
    connection.execute(
        insert(t.orders).values(
            id=order.id,
            gateway=order.target,
            action=order.action,
            issued_at=order.issued,
            deadline_at=order.deadline,
            by=by,
        )
    )


def _keep_desired(
    connection: Connection, gateway: str, leaf: Leaf, version: int, envelope: bytes, at: dt.datetime, by: str
) -> None:
    before = desired_version(connection, gateway, leaf)
    if version <= before:
        raise OutdatedVersion(f"version {version} is not higher than {before}, which is in force")
    values = {"gateway": gateway, "leaf": leaf.value, "version": version, "at": at, "by": by}
    connection.execute(insert_or_set(connection.dialect.name, t.desired), {**values, "envelope": envelope})


def _all_desired(connection: Connection) -> tuple[tuple[str, Leaf, bytes], ...]:
    c = t.desired.c
    rows = connection.execute(select(c.gateway, c.leaf, c.envelope).order_by(c.gateway, c.leaf))
    return tuple((r.gateway, Leaf(r.leaf), r.envelope) for r in rows)
