"""A console and API over a real ledger in a temporary folder, spoken to without sockets."""

import asyncio
import datetime as dt
import zoneinfo
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.contract.batches import Ack, Lane, RowBatch
from cardea.contract.encoding import ACK, encode
from cardea.contract.orders import Presence
from cardea.contract.reasons import Reason
from cardea.contract.records import (
    Alert,
    AlertKind,
    AlertRaised,
    Authority,
    CredentialKind,
    DecisionRecord,
    DeviceRecord,
    DeviceState,
    Mode,
    Outcome,
    Record,
    Severity,
    Side,
    Subject,
)
from cardea.contract.time import wire_time
from cardea.contract.topics import LANE_LEAF, Leaf, topic
from cardea.contract.zones import Hazard, Permissive, Standing, ZoneRecord, ZoneState
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.memory_bus import MemoryBroker
from cloud.access.first_start import make_administrator
from cloud.access.guard import Guard
from cloud.access.passwords import hash_password
from cloud.access.sessions import Sessions
from cloud.aggregator import Aggregator
from cloud.api.app import api
from cloud.console import login
from cloud.console.reader import House
from cloud.ledger import Ledger, accounts
from cloud.ledger.scope import Role, Scope
from cloud.series.embedded import EmbeddedStore
from cloud.series.store import HistoryUnavailable, Latest, Point
from cloud.settings import CloudSettings

CLOCK, ENTROPY = SystemClock(), SystemEntropy()
BASE = "http://127.0.0.1:8080"


def settings(folder: Path) -> CloudSettings:
    return CloudSettings.model_validate(
        {
            "cloud": {"data_dir": folder},
            "broker": {
                "host": "127.0.0.1",
                "ca_file": folder / "ca.crt",
                "cert_file": folder / "a.crt",
                "key_file": folder / "a.key",
            },
            "keys": {"order_key_file": folder / "orders.pem"},
            "organisations": {
                "harbour": {"name": "Harbour", "kind": "property"},
                "rival": {"name": "Rival", "kind": "property"},
                "jinshui": {"name": "Jinshui", "kind": "district"},
            },
            "sites": {
                "tower": {"name": "Tower", "organisation": "harbour", "district": "jinshui"},
                "other": {"name": "Other", "organisation": "rival"},
            },
            "gateways": {"tower-1": {"site": "tower"}, "other-1": {"site": "other"}},
        }
    )


@cache
def _hashed(password: str) -> str:
    """Slow by design; once is enough."""
    return hash_password(password)


@dataclass
class Readings:
    """A time-series store that holds what a test gives it."""

    newest: list[Latest] = field(default_factory=list)
    points: dict[tuple[str, str], tuple[Point, ...]] = field(default_factory=dict)
    down: str | None = None

    def latest(self, gateways: Collection[str], device: str | None = None) -> tuple[Latest, ...]:
        return tuple(
            one
            for one in sorted(self.newest, key=lambda one: (one.gateway, one.series))
            if one.gateway in gateways and (device is None or one.series.startswith(f"{device}/"))
        )

    async def history(
        self, gateway: str, series: str, since: dt.datetime, until: dt.datetime, points_max: int
    ) -> tuple[Point, ...]:
        if self.down is not None:
            raise HistoryUnavailable(self.down)
        found = self.points.get((gateway, series), ())
        return tuple(point for point in found if since <= point.at < until)[:points_max]


@dataclass
class Town:
    """Two property companies, a gateway each, and a client without a session."""

    house: House
    app: Guard
    broker: MemoryBroker
    admin_password: str
    readings: Readings
    epoch: str = "e1"
    seq: int = 0

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url=BASE, headers={"origin": BASE})

    async def add(self, login_name: str, organisation: str, role: Role) -> None:
        hashed = _hashed("a password for tests")
        await self.house.ledger.write(
            accounts.add_user, login_name, Scope(organisation, role), hashed, CLOCK.now().utc
        )

    async def logged_in(self, login_name: str = "admin", password: str | None = None) -> httpx.AsyncClient:
        client = self.client()
        body = {"login": login_name, "password": password or self.admin_password}
        answer = await client.post("/api/v1/session", json=body)
        assert answer.status_code == 204, answer.text
        return client

    async def send(self, gateway: str, *rows: Record | Alert) -> None:
        """Send rows as the gateway would, and wait until the aggregator says that they are stored."""
        session = await self.broker.bus(gateway).connect()
        await session.subscribe(topic(gateway, Leaf.ACK))
        presence = Presence(gateway, online=True, epoch=self.epoch, version="1", at=wire_time(CLOCK.now()))
        await session.publish(topic(gateway, Leaf.STATE), encode(presence))
        waiting: set[tuple[Lane, int]] = set()
        for row in rows:
            self.seq += 1
            lane = Lane.ALERT if isinstance(row, AlertRaised) else Lane.RECORD
            waiting.add((lane, self.seq))
            batch = RowBatch(lane, self.epoch, self.seq, (msgspec.Raw(encode(row)),))
            await session.publish(topic(gateway, LANE_LEAF[lane]), encode(batch))
        async with asyncio.timeout(10):
            async for message in session.messages():
                ack = ACK.decode(message.payload)
                assert isinstance(ack, Ack)
                waiting -= {(ack.lane, n) for first, last in ack.ranges for n in range(first, last + 1)}
                if not waiting:
                    break
        await session.close()


def decision(**changes: object) -> DecisionRecord:
    plain = DecisionRecord(
        id=ENTROPY.new_id(),
        at=wire_time(CLOCK.now()),
        portal="lobby-a",
        side=Side.INGRESS,
        outcome=Outcome.GRANT,
        reasons=(Reason.GRANTED,),
        policy_version=1,
        mode=Mode.LIVE,
        authority=Authority.GATEWAY,
        device="gate-1",
        subject=Subject("demo", "k", "ab" * 32),
        credential=CredentialKind.CARD,
    )
    return msgspec.structs.replace(plain, **changes)


def device(**changes: object) -> DeviceRecord:
    plain = DeviceRecord(
        ENTROPY.new_id(), wire_time(CLOCK.now()), "gate-1", "gates.hikvision", DeviceState.ONLINE
    )
    return msgspec.structs.replace(plain, **changes)


def alert(**changes: object) -> AlertRaised:
    plain = AlertRaised(
        ENTROPY.new_id(),
        wire_time(CLOCK.now()),
        "fp-1",
        AlertKind.DOOR_FORCED,
        Severity.MAJOR,
        portal="lobby-a",
    )
    return msgspec.structs.replace(plain, **changes)


def zone(**changes: object) -> ZoneRecord:
    now = wire_time(CLOCK.now())
    plain = ZoneRecord(
        id=ENTROPY.new_id(),
        at=now,
        zone="washroom",
        title="Washroom",
        state=ZoneState.IDLE,
        hazard=Hazard.EXCLUSION,
        monitor_only=False,
        since=now,
        unit="uvc-1",
        permissives={Permissive.ESTOP: Standing.OK, Permissive.OCCUPANCY: Standing.STALE},
        portals=("lobby-a",),
    )
    return msgspec.structs.replace(plain, **changes)


@dataclass(frozen=True)
class Make:
    """Rows with chosen members."""

    decision: Callable[..., DecisionRecord] = decision
    device: Callable[..., DeviceRecord] = device
    alert: Callable[..., AlertRaised] = alert
    zone: Callable[..., ZoneRecord] = zone


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    configured = settings(tmp_path)
    ledger = await Ledger.open(configured.ledger_url, CLOCK)
    broker = MemoryBroker(CLOCK)
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    kept = EmbeddedStore(tmp_path / "series", CLOCK)
    aggregator = Aggregator(configured, broker.bus("aggregator"), ledger, key, CLOCK, ENTROPY, kept)
    await aggregator.start()
    working = asyncio.create_task(aggregator.run())
    await aggregator.ready.wait()
    password = await make_administrator(ledger, Scope("harbour", Role.MANAGER), CLOCK, ENTROPY)
    assert password is not None
    sessions = Sessions(ledger, CLOCK, ENTROPY)
    readings = Readings()
    house = House(ledger, aggregator, sessions, CLOCK, zoneinfo.ZoneInfo("Asia/Shanghai"), readings)
    app = api(house)
    app.include_router(login.router)
    guard = Guard(app, sessions, frozenset({"127.0.0.1"}))
    try:
        yield Town(house, guard, broker, password, readings)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await kept.close()
        await ledger.close()
        await broker.close()
