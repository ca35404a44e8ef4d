"""Small parts: inbox, feed, presence."""

import asyncio
import datetime as dt

import pytest

from cardea.contract.batches import Lane
from cardea.contract.records import DeviceState
from cloud import feed as feed_module
from cloud.feed import AlertChanged, DeviceChanged, Feed, OrderAnswered, PresenceChanged, TooManySubscribers
from cloud.inbox import Inbox
from cloud.ingest.arrivals import read
from cloud.ingest.epochs import Epochs
from cloud.ingest.group import Group, Known, Silence
from cloud.ingest.rows import Poison
from cloud.ledger.writer import Committed
from cloud.news import news
from cloud.presence import GONE, Presences


async def test_the_inbox_gives_what_was_put_in_order():
    inbox: Inbox[int] = Inbox()
    assert inbox.take() is None
    waiting = asyncio.create_task(inbox.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    for n in range(3):
        await inbox.put(n)
    await waiting
    assert len(inbox) == 3
    assert [inbox.take() for _ in range(4)] == [0, 1, 2, None]


@pytest.mark.parametrize("limits", [{"items_max": 2}, {"bytes_max": 20}])
async def test_a_full_inbox_makes_its_feeder_wait(limits):
    inbox: Inbox[str] = Inbox(**limits)
    await inbox.put("a", 10)
    await inbox.put("b", 10)
    feeder = asyncio.create_task(inbox.put("c", 10))
    await asyncio.sleep(0)
    assert not feeder.done()
    assert inbox.take() == "a"
    await feeder
    assert [inbox.take(), inbox.take()] == ["b", "c"]


async def test_one_item_always_fits():
    inbox: Inbox[str] = Inbox(bytes_max=5)
    await inbox.put("big", 500)
    assert inbox.take() == "big"


async def test_a_slow_listener_loses_the_oldest_and_holds_nobody_up():
    feed = Feed()
    with feed.subscribe(events_max=2) as slow, feed.subscribe() as quick:
        feed.publish(*(AlertChanged(n) for n in range(5)))
        assert [(await anext(e)).alert async for e in _times(slow, 2)] == [3, 4]
        assert [(await anext(e)).alert async for e in _times(quick, 5)] == [0, 1, 2, 3, 4]
        assert (slow.dropped, quick.dropped) == (3, 0)
        assert feed.heard
    assert not feed.heard
    version = feed.version
    feed.publish(AlertChanged(9))
    feed.changed()
    assert feed.version == version + 2


async def _times(subscription, count):
    iterator = aiter(subscription)
    for _ in range(count):
        yield iterator


async def test_listeners_are_bounded(monkeypatch):
    monkeypatch.setattr(feed_module, "SUBSCRIBERS_MAX", 1)
    feed = Feed()
    with feed.subscribe(), pytest.raises(TooManySubscribers), feed.subscribe():
        pass
    with feed.subscribe():
        pass


def _group(make, *messages):
    group = Group(Known({"g1": Epochs(), "g2": Epochs()}, {}), Silence({}, 600.0))
    for name, payload in messages:
        group.add(read(name, payload))
    return group


def test_silence_counts_from_the_start_of_this_run(make, clock):
    presences = Presences(["g1", "g2"], {"g1": clock.now().utc - dt.timedelta(hours=1)}, clock.now())
    assert presences.silent_s("g1", clock.mono_s + 5) == 5
    ages = presences.silence(clock.mono_s + 5, 600.0)
    assert (ages.of("g1"), ages.of("g2")) == (3605.0, 5.0)
    assert ages.of("nobody") == GONE
    assert set(ages.heard_s_ago) == {"g1", "g2"}
    assert len(ages.heard_s_ago) == 2
    presences.take(_group(make, (make.state_topic("g1"), make.presence())), clock.mono_s + 6)
    assert presences.silence(clock.mono_s + 8, 600.0).of("g1") == 2


def test_a_clock_that_went_back_counts_as_no_silence(clock):
    presences = Presences(["g1"], {"g1": clock.now().utc + dt.timedelta(days=1)}, clock.now())
    assert presences.silence(clock.mono_s, 600.0).of("g1") == 0


def test_a_gateway_that_took_its_leave_is_gone_until_it_speaks(make, clock):
    presences = Presences(["g1"], {}, clock.now())
    name = make.state_topic("g1")
    hello, leave = (name, make.presence()), (name, make.presence(online=False))
    presences.take(_group(make, hello, leave), clock.mono_s)
    assert presences.silent_s("g1", clock.mono_s) == GONE
    presences.take(_group(make, hello), clock.mono_s)
    assert presences.silent_s("g1", clock.mono_s) == 0


def test_news_leaves_out_what_went_to_quarantine(make, settings, clock):
    from cardea.contract.encoding import encode
    from cardea.contract.orders import OrderResult, Receipt
    from cardea.contract.topics import Leaf, topic

    lane = make.lane_topic("g1", Lane.RECORD)
    rows = (make.device("v1", DeviceState.ONLINE), make.device("v2", DeviceState.OFFLINE))
    group = _group(
        make,
        (lane, make.batch(Lane.RECORD, 1, *rows)),
        (make.state_topic("g1"), make.presence()),
        (topic("g1", Leaf.RECEIPT), encode(Receipt("o1", OrderResult.EXECUTED, make.at()))),
    )
    refused = Poison("g1", Lane.RECORD, "e1", 1, "?", b"")
    told = list(news(settings, group, Committed((4,), (refused,)), clock.now().utc))
    assert [type(event) for event in told] == [DeviceChanged, PresenceChanged, OrderAnswered, AlertChanged]
    assert told[0] == DeviceChanged("tower", "g1", rows[1])
