"""A console over a ledger that is filled here: several towers, zones in every mood, thermometers, scenes.

usage: seeded_console.py FOLDER PORT [TOWERS]

Says "ready PASSWORD" once it serves. The gateway tower-1 refuses to start anything: nobody has turned its key
switch. Scenes and readings go on arriving until the process is ended.
"""

import asyncio
import datetime as dt
import math
import sys
import zoneinfo
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.contract.batches import Ack, Lane, RowBatch
from cardea.contract.encoding import ACK, ORDER, encode
from cardea.contract.orders import Order, OrderResult, Presence, Receipt, ShowFaces
from cardea.contract.reasons import Reason, RefusalReason
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
    ReceiptRecord,
    Record,
    ScreeningState,
    Severity,
    Side,
    Subject,
)
from cardea.contract.scenes import Mark, MarkKind, Scene, SceneReading, Showing
from cardea.contract.screening import Correction, NotScreened, ScreeningTerms
from cardea.contract.signed import key_id, verify
from cardea.contract.time import ClockQuality, WireTime
from cardea.contract.topics import LANE_LEAF, Leaf, topic
from cardea.contract.zones import (
    Cycle,
    CycleOutcome,
    Hazard,
    Permissive,
    Standing,
    StopReason,
    ZoneRecord,
    ZoneState,
)
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.memory_bus import MemoryBroker, MemorySession
from cloud.access.first_start import make_administrator
from cloud.access.passwords import hash_password
from cloud.access.sessions import Sessions
from cloud.aggregator import Aggregator
from cloud.api.app import create_app
from cloud.console.reader import House
from cloud.ledger import Ledger, accounts
from cloud.ledger.scope import Role, Scope
from cloud.series.embedded import EmbeddedStore
from cloud.series.store import Latest, Point
from cloud.settings import CloudSettings
from drivers.api import LinearScale
from models.thermal.picture import marks, spot
from models.thermal.position_picture import blurred_picture, clear_picture
from models.thermal.radiometry import radiometer
from models.thermal.reference.reference import Reference
from models.thermal.roi import Region

CLOCK, ENTROPY = SystemClock(), SystemEntropy()
SECOND_PASSWORD = "a password for tests"
NAMES = (
    "Harbour Tower",
    "Zhengdong Plaza",
    "Jinshui Centre",
    "Longhu Tower",
    "Railway Court",
    "Museum Place",
)
PORTALS = {"lobby-a": "Lobby A", "garage": "Garage", "north": "North Gate"}


def settings(folder: Path, towers: int) -> CloudSettings:
    names = [NAMES[n] if n < len(NAMES) else f"Tower {n + 1:03}" for n in range(towers)]
    return CloudSettings.model_validate(
        {
            "cloud": {"data_dir": folder},
            "broker": {"host": "127.0.0.1", "ca_file": "ca", "cert_file": "cert", "key_file": "key"},
            "keys": {"order_key_file": "orders.pem"},
            "organisations": {
                "harbour": {"name": "Harbour"},
                "jinshui": {"name": "Jinshui", "kind": "district"},
            },
            "sites": {
                f"site-{n + 1}": {"name": name, "organisation": "harbour", "district": "jinshui"}
                for n, name in enumerate(names)
            },
            "gateways": {
                f"tower-{n + 1}": {"site": f"site-{n + 1}", "name": name, "portals": PORTALS}
                for n, name in enumerate(names)
            },
        }
    )


def at(ago_s: float = 0.0) -> WireTime:
    return WireTime(CLOCK.now().utc - dt.timedelta(seconds=ago_s), ClockQuality.SYNCHRONISED)


class Curves:
    """Numbers that look like a building's, made where they are asked for."""

    CENTRES = {  # noqa: RUF012  # never changed
        "gate-1/surface_temp_c": 34.6,
        "gate-2/surface_temp_c": 35.1,
        "gate-3/surface_temp_c": 34.9,
        "gate-1/elevated_c": 37.3,
        "gate-1/sensor_temp_c": 31.0,
        "gate-1/humidity_pct": 46.0,
        "gate-2/elevated_c": 37.3,
        "uvc-1/irradiance_uw_cm2": 118.0,
        "uvc-1/lamp_h": 3120.0,
    }
    OLD = frozenset({"gate-3/surface_temp_c"})

    def latest(self, gateways: Collection[str], device: str | None = None) -> tuple[Latest, ...]:
        now = CLOCK.now().utc
        return tuple(
            Latest(
                gateway=gateway,
                series=series,
                at=now - dt.timedelta(hours=3 if series in self.OLD else 0),
                value=self._value(gateway, series, now),
            )
            for gateway in sorted(gateways)
            if gateway != "tower-4"
            for series in sorted(self.CENTRES)
            if gateway == "tower-1" or series == "gate-1/surface_temp_c"
            if device is None or series.startswith(f"{device}/")
        )

    async def history(
        self, gateway: str, series: str, since: dt.datetime, until: dt.datetime, points_max: int
    ) -> tuple[Point, ...]:
        step = (until - since) / points_max
        moments = (since + step * n for n in range(points_max))
        return tuple(
            self._point(gateway, series, moment) for moment in moments if moment.hour not in {19, 20, 21}
        )

    def _value(self, gateway: str, series: str, moment: dt.datetime) -> float:
        centre, t = self.CENTRES[series], moment.timestamp()
        if series.endswith("elevated_c"):
            return centre
        wave = (
            0.5 * math.sin(t / 13751.0) + 0.25 * math.sin(t / 911.0 + len(gateway)) + 0.1 * math.sin(t / 61.0)
        )
        return centre * (1 + 0.012 * wave) + (
            2.6 if (gateway, series) == ("tower-1", "gate-2/surface_temp_c") else 0
        )

    def _point(self, gateway: str, series: str, moment: dt.datetime) -> Point:
        mean = self._value(gateway, series, moment)
        wide = 0.0 if series.endswith("elevated_c") else abs(self.CENTRES[series]) * 0.008
        return Point(at=moment, mean=mean, low=mean - wide, high=mean + wide * 1.3, count=12)


class Wire:
    """A gateway's session, and rows that are sent until they are stored."""

    def __init__(self, gateway: str, session: MemorySession) -> None:
        self.gateway = gateway
        self.session = session
        self._seq = dict.fromkeys(Lane, 0)

    async def hello(self) -> None:
        presence = Presence(self.gateway, online=True, epoch="e1", version="0.2.0", at=at(), policy_version=3)
        await self.session.publish(topic(self.gateway, Leaf.STATE), encode(presence))

    async def send(self, *rows: Record | Alert) -> None:
        for row in rows:
            lane = Lane.ALERT if isinstance(row, AlertRaised) else Lane.RECORD
            self._seq[lane] += 1
            batch = RowBatch(lane, "e1", self._seq[lane], (msgspec.Raw(encode(row)),))
            await self.session.publish(topic(self.gateway, LANE_LEAF[lane]), encode(batch))


def zones() -> tuple[ZoneRecord, ...]:
    """One of each mood, as tower-1 reports them."""
    ok = {
        Permissive.ESTOP: Standing.OK,
        Permissive.DOORS: Standing.OK,
        Permissive.OCCUPANCY: Standing.OK,
        Permissive.FIRE: Standing.OK,
        Permissive.WATCHDOG: Standing.OK,
        Permissive.ARM: Standing.NOT_OK,
    }
    done = Cycle("c1", at(7900), at(7000), CycleOutcome.COMPLETED, None, 640.0, 38.2)
    cut = Cycle("c2", at(3000), at(2800), CycleOutcome.ABORTED, StopReason.PERMISSIVE_LOST, 41.0, 2.1)

    def zone(name: str, title: str, state: ZoneState, ago_s: float, **given: object) -> ZoneRecord:
        values = {
            "id": ENTROPY.new_id(),
            "at": at(ago_s),
            "zone": name,
            "title": title,
            "state": state,
            "hazard": Hazard.EXCLUSION,
            "monitor_only": False,
            "since": at(ago_s),
            "unit": "uvc-1",
            "permissives": ok,
        }
        return ZoneRecord(**(values | given))  # pyright: ignore[reportArgumentType]  # chosen here

    odd = {**ok, Permissive.OCCUPANCY: Standing.IMPLAUSIBLE, Permissive.DOORS: Standing.STALE}
    fog = {"unit": "fog-1", "two_people": True, "permissives": {**ok, Permissive.GAS: Standing.OK}}
    running = {
        **ok,
        Permissive.ARM: Standing.OK,
        Permissive.ORDER: Standing.OK,
        Permissive.LEASE: Standing.OK,
    }
    enclosed = {
        Permissive.ESTOP: Standing.OK,
        Permissive.FIRE: Standing.OK,
        Permissive.ENCLOSURE: Standing.MISSING,
        Permissive.WATCHDOG: Standing.OK,
    }
    lost = StopReason.PERMISSIVE_LOST
    return (
        zone("washroom", "Washroom", ZoneState.IDLE, 6900, last=done),
        zone("server-room", "Server room", ZoneState.LOCKOUT, 2790, stopped=lost, last=cut, permissives=odd),
        zone("tunnel", "Entrance tunnel", ZoneState.RELEASED, 6000, last=done, **fog),
        zone("car-park", "Car park lift", ZoneState.EMIT, 95, cycle="c9", last=cut, permissives=running),
        zone(
            "handrail",
            "Escalator handrail",
            ZoneState.DISABLED,
            90000,
            hazard=Hazard.ENCLOSED,
            monitor_only=True,
            unit="rail-1",
            permissives=enclosed,
        ),
    )


def devices() -> tuple[DeviceRecord, ...]:
    def device(
        name: str, driver: str, state: DeviceState = DeviceState.ONLINE, reason: str = ""
    ) -> DeviceRecord:
        return DeviceRecord(
            ENTROPY.new_id(),
            at(600),
            name,
            driver,
            state,
            reason,
            firmware="3.2.1",
            clock_skew_s=0.2,
            rejects=1,
        )

    return (
        device("gate-1", "gates.hikvision", DeviceState.OFFLINE, "no answer"),
        device("gate-1", "gates.hikvision"),
        device("gate-2", "gates.hikvision"),
        device("gate-3", "thermal.fff", DeviceState.OFFLINE, "connection refused"),
        device("uvc-1", "disinfection.uv_modbus"),
        device("cabinet-1", "thermal.fff"),
    )


def decisions(count: int) -> tuple[DecisionRecord, ...]:
    def decision(n: int) -> DecisionRecord:
        hot = n % 17 == 5
        return DecisionRecord(
            id=ENTROPY.new_id(),
            at=at(4.0 * (count - n)),
            portal=tuple(PORTALS)[n % 3],
            side=Side.INGRESS,
            outcome=Outcome.REFER if hot else Outcome.GRANT,
            reasons=(Reason.SCREENING_ELEVATED if hot else Reason.GRANTED,),
            policy_version=3,
            mode=Mode.LIVE,
            authority=Authority.GATEWAY,
            device=f"gate-{n % 3 + 1}",
            subject=Subject("demo", "k", f"{n % 251:02x}" * 32),
            credential=CredentialKind.CARD,
            screening=ScreeningState.ELEVATED if hot else ScreeningState.NORMAL,
            surface_temp_c=37.6 if hot else 34.2 + (n % 9) / 10,
            screening_terms=replace(TERMS, raw_c=36.27 if hot else 32.87 + (n % 9) / 10) if n % 3 else None,
        )

    return tuple(map(decision, range(count)))


def alert(kind: AlertKind, severity: Severity, device: str | None = None) -> AlertRaised:
    return AlertRaised(ENTROPY.new_id(), at(120), f"{kind.value}/{device}", kind, severity, device=device)


def scene(device: str, phase: float) -> Scene:
    """A switch cabinet with one warm terminal, and a reference body."""
    width, height = 160, 120

    def pixel(x: int, y: int) -> int:
        warm = 185 * math.exp(-(((x - 96) / 13) ** 2 + ((y - 52) / 9) ** 2))
        rail = 58 if y % 26 < 9 and 22 < x < 140 else 0
        body = 95 if (x - 22) ** 2 + (y - 98) ** 2 < 90 else 0
        return max(0, min(255, round(24 + 12 * math.sin(x / 19 + phase) + warm + rail + body)))

    grid = bytes(pixel(x, y) for y in range(height) for x in range(width))
    marks = (
        Mark(MarkKind.ROI, 0.48, 0.3, 0.26, 0.28, 61.4),
        Mark(MarkKind.REFERENCE, 0.07, 0.74, 0.13, 0.16, 40.0),
    )
    return Scene(device, at(), width, height, 21.5, 64.0, grid, marks)


TERMS = ScreeningTerms(34.91, 0.31, 1.02, 0.0, 0.21, Correction.ONE_POINT, 1.0, 0.4, 37.3)


def head(phase: float) -> list[float]:
    """Somebody before a position, °C row by row, and a reference at the upper right."""
    width, height = 160, 120
    middle = 62 + 6 * math.sin(phase / 4)

    def temp(x: int, y: int) -> float:
        if (x - 140) ** 2 + (y - 20) ** 2 <= 64:
            return 37.0
        across, down = (x - middle) / 20, (y - 52) / 27
        if across**2 + down**2 <= 1:
            eyes = math.exp(-(((abs(across) - 0.35) / 0.12) ** 2 + ((down + 0.1) / 0.1) ** 2))
            return 33.6 + 2.4 * eyes - 1.4 * math.exp(-((across / 0.2) ** 2 + ((down - 0.25) / 0.2) ** 2))
        if y > 80 and abs(x - middle) < 14 + 0.9 * (y - 80):
            return 27.5
        return 21.0 + 0.8 * math.sin(x / 30) + 0.5 * math.cos(y / 23)

    return [temp(x, y) for y in range(height) for x in range(width)]


def position(device: str, phase: float, order: str | None = None) -> Scene:
    """A position in use, blurred by the gateway's own rule, or clear under an order."""
    width, height = 160, 120
    raw = np.rint((np.array(head(phase)).reshape(height, width) + 273.15 - 1.02) * 100).astype(np.uint16)
    meter = radiometer(LinearScale(gain_c=0.01, offset_c=-273.15), None)
    disc = Reference(temp_c=37.0, row=20.0, column=140.0, radius_px=8.0)
    region = Region(top=15, left=25, bottom=95, right=120)
    blurred, clear = blurred_picture(raw, meter, (disc,), 1.02), clear_picture(raw, meter, 1.02)
    shown = blurred if order is None else clear
    here = spot(raw, region, 36.24)
    assert shown is not None
    assert here is not None
    return Scene(
        device,
        at(),
        width,
        height,
        shown.min_c,
        shown.max_c,
        shown.grid,
        (*marks(raw, meter, region, (disc,), 1.02), here),
        showing=Showing.BLURRED if order is None else Showing.CLEAR,
        readings=(SceneReading(ScreeningState.NORMAL, 36.24, TERMS),),
        lease=order,
    )


def blind_position(device: str) -> Scene:
    """A position that has lost its reference: all of it is blurred."""
    width, height = 160, 120
    raw = np.rint((np.array(head(0.0)).reshape(height, width) + 273.15) * 100).astype(np.uint16)
    meter = radiometer(LinearScale(gain_c=0.01, offset_c=-273.15), None)
    shown = blurred_picture(raw, meter, (), None)
    assert shown is not None
    region = Region(top=15, left=25, bottom=95, right=120)
    return Scene(
        device,
        at(),
        width,
        height,
        shown.min_c,
        shown.max_c,
        shown.grid,
        tuple(msgspec.structs.replace(mark, temp_c=None) for mark in marks(raw, meter, region, ())),
        showing=Showing.BLURRED,
        condition=NotScreened.REFERENCE_LOST,
    )


async def answer_orders(wire: Wire, key: Ed25519PrivateKey, faces: list[str]) -> None:
    """``faces``: the order under which people are shown clear, once there is one."""
    public = key.public_key()
    await wire.session.subscribe(topic(wire.gateway, Leaf.ORDER))
    async for message in wire.session.messages():
        body = verify(message.payload, {key_id(public): public})
        order = ORDER.decode(body) if isinstance(body, bytes) else None
        if not isinstance(order, Order):
            continue
        if isinstance(order.action, ShowFaces):
            faces[:] = [order.id]
        start = type(order.action).__name__ == "StartCycle"
        result = OrderResult.REFUSED if start else OrderResult.EXECUTED
        refusal = RefusalReason.UNSAFE if start else None
        receipt = Receipt(order.id, result, at(), refusal)
        await wire.session.publish(topic(wire.gateway, Leaf.RECEIPT), encode(receipt))
        await wire.send(ReceiptRecord(ENTROPY.new_id(), at(), order.id, result.value, refusal))


async def live(wires: list[Wire], faces: list[str]) -> None:
    for turn in range(10**9):
        for wire in wires[:2]:
            picture = scene("cabinet-1", turn / 3)
            await wire.session.publish(topic(wire.gateway, Leaf.SCENE), encode(picture))
        first = wires[0]
        for blurred in (position("lepton-1", turn / 2), blind_position("lepton-2")):
            await first.session.publish(topic(first.gateway, Leaf.SCENE), encode(blurred))
        for order in faces:
            clear = position("lepton-1", turn / 2, order)
            await first.session.publish(topic(first.gateway, Leaf.SCENE_CLEAR), encode(clear))
        if turn % 5 == 0:
            await asyncio.gather(*(wire.hello() for wire in wires))
        await asyncio.sleep(1.0)


async def seed(broker: MemoryBroker, towers: int) -> list[Wire]:
    wires: list[Wire] = []
    for n in range(towers):
        if n == 3:
            continue  # this one has never been heard of
        gateway = f"tower-{n + 1}"
        wire = Wire(gateway, await broker.bus(gateway).connect())
        await wire.session.subscribe(topic(gateway, Leaf.ACK))
        await wire.hello()
        await wire.send(*devices(), *decisions(60 if n == 0 else 12))
        await wire.send(*(zones() if n == 0 else zones()[:1]))
        wires.append(wire)
    await wires[0].send(
        alert(AlertKind.ZONE_LOCKOUT, Severity.MAJOR, "uvc-1"),
        alert(AlertKind.LAMP_WORN, Severity.MINOR, "uvc-1"),
        alert(AlertKind.THERMOMETER_UNFIT, Severity.MINOR, "gate-1"),
    )
    if towers > 1:
        await wires[1].send(alert(AlertKind.FIRE, Severity.CRITICAL))
    await stored(wires)
    return wires


async def stored(wires: list[Wire]) -> None:
    """Wait for an acknowledgement of the last row of each."""
    for wire in wires:
        last = wire._seq[Lane.RECORD]  # pyright: ignore[reportPrivateUsage]  # its own wire
        async for message in wire.session.messages():
            ack = ACK.decode(message.payload)
            if isinstance(ack, Ack) and ack.lane is Lane.RECORD and ack.ranges[-1][1] >= last:
                break


async def main(folder: Path, port: int, towers: int) -> None:
    configured = settings(folder, towers)
    ledger = await Ledger.open(configured.ledger_url, CLOCK)
    broker = MemoryBroker(CLOCK)
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    kept = EmbeddedStore(folder / "series", CLOCK)
    aggregator = Aggregator(configured, broker.bus("aggregator"), ledger, key, CLOCK, ENTROPY, kept)
    await aggregator.start()
    working = asyncio.create_task(aggregator.run())
    await aggregator.ready.wait()
    password = await make_administrator(ledger, Scope("harbour", Role.MANAGER), CLOCK, ENTROPY)
    for login, organisation, role in (
        ("second", "harbour", Role.MANAGER),
        ("facility", "harbour", Role.FACILITY),
        ("district", "jinshui", Role.DISTRICT),
    ):
        hashed, now = hash_password(SECOND_PASSWORD), CLOCK.now().utc
        await ledger.write(accounts.add_user, login, Scope(organisation, role), hashed, now)
    wires = await seed(broker, towers)
    faces: list[str] = []
    going_on = [
        asyncio.create_task(live(wires, faces)),
        asyncio.create_task(answer_orders(wires[0], key, faces)),
    ]
    sessions = Sessions(ledger, CLOCK, ENTROPY)
    house = House(ledger, aggregator, sessions, CLOCK, zoneinfo.ZoneInfo("Asia/Shanghai"), Curves())
    app = create_app(house, frozenset({"127.0.0.1"}), folder / "console")
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():  # noqa: ASYNC110  # uvicorn tells nobody
        await asyncio.sleep(0.05)
    sys.stdout.write(f"ready {password}\n")
    sys.stdout.flush()
    await asyncio.wait((serving, working, *going_on), return_when=asyncio.FIRST_COMPLETED)
    for task in (working, *going_on):
        if task.done():
            task.result()
    await kept.close()
    await ledger.close()


if __name__ == "__main__":
    folder, port, *rest = sys.argv[1:]
    asyncio.run(main(Path(folder), int(port), int(rest[0]) if rest else len(NAMES)))
