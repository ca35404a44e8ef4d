"""Drivers by name; receipts by id."""

import asyncio
from importlib.metadata import EntryPoint

import pytest

import cardea.driver
from drivers import api, catalog
from drivers.api import DeviceMisconfigured, Executed
from drivers.receipts import REMEMBERED_MAX, Receipts


def offering(monkeypatch, *points):
    offered = [EntryPoint(name, value, catalog.ENTRY_POINTS) for name, value in points]
    monkeypatch.setattr(
        catalog, "entry_points", lambda group: offered if group == catalog.ENTRY_POINTS else ()
    )


def test_our_own_drivers_are_found_by_their_path():
    assert "io.relay_modbus" in catalog.names()
    assert not [name for name in catalog.names() if name.startswith(("links.", "sim.", "scanner"))]
    assert catalog.find("readers.qr_tcp").decoders


def test_an_unknown_driver_names_those_there_are():
    for name in ("gates.nobody", "links.tcp", "os", "../readers", ""):
        with pytest.raises(DeviceMisconfigured, match=r"there is no driver.*io\.relay_modbus"):
            catalog.find(name)


def test_another_distribution_offers_a_driver(monkeypatch):
    offering(monkeypatch, ("acme.gate", "drivers.readers.qr_tcp:DRIVER"))
    assert "acme.gate" in catalog.names()
    assert catalog.find("acme.gate") is catalog.find("readers.qr_tcp")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no_such_module:DRIVER", "cannot be loaded"),
        ("drivers.api:NOTHING", "cannot be loaded"),
        ("drivers.api:OpenDoor", "is no driver"),
    ],
)
def test_what_is_offered_and_is_no_driver_says_so(monkeypatch, value, problem):
    offering(monkeypatch, ("acme.gate", value))
    with pytest.raises(DeviceMisconfigured, match=problem):
        catalog.find("acme.gate")


def test_our_own_goes_before_anothers(monkeypatch):
    offering(monkeypatch, ("readers.qr_tcp", "drivers.api:OpenDoor"))
    assert catalog.find("readers.qr_tcp").decoders


def test_third_parties_get_the_whole_driver_api():
    ours = {name for name, value in vars(api).items() if getattr(value, "__module__", "") == "drivers.api"}
    assert ours - {"S"} <= set(cardea.driver.__all__)
    for name in cardea.driver.__all__:
        assert hasattr(cardea.driver, name)


async def test_a_command_is_done_once_also_while_it_is_under_way():
    receipts, done = Receipts(), []

    async def do():
        done.append(1)
        await asyncio.sleep(0)
        return Executed()

    assert await asyncio.gather(*(receipts.once("a", do) for _ in range(3))) == [Executed()] * 3
    assert len(done) == 1


async def test_a_command_that_was_cancelled_may_be_ordered_again():
    receipts = Receipts()

    async def never():
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def do():
        return Executed()

    first = asyncio.create_task(receipts.once("a", never))
    second = asyncio.create_task(receipts.once("a", never))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first, second])
    assert first.cancelled()
    assert second.cancelled()
    assert await receipts.once("a", do) == Executed()


async def test_receipts_are_remembered_to_a_bound():
    receipts, done = Receipts(), []

    async def do():
        done.append(1)
        return Executed()

    for number in range(REMEMBERED_MAX + 1):
        await receipts.once(str(number), do)
    await receipts.once(str(REMEMBERED_MAX), do)
    await receipts.once("0", do)
    assert len(done) == REMEMBERED_MAX + 2
