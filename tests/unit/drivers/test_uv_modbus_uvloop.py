"""A disinfection unit on the daemons' event loop: over TCP and on a pseudo-terminal."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cardea.runtime import loop
from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers.api import Accepted, DeviceContext, Executed, LeaseOutput, UnitReported
from drivers.disinfection.uv_modbus import DRIVER
from drivers.links.opening import open_link
from drivers.links.settings import ModbusRtuSettings, ModbusTcpSettings
from drivers.sim.relay_modbus import RelayRtuSim, RelayTcpSim
from drivers.sim.uv_unit import Part, UvUnit


class NoCursor:
    async def load(self) -> None:
        return None


async def emit_and_part(at: ModbusTcpSettings | ModbusRtuSettings, uv: UvUnit, clock: SystemClock) -> None:
    """Lease both outputs, hear that the unit emits, cancel, and see it dark."""
    link = open_link("uv", at, clock)
    serving = asyncio.create_task(link.run())
    settings = DRIVER.settings.model_validate(DRIVER.example)
    context = DeviceContext(
        device="uv-1", clock=clock, entropy=SystemEntropy(), secrets=str, link=link, cursor=NoCursor()
    )
    device = DRIVER.open(settings, context)
    reported, emits = asyncio.Event(), asyncio.Event()

    async def emit(event: Any) -> Accepted:
        if isinstance(event, UnitReported):
            reported.set()
            if event.values.get("output_on") == 1.0:
                emits.set()
        return Accepted()

    session = asyncio.create_task(device.run(emit))
    await reported.wait()
    for channel in (1, 0):
        assert await device.submit(LeaseOutput(f"on {channel}", channel, 2.0)) == Executed()
    await emits.wait()
    off = uv.expect(Part.LAMP, on=False)
    session.cancel()
    await asyncio.wait([session])
    assert off.done()
    assert off.result().cause == "write"
    serving.cancel()
    await asyncio.wait([serving])


@pytest.mark.parametrize("line", ["tcp", "rtu"])
def test_a_unit_is_driven_and_goes_dark(line: str, tmp_path: Path) -> None:
    async def main() -> None:
        clock = SystemClock()
        uv = UvUnit(1, clock)
        if line == "tcp":
            async with RelayTcpSim([uv]) as tcp:
                at = ModbusTcpSettings(kind="modbus_tcp", host="127.0.0.1", port=tcp.port)
                await emit_and_part(at, uv, clock)
        else:
            async with RelayRtuSim([uv], tmp_path / "rs485") as rtu:
                serial = ModbusRtuSettings(kind="modbus_rtu", path=rtu.path, baud=115200)
                await emit_and_part(serial, uv, clock)

    loop.run(asyncio.wait_for(main(), 5))
