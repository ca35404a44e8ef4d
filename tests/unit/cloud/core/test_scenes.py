"""Thermal pictures of scenes without people: checked, kept in memory for a while, never in the ledger."""

import json
from base64 import b64encode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from cardea.contract.batches import Lane
from cardea.contract.encoding import encode
from cardea.contract.scenes import Mark, MarkKind, Scene
from cardea.contract.time import ClockQuality, WireTime
from cardea.contract.topics import Leaf, topic
from cloud import scenes
from cloud.ingest.arrivals import SceneHeard, Unreadable, read
from cloud.ledger import tables as t
from cloud.scenes import Scenes
from tests.unit.cloud.core.conftest import T0

SCENE = topic("g1", Leaf.SCENE)


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
