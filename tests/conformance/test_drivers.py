"""What every driver declares, and how its device behaves when nobody is there."""

import asyncio
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from drivers import catalog
from drivers.api import (
    Accepted,
    AnswerCheck,
    Command,
    DeviceEvent,
    DeviceLost,
    DeviceMisconfigured,
    DeviceRefused,
    DeviceSettings,
    Driver,
    Executed,
    HoldOpen,
    LeaseOutput,
    LinkKind,
    NotExecuted,
    OpenDoor,
    ShowText,
)

UNITS = {"s", "ms", "h", "days", "c", "k", "pct", "m", "mm", "bytes", "hz", "v", "ppm", "mj_cm2"} | {
    "emissivity",
    "emissivity_set",
}
"""And what has none: an emissivity is a share of 1."""
COMMANDS: list[Command] = [
    OpenDoor("open", 1, 1.0),
    AnswerCheck("answer", 1, granted=True, text="welcome"),
    ShowText("show", "welcome"),
    HoldOpen("hold", 1, on=True),
    LeaseOutput("lease", 1, 1.0),
]
GIVE_UP_S = 120.0
"""On the hasty loop: a device that nobody answers must have said so by then."""


def test_the_catalogue_finds_drivers_by_itself():
    assert {"readers.qr_tcp", "readers.qr_serial", "io.relay_modbus", "gates.hikvision"} <= set(
        catalog.names()
    )


def test_declares_itself(driver):
    assert isinstance(driver, Driver)
    assert issubclass(driver.settings, DeviceSettings)
    assert driver.link is None or isinstance(driver.link, LinkKind)
    assert driver.decoders
    assert driver.events
    assert set(driver.events) <= set(get_args(DeviceEvent))
    assert set(driver.commands) <= set(get_args(Command))


def models(schema: dict[str, Any]):
    yield schema
    yield from (each for each in schema.get("$defs", {}).values() if each.get("type") == "object")


def plain(field: dict[str, Any]):
    """The alternatives of a field, without ``null``."""
    for each in field.get("anyOf", [field]):
        if each.get("type") != "null":
            yield each


def test_settings_are_frozen_described_and_bounded(driver, settings):
    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings, next(iter(type(settings).model_fields)), None)
    for model in models(driver.settings.model_json_schema()):
        assert model.get("additionalProperties") is False, f"{model.get('title')} takes unknown keys"
        for name, field in model["properties"].items():
            assert field.get("description"), f"{name} is not described"
            for each in plain(field):
                if each.get("type") in {"integer", "number"}:
                    assert {"minimum", "exclusiveMinimum"} & each.keys(), f"{name} has no lower bound"
                    assert {"maximum", "exclusiveMaximum"} & each.keys(), f"{name} has no upper bound"
                if each.get("type") == "number":
                    words = name.removesuffix("_max").removesuffix("_min").split("_")
                    assert UNITS & {words[-1], "_".join(words[-2:])}, f"{name} does not end with its unit"


def test_unknown_settings_are_errors(driver):
    with pytest.raises(ValidationError, match="no_such_key"):
        driver.settings.model_validate({**driver.example, "no_such_key": 1})


def test_submit_never_raises_and_is_idempotent(open_nowhere, hastily):
    async def twice():
        device = open_nowhere()
        for command in COMMANDS:
            receipts = [await device.submit(command), await device.submit(command)]
            assert receipts[0] == receipts[1]
            assert isinstance(receipts[0], Executed | NotExecuted)

    hastily(twice())


def test_what_is_not_declared_is_not_done(driver, open_nowhere, hastily):
    async def submit():
        device = open_nowhere()
        for command in COMMANDS:
            if not isinstance(command, driver.commands):
                receipt = await device.submit(command)
                assert isinstance(receipt, NotExecuted)
                assert receipt.reason in {"unsupported", "unreachable"}

    hastily(submit())


def test_a_device_that_is_not_there_ends_with_one_of_the_three_errors(open_nowhere, hastily):
    async def run():
        async def emit(_event):
            return Accepted()

        async with asyncio.timeout(GIVE_UP_S):
            await open_nowhere().run(emit)

    with pytest.raises((DeviceLost, DeviceRefused, DeviceMisconfigured)):
        hastily(run())


def test_run_can_be_cancelled_at_any_time(open_nowhere, hastily):
    async def run():
        async def emit(_event):
            return Accepted()

        for turns in range(12):
            task = asyncio.create_task(open_nowhere().run(emit))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=GIVE_UP_S)
            assert done

    hastily(run())
