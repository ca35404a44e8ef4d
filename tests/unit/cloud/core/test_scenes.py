"""Thermal pictures: checked, kept in memory for a while, never in the ledger; clear ones for one account."""

import json
from base64 import b64encode
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from cardea.contract.batches import Lane
from cardea.contract.encoding import encode
from cardea.contract.records import ScreeningState
from cardea.contract.scenes import Mark, MarkKind, Scene, SceneReading, Showing
from cardea.contract.time import ClockQuality, WireTime
from cardea.contract.topics import Leaf, topic
from cloud import scenes
from cloud.clear_pictures import LEASES_MAX
from cloud.ingest.arrivals import SceneHeard, Unreadable, read
from cloud.ledger import tables as t
from cloud.scenes import Scenes
from tests.unit.cloud.core.conftest import T0

SCENE = topic("g1", Leaf.SCENE)
CLEAR = topic("g1", Leaf.SCENE_CLEAR)
ASKER, OTHER = 1, 2


def scene(device="cabinet-1", **given):
    marks = (Mark(MarkKind.ROI, 0.25, 0.0, 0.5, 1.0, 41.5), Mark(MarkKind.REFERENCE, 0.0, 0.0, 0.1, 0.1))
    at = WireTime(T0, ClockQuality.SYNCHRONISED)
    plain = Scene(device, at, width=4, height=3, min_c=20.0, max_c=60.0, grid=bytes(range(12)), marks=marks)
    return msgspec.structs.replace(plain, **given)


def test_a_scene_is_read_as_it_was_sent():
    assert read(SCENE, encode(scene())) == SceneHeard("g1", scene())


@given(
    st.integers(-2, 700), st.integers(-2, 700), st.binary(max_size=64), st.floats(), st.floats(), st.floats()
)
def test_whatever_a_scene_says_it_is_a_whole_picture_or_unreadable(width, height, grid, low, high, edge):
    sent = {
        "device": "d",
        "at": {"utc": "2026-11-23T08:00:00Z", "quality": "synchronised"},
        "width": width,
        "height": height,
        "min_c": low,
        "max_c": high,
        "grid": b64encode(grid).decode(),
        "marks": [{"kind": "roi", "left": edge, "top": 0, "width": 0.1, "height": 1}],
    }
    found = read(SCENE, json.dumps(sent).encode())
    if isinstance(found, SceneHeard):
        assert len(found.scene.grid) == found.scene.width * found.scene.height
        assert found.scene.min_c <= found.scene.max_c
        assert 0.0 <= found.scene.marks[0].left <= 0.91
    else:
        assert isinstance(found, Unreadable)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"grid": bytes(11)}, "a grid of 11 pixels is not 4 x 3 of them"),
        ({"min_c": 61.0}, "61 to 60 degrees is no range"),
        ({"device": ""}, "the device is not a name that can be shown"),
        ({"device": "a\x00b"}, "the device is not a name that can be shown"),
        ({"device": "a" * 129}, "the device is not a name that can be shown"),
        ({"marks": (Mark(MarkKind.ROI, 0.6, 0.0, 0.5, 1.0),)}, "a mark lies outside the scene"),
        ({"width": 700, "height": 1}, "Expected `int` <= 640 - at `$.width`"),
        ({"showing": Showing.CLEAR, "lease": "o1"}, "a scene that shows clear has no place in this topic"),
        ({"lease": "o1"}, "a clear scene comes under an order, and no other does"),
    ],
)
def test_what_is_wrong_with_a_scene_is_said_and_its_picture_is_not_kept(changed, why):
    found = read(SCENE, encode(scene(**changed)))
    assert isinstance(found, Unreadable)
    assert (found.undecodable.reason, found.undecodable.raw) == (why, b"")


def test_a_scene_that_the_broker_kept_is_not_shown():
    found = read(SCENE, encode(scene()), kept=True)
    assert isinstance(found, Unreadable)
    assert found.undecodable.raw == b""


async def test_the_newest_of_each_device_is_kept_for_a_while(clock):
    seen = Scenes(clock)
    seen.take([SceneHeard("g1", scene()), SceneHeard("g2", scene("boiler"))])
    await clock.advance(scenes.KEPT_S - 1)
    newer = scene(max_c=70.0)
    seen.take([SceneHeard("g1", newer)])
    assert [(s.gateway, s.scene.device) for s in seen.of(["g1", "g2"])] == [
        ("g1", "cabinet-1"),
        ("g2", "boiler"),
    ]
    assert seen.of(["g2"])[0].scene.device == "boiler"
    await clock.advance(2)
    (kept,) = seen.of(["g1", "g2"])
    assert kept.scene == newer
    assert seen.age_s(kept) == 2
    assert seen.version == 3


def test_neither_one_gateway_nor_all_of_them_fill_the_memory(clock):
    seen = Scenes(clock)
    seen.take(SceneHeard("g1", scene(f"d{n:02}")) for n in range(scenes.PER_GATEWAY_MAX + 3))
    assert [s.scene.device for s in seen.of(["g1"])] == [
        f"d{n:02}" for n in range(3, 3 + scenes.PER_GATEWAY_MAX)
    ]
    names = [f"g{n}" for n in range(scenes.SCENES_MAX + 1)]
    seen.take(SceneHeard(name, scene()) for name in names)
    assert len(seen.of(names)) == scenes.SCENES_MAX


async def test_a_scene_is_shown_and_stands_nowhere_in_the_ledger(run, ledger, make):
    """SAFETY.md, items 18 and 20."""
    async with run() as house:
        gateway = await house.gateway()
        await gateway.say(make.presence())
        await gateway.session.publish(SCENE, encode(scene()))
        await gateway.session.publish(SCENE, encode(scene(grid=b"PIXELSPIXELS!")))
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 1, make.decision("d1")))
        await gateway.wait_acked(Lane.RECORD, ((1, 1),))  # what came before it has been settled, too
        assert [seen.scene for seen in house.aggregator.scenes.of(["g1"])] == [scene()]
        assert house.aggregator.counts.unreadable == 1
        kept = await ledger.read(lambda c: c.execute(select(t.quarantine)).all())
    assert [(row.lane, row.raw) for row in kept] == [("scene", b"")]


# --- Positions ------------------------------------------------------------------------------------


def position(device="lepton-1", **given):
    reading = SceneReading(ScreeningState.NORMAL, 36.5)
    shown: dict[str, Any] = {"showing": Showing.BLURRED, "readings": (reading,)}
    return scene(device, **(shown | given))


def clear(order: str | None = "o1", **given):
    return msgspec.structs.replace(
        position(), showing=Showing.CLEAR, lease=order, grid=b"CLEARFACES!!", **given
    )


def test_a_blurred_position_comes_with_what_was_read():
    assert read(SCENE, encode(position())) == SceneHeard("g1", position())
    assert read(CLEAR, encode(clear())) == SceneHeard("g1", clear())


@pytest.mark.parametrize("sent", [scene(), position(), clear(order=None)])
def test_in_the_topic_of_clear_pictures_nothing_else_has_a_place(sent):
    found = read(CLEAR, encode(sent))
    assert isinstance(found, Unreadable)
    assert found.undecodable.raw == b""


async def test_a_clear_picture_is_seen_by_whoever_asked_until_their_time_is_over(clock):
    seen = Scenes(clock)
    seen.take([SceneHeard("g1", position())])
    seen.clear.grant("o1", "g1", "lepton-1", ASKER, lease_s=10.0)
    assert seen.of(["g1"], ASKER)[0].scene == position(), "nothing clear has come yet"
    seen.take([SceneHeard("g1", clear())])
    assert seen.of(["g1"], ASKER)[0].scene == clear()
    assert seen.clear.left_s(ASKER, "g1", "lepton-1") == 10.0
    for everybody_else in (OTHER, None):
        assert seen.of(["g1"], everybody_else)[0].scene == position()
    assert seen.clear.left_s(OTHER, "g1", "lepton-1") is None
    assert seen.of(["g2"], ASKER) == ()
    await clock.advance(10.0)
    before = seen.version
    assert seen.of(["g1"], ASKER)[0].scene == position()
    assert seen.clear.left_s(ASKER, "g1", "lepton-1") is None
    seen.clear.grant("o2", "g1", "lepton-1", ASKER, lease_s=5.0)
    await clock.advance(5.0)
    seen.forget()
    assert seen.version == before + 1, "open pages are told"
    seen.forget()
    assert seen.version == before + 1


@pytest.mark.parametrize(
    "sent",
    [
        SceneHeard("g1", clear(order="o2")),
        SceneHeard("g2", clear()),
        SceneHeard("g1", clear(device="lepton-2")),
    ],
)
def test_a_clear_picture_that_nobody_asked_for_is_dropped(sent, clock):
    seen = Scenes(clock)
    seen.take([SceneHeard("g1", position()), SceneHeard("g1", position(device="lepton-2"))])
    seen.take([SceneHeard("g2", position())])
    seen.clear.grant("o1", "g1", "lepton-1", ASKER, lease_s=10.0)
    seen.take([sent])
    assert all(one.scene.showing is Showing.BLURRED for one in seen.of(["g1", "g2"], ASKER))


async def test_a_clear_picture_that_is_not_of_now_is_not_shown(clock):
    seen = Scenes(clock)
    seen.clear.grant("o1", "g1", "lepton-1", ASKER, lease_s=60.0)
    seen.take([SceneHeard("g1", clear())])
    await clock.advance(scenes.STALE_S + 1)
    seen.take([SceneHeard("g1", position())])
    assert seen.of(["g1"], ASKER)[0].scene == position()


def test_only_a_blurred_picture_is_one_of_a_position(clock):
    seen = Scenes(clock)
    seen.take([SceneHeard("g1", scene()), SceneHeard("g1", position())])
    assert seen.position("g1", "cabinet-1") is None
    assert seen.position("g1", "none") is None
    found = seen.position("g1", "lepton-1")
    assert found is not None
    assert found.scene == position()


def test_however_many_ask_the_memory_is_bounded(clock):
    seen = Scenes(clock)
    for n in range(LEASES_MAX + 5):
        seen.clear.grant(f"o{n}", "g1", "lepton-1", n, lease_s=60.0)
    assert seen.clear.left_s(4, "g1", "lepton-1") is None
    assert seen.clear.left_s(5, "g1", "lepton-1") == 60.0


async def test_clear_pictures_stand_nowhere_on_disk(run, ledger, make, tmp_path):
    """SAFETY.md, items 18 and 20: asked for or not, well formed or not."""
    async with run() as house:
        gateway = await house.gateway()
        await gateway.say(make.presence())
        house.aggregator.scenes.clear.grant("o1", "g1", "lepton-1", ASKER, lease_s=60.0)
        for sent in (clear(order="o9"), clear(width=9), clear()):
            await gateway.session.publish(CLEAR, encode(sent))
        await gateway.session.publish(SCENE, encode(clear()))
        await gateway.session.publish(SCENE, encode(position()))
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 1, make.decision("d1")))
        await gateway.wait_acked(Lane.RECORD, ((1, 1),))
        shown = house.aggregator.scenes
        assert [seen.scene for seen in shown.of(["g1"], ASKER)] == [clear()]
        assert [seen.scene for seen in shown.of(["g1"], OTHER)] == [position()]
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"gate-1" in data for data in kept), "the ledger is among them"
    for form in (b"CLEARFACES", b64encode(b"CLEARFACES!!")):
        assert not any(form in data for data in kept)
    rows = await ledger.read(lambda c: c.execute(select(t.quarantine)).all())
    assert {row.raw for row in rows} == {b""}
