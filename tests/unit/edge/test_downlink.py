"""The downlink: only what is signed, for us, new and in time is done, and never twice (SAFETY.md 12–14)."""

import asyncio
import datetime as dt
import shutil

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract import signed
from cardea.contract.batches import Lane
from cardea.contract.encoding import RECEIPT, RECORD
from cardea.contract.orders import (
    Order,
    OrderResult,
    Receipt,
    ReleasePortal,
    Status,
    StatusColour,
    Statuses,
)
from cardea.contract.policy import Policy, PortalPolicy
from cardea.contract.reasons import RefusalReason
from cardea.contract.records import ReceiptRecord, Subject
from cardea.contract.topics import Leaf
from cardea.runtime.bus import Message
from cardea.runtime.disk import StoreFailed, StoreFull, SystemDisk
from edge.downlink import ORDER_S_MAX, SKEW_S_MAX, Downlink, Hands, tables
from edge.downlink.downlink import INBOX_MAX, ORDERS_AT_ONCE_MAX
from edge.downlink.orders import judge
from edge.outbox import Outbox
from edge.vault import Applied

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
KEYS = {signed.key_id(KEY.public_key()): KEY.public_key()}
FIRST = Policy("tower-1", 1)


def seconds(n):
    return dt.timedelta(seconds=n)


class Stage:
    """A downlink on a real store, with hands that write down what they were told."""

    def __init__(self, sim, path, seed=1):
        self.sim, self.path, self.seed = sim, path, seed
        self.clock = sim.SimClock()
        self.executed, self.noted, self.applied, self.receipts = [], [], [], []
        self.outcome: OrderResult | RefusalReason = OrderResult.EXECUTED
        self.execute_s = 0.0
        self.applies: Applied | Exception = Applied.APPLIED
        self.faults: tuple[str, ...] = ()

    async def open(self, first=FIRST):
        disk = SystemDisk(self.path)
        self.outbox = await Outbox.open(disk, self.clock, self.sim.SimEntropy(self.seed))
        hands = Hands(
            execute=self._execute,
            apply=self._apply,
            faults=lambda _: self.faults,
            note=self._note,
            publish=self._publish,
        )
        self.downlink = await Downlink.open(
            disk, self.outbox, self.clock, self.sim.SimEntropy(2), KEYS, first, hands
        )
        self.task = asyncio.create_task(self.downlink.run())

    async def close(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.downlink.close()
        await self.outbox.close()

    async def _execute(self, order):
        await self.clock.sleep(self.execute_s)
        self.executed.append(order.id)
        return self.outcome

    async def _apply(self, statuses):
        self.applied.append(statuses)
        if isinstance(self.applies, Exception):
            raise self.applies
        return self.applies

    async def _note(self, event, actor, detail):
        self.noted.append((event, detail))

    async def _publish(self, leaf, payload):
        assert leaf is Leaf.RECEIPT
        self.receipts.append(RECEIPT.decode(payload))
        return True

    def order(self, order_id="o-1", **changes):
        now = self.clock.now().utc
        order = Order(
            order_id, "tower-1", f"nonce-{order_id}", now, now + seconds(30), ReleasePortal("lobby-a")
        )
        return msgspec.structs.replace(order, **changes)

    async def send(self, body, leaf=Leaf.ORDER, *, key=KEY, retain=False):
        await self.send_raw(signed.sign(key, body), leaf, retain=retain)

    async def send_raw(self, payload, leaf=Leaf.ORDER, *, retain=False):
        self.downlink.receive(leaf, Message("-", payload, retain))
        await asyncio.sleep(0.5)

    async def records(self):
        rows = await self.outbox.take(Lane.RECORD)
        return [RECORD.decode(body) for _, body in rows]


@pytest.fixture
def staged(sim, tmp_path):
    def run(act):
        async def main():
            stage = Stage(sim, tmp_path)
            await stage.open()
            try:
                return await act(stage)
            finally:
                await stage.close()

        return sim.simulate(main)

    return run


def test_a_good_order_is_carried_out_once_answered_recorded_and_noted(staged):
    async def act(stage):
        await stage.send(stage.order())
        assert stage.executed == ["o-1"]
        (receipt,) = stage.receipts
        assert receipt == Receipt("o-1", OrderResult.EXECUTED, receipt.at)
        (record,) = await stage.records()
        assert isinstance(record, ReceiptRecord)
        assert (record.order, record.result, record.refusal) == ("o-1", "executed", None)
        assert stage.noted == [
            ("order_answered", {"order": "o-1", "action": "ReleasePortal", "result": "executed"})
        ]
        assert not stage.downlink.refused

    staged(act)


def test_what_the_executor_refuses_is_answered_so(staged):
    async def act(stage):
        stage.outcome = RefusalReason.UNREACHABLE
        await stage.send(stage.order())
        assert stage.receipts[0].result is OrderResult.REFUSED
        assert stage.receipts[0].refusal is RefusalReason.UNREACHABLE

    staged(act)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"target": "tower-2"}, RefusalReason.WRONG_TARGET),
        ({"deadline": seconds(-1)}, RefusalReason.UNDECODABLE),
        ({"issued": seconds(-100), "deadline": seconds(-1)}, RefusalReason.EXPIRED),
        ({"issued": seconds(-100), "deadline": seconds(0)}, RefusalReason.EXPIRED),
        ({"deadline": seconds(ORDER_S_MAX + 1)}, RefusalReason.UNSAFE),
        ({"issued": seconds(SKEW_S_MAX + 1), "deadline": seconds(100)}, RefusalReason.UNSAFE),
        ({"nonce": ""}, RefusalReason.UNDECODABLE),
        ({"nonce": "n" * 200}, RefusalReason.UNDECODABLE),
    ],
)
def test_what_is_wrong_with_a_signed_order_is_told(staged, changes, refusal):
    async def act(stage):
        now = stage.clock.now().utc
        moved = {k: now + v if isinstance(v, dt.timedelta) else v for k, v in changes.items()}
        await stage.send(stage.order(**moved))
        assert stage.executed == []
        expired = refusal is RefusalReason.EXPIRED
        (receipt,) = stage.receipts
        assert receipt.result is (OrderResult.EXPIRED if expired else OrderResult.REFUSED)
        assert receipt.refusal is (None if expired else refusal)
        assert stage.downlink.refused == {refusal: 1}

    staged(act)


def test_what_is_not_signed_by_a_known_key_is_not_even_answered(staged):
    async def act(stage):
        good = signed.sign(KEY, stage.order())
        await stage.send(stage.order(), key=STRANGER)
        await stage.send_raw(good.replace(b"lobby-a", b"lobby-b"))
        await stage.send_raw(b"\xff garbage")
        await stage.send({"not": "an order"})
        await stage.send({**msgspec.to_builtins(stage.order()), "issued": "2026-03-02T01:00:00"})
        await stage.send_raw(good, Leaf.STATE)
        assert stage.executed == []
        assert stage.receipts == []
        assert await stage.records() == []
        assert stage.downlink.refused == {
            RefusalReason.UNKNOWN_KEY: 1,
            RefusalReason.BAD_SIGNATURE: 1,
            RefusalReason.UNDECODABLE: 3,
            RefusalReason.UNSUPPORTED: 1,
        }

    staged(act)


def test_a_retained_order_is_refused(staged):
    async def act(stage):
        await stage.send(stage.order(), retain=True)
        assert stage.executed == []
        assert stage.receipts[0].refusal is RefusalReason.RETAINED
        assert await stage.records() == []

    staged(act)


def test_a_replayed_order_is_refused_and_leaves_no_row_each_time(staged):
    async def act(stage):
        payload = signed.sign(KEY, stage.order())
        for _ in range(3):
            await stage.send_raw(payload)
        assert stage.executed == ["o-1"]
        assert [receipt.refusal for receipt in stage.receipts] == [
            None,
            RefusalReason.REPLAYED,
            RefusalReason.REPLAYED,
        ]
        assert len(await stage.records()) == 1

    staged(act)


def test_the_nonces_survive_kill_9(sim, tmp_path):
    async def main():
        stage = Stage(sim, tmp_path / "before")
        await stage.open()
        payload = signed.sign(KEY, stage.order())
        await stage.send_raw(payload)
        shutil.copytree(tmp_path / "before", tmp_path / "after")  # what a killed process leaves behind
        after = Stage(sim, tmp_path / "after")
        await after.open()
        await after.send_raw(payload)
        for one in (stage, after):
            await one.close()
        return stage.executed, after.executed, after.receipts[0].refusal

    assert sim.simulate(main) == (["o-1"], [], RefusalReason.REPLAYED)


def test_the_nonce_is_durable_before_anything_is_done(staged):
    async def act(stage):
        found = []

        async def look(order):
            work = lambda db: db.execute("SELECT nonce FROM nonce").fetchall()  # noqa: E731  # one line, used twice
            found.extend(await stage.downlink._database.run(work))
            return OrderResult.EXECUTED

        object.__setattr__(stage.downlink._hands, "execute", look)
        await stage.send(stage.order())
        assert found == [("nonce-o-1",)]

    staged(act)


@pytest.mark.parametrize("back", [seconds(3600), dt.timedelta(days=3650), dt.timedelta(days=20_000)])
def test_setting_the_clock_back_brings_no_old_order_to_life(staged, back):
    async def act(stage):
        held_back = signed.sign(KEY, stage.order("held-back"))
        await stage.clock.sleep(2 * (ORDER_S_MAX + SKEW_S_MAX))
        await stage.send(stage.order("newer"))
        stage.clock.offset = -seconds(2 * (ORDER_S_MAX + SKEW_S_MAX))
        await stage.send_raw(held_back)
        stage.clock.offset = -back
        await stage.send_raw(held_back)
        assert stage.executed == ["newer"]

    staged(act)


def test_a_clock_set_back_while_an_order_runs_does_not_lengthen_it(staged):
    async def act(stage):
        stage.execute_s = 1000.0
        stage.downlink.receive(Leaf.ORDER, Message("-", signed.sign(KEY, stage.order())))
        await stage.clock.sleep(1)
        stage.clock.offset = -dt.timedelta(days=1)
        await stage.clock.sleep(31)
        assert stage.executed == []
        assert stage.receipts[0].result is OrderResult.EXPIRED

    staged(act)


def test_orders_run_side_by_side_and_too_many_are_refused(staged):
    async def act(stage):
        stage.execute_s = 5.0
        for n in range(ORDERS_AT_ONCE_MAX + 2):
            stage.downlink.receive(Leaf.ORDER, Message("-", signed.sign(KEY, stage.order(f"o-{n}"))))
        await stage.clock.sleep(7)
        assert len(stage.executed) == ORDERS_AT_ONCE_MAX
        assert stage.downlink.refused == {RefusalReason.QUEUE_FULL: 2}
        await stage.send(stage.order(f"o-{ORDERS_AT_ONCE_MAX}"))
        await stage.clock.sleep(6)
        assert len(stage.executed) == ORDERS_AT_ONCE_MAX + 1, (
            "what was refused for want of room may come again"
        )

    staged(act)


def test_a_full_inbox_drops_aloud(staged):
    async def act(stage):
        for _ in range(INBOX_MAX + 5):
            stage.downlink.receive(Leaf.ORDER, Message("-", b"x"))
        assert stage.downlink.refused == {RefusalReason.QUEUE_FULL: 5}

    staged(act)


def test_without_room_for_the_nonce_nothing_is_done(staged):
    async def act(stage):
        run = stage.downlink._database.run

        async def full(_):
            raise StoreFull("no room")

        stage.downlink._database.run = full
        await stage.send(stage.order())
        assert stage.executed == []
        assert stage.receipts[0].refusal is RefusalReason.STORE_FAILED
        stage.downlink._database.run = run

    staged(act)


def test_a_receipt_that_cannot_be_recorded_is_still_said(staged):
    async def act(stage):
        async def full(*_):
            raise StoreFull("no room")

        append, stage.outbox.append = stage.outbox.append, full
        await stage.send(stage.order())
        assert stage.executed == ["o-1"]
        assert stage.receipts[0].result is OrderResult.EXECUTED
        stage.outbox.append = append

    staged(act)


def test_a_disk_that_fails_ends_the_downlink(staged):
    async def act(stage):
        async def broken(_):
            raise StoreFailed("disk I/O error")

        run, stage.downlink._database.run = stage.downlink._database.run, broken
        await stage.send(stage.order())
        assert stage.executed == []
        with pytest.raises(ExceptionGroup) as caught:
            await stage.task
        assert caught.group_contains(StoreFailed)
        stage.downlink._database.run = run

    staged(act)


def policy(version, **changes):
    return msgspec.structs.replace(Policy("tower-1", version, PortalPolicy(capacity=5)), **changes)


async def send_policy(stage, body, **options):
    await stage.send(body, Leaf.DESIRED_POLICY, **options)


def test_a_newer_signed_policy_is_swapped_whole_and_kept(sim, tmp_path):
    async def main():
        stage = Stage(sim, tmp_path)
        await stage.open()
        assert stage.downlink.policy is FIRST
        await send_policy(stage, policy(2), retain=True)
        assert stage.downlink.policy == policy(2)
        assert stage.noted == [("policy_swapped", {"version": "2"})]
        await send_policy(stage, policy(2), retain=True)
        assert len(stage.noted) == 1
        assert not stage.downlink.refused
        await stage.close()
        again = Stage(sim, tmp_path)
        await again.open()
        assert again.downlink.policy == policy(2), "the last good policy is in force at once"
        await send_policy(again, policy(2))
        assert not again.downlink.refused
        await again.close()

    sim.simulate(main)


@pytest.mark.parametrize(
    ("body", "options", "refusal"),
    [
        (policy(2), {}, RefusalReason.OLDER_VERSION),
        (policy(3, default=PortalPolicy()), {}, RefusalReason.OLDER_VERSION),
        (policy(4, target="tower-2"), {}, RefusalReason.WRONG_TARGET),
        ({"version": "four"}, {}, RefusalReason.UNDECODABLE),
        ({"target": "tower-1", "version": 4, "deny_egress": True}, {}, RefusalReason.UNDECODABLE),
        (policy(4), {"key": STRANGER}, RefusalReason.UNKNOWN_KEY),
    ],
)
def test_a_policy_that_must_not_be_believed_leaves_the_last_good_one(staged, body, options, refusal):
    async def act(stage):
        await send_policy(stage, policy(3))
        for _ in range(2):
            await send_policy(stage, body, **options)
        assert stage.downlink.policy == policy(3)
        assert stage.downlink.refused == {refusal: 2}
        refused = [detail for event, detail in stage.noted if event == "desired_refused"]
        assert [one["reason"] for one in refused] == [refusal.value], "noted once, counted each time"

    staged(act)


def test_a_policy_with_faults_is_refused(staged):
    async def act(stage):
        stage.faults = ("portal lobby-z is not configured",)
        await send_policy(stage, policy(2))
        assert stage.downlink.policy is FIRST
        assert stage.downlink.refused == {RefusalReason.UNSAFE: 1}

    staged(act)


def test_a_policy_that_finds_no_room_is_not_put_in_force(staged):
    async def act(stage):
        async def full(_):
            raise StoreFull("no room")

        in_force = stage.downlink._in_force
        run, in_force._database.run = in_force._database.run, full
        await send_policy(stage, policy(2))
        assert stage.downlink.policy is FIRST
        in_force._database.run = run
        await send_policy(stage, policy(2))
        assert stage.downlink.policy == policy(2)

    staged(act)


def test_a_stored_policy_that_fits_no_longer_is_left_but_its_version_still_counts(sim, tmp_path):
    async def main():
        stage = Stage(sim, tmp_path)
        await stage.open()
        await send_policy(stage, policy(5))
        await stage.close()
        again = Stage(sim, tmp_path)
        again.faults = ("portal lobby-a is gone",)
        await again.open()
        assert again.downlink.policy is FIRST
        again.faults = ()
        await send_policy(again, policy(4))
        assert again.downlink.policy is FIRST
        await send_policy(again, policy(6))
        assert again.downlink.policy == policy(6)
        await again.close()

    sim.simulate(main)


def statuses(version=1, **changes):
    subject = Subject("demo", "k1", "ab" * 32)
    expires = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
    status = Status(subject, StatusColour.YELLOW, expires)
    return msgspec.structs.replace(Statuses("tower-1", version, 0, (status,)), **changes)


async def send_statuses(stage, body, **options):
    await stage.send(body, Leaf.DESIRED_STATUSES, **options)


def test_signed_statuses_are_handed_to_the_vault(staged):
    async def act(stage):
        await send_statuses(stage, statuses())
        assert stage.applied == [statuses()]
        assert stage.noted == [("statuses_applied", {"version": "1"})]
        stage.applies = Applied.ALREADY_HELD
        await send_statuses(stage, statuses())
        assert len(stage.noted) == 1
        assert not stage.downlink.refused

    staged(act)


@pytest.mark.parametrize(
    ("verdict", "refusal"),
    [
        (Applied.OLDER, RefusalReason.OLDER_VERSION),
        (Applied.BASE_MISSING, RefusalReason.UNSUPPORTED),
        (StoreFull("no room"), RefusalReason.STORE_FAILED),
    ],
)
def test_what_the_vault_does_not_take_is_counted(staged, verdict, refusal):
    async def act(stage):
        stage.applies = verdict
        await send_statuses(stage, statuses())
        assert stage.downlink.refused == {refusal: 1}

    staged(act)


@pytest.mark.parametrize(
    ("body", "options", "refusal"),
    [
        (statuses(target="tower-2"), {}, RefusalReason.WRONG_TARGET),
        (statuses(), {"key": STRANGER}, RefusalReason.UNKNOWN_KEY),
        ({"version": -1}, {}, RefusalReason.UNDECODABLE),
    ],
)
def test_statuses_that_must_not_be_believed_never_reach_the_vault(staged, body, options, refusal):
    async def act(stage):
        await send_statuses(stage, body, **options)
        assert stage.applied == []
        assert stage.downlink.refused == {refusal: 1}

    staged(act)


def test_nonces_are_bounded_and_the_floor_only_rises(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "NONCES_MAX", 10)
    start = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)

    async def main():
        database = SystemDisk(tmp_path).open("downlink", tables.SCHEMA)
        taken = [
            await database.run(lambda db, n=n: tables.claim(db, f"n{n}", start + seconds(n)))
            for n in range(40)
        ]
        ((held,),) = await database.run(lambda db: db.execute("SELECT count(*) FROM nonce").fetchall())
        again = [
            await database.run(lambda db, n=n: tables.claim(db, f"n{n}", start + seconds(n)))
            for n in range(40)
        ]
        await database.close()
        return taken, held, again

    taken, held, again = asyncio.run(main())
    assert all(taken)
    assert held == 10
    assert not any(again), "forgetting a nonce must not let its order run again"


instants = st.floats(0, 86_400).map(lambda s: dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + seconds(s))


@given(issued=instants, deadline=instants, now=instants)
def test_an_order_that_may_run_is_always_recent_and_not_over(issued, deadline, now):
    order = Order("o", "tower-1", "n", issued, deadline, ReleasePortal("p"))
    if judge(order, "tower-1", now, retained=False) is None:
        assert now < deadline
        assert deadline - now <= seconds(ORDER_S_MAX + SKEW_S_MAX)
        assert issued <= now + seconds(SKEW_S_MAX)
