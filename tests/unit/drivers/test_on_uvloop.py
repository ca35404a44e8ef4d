"""Links and terminals on the daemons' event loop, whose transports are no ``asyncio.Transport`` by class."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from cardea.runtime import loop
from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers.api import Accepted, AnswerCheck, CredentialPresented, DeviceContext
from drivers.gates.hikvision import DRIVER
from drivers.links.http_listener import HttpListener, HttpListenerSettings
from drivers.links.settings import TcpSettings
from drivers.links.stream import Opened, Received
from drivers.links.tcp import TcpListener, TcpOutward
from drivers.sim.hikvision import HikvisionTerminal


class NoCursor:
    async def load(self) -> None:
        return None


def run(main: Coroutine[Any, Any, None]) -> None:
    loop.run(asyncio.wait_for(main, 5))


def test_tcp_in_both_directions() -> None:
    async def main() -> None:
        inward = TcpListener("in", TcpSettings(kind="tcp", host="127.0.0.1", port=0, listen=True))
        listening = asyncio.create_task(inward.run())
        await inward.bound.wait()
        assert inward.port is not None
        outward = TcpOutward("out", TcpSettings(kind="tcp", host="127.0.0.1", port=inward.port))
        with inward.attach() as below, outward.attach() as above:
            calling = asyncio.create_task(outward.run())
            there, here = await below.receive(), await above.receive()
            assert isinstance(there, Opened)
            assert isinstance(here, Opened)
            below.send(there.connection, b"down")
            above.send(here.connection, b"up")
            assert await above.receive() == Received(here.connection, b"down")
            assert await below.receive() == Received(there.connection, b"up")
            for task in (calling, listening):
                task.cancel()
                await asyncio.wait([task])

    run(main())


def test_a_terminal_by_push_and_by_stream() -> None:
    async def passes(clock: SystemClock, listener: HttpListener, transport: str) -> None:
        async with HikvisionTerminal(clock, SystemEntropy(), password="p") as terminal:
            context = DeviceContext(
                device="gate-1",
                clock=clock,
                entropy=SystemEntropy(),
                secrets=lambda _name: "p",
                link=listener,
                cursor=NoCursor(),
            )
            known = {"base_url": terminal.base_url, "user": "cardea", "password_secret": "gate-1"}
            device = DRIVER.open(DRIVER.settings.model_validate({**known, "transport": transport}), context)
            answers: list[asyncio.Task[Any]] = []

            async def emit(event: Any) -> Accepted:
                if isinstance(event, CredentialPresented) and event.ask is not None:
                    command = AnswerCheck("a", event.ask, granted=True, text="")
                    answers.append(asyncio.create_task(device.submit(command)))
                return Accepted()

            session = asyncio.create_task(device.run(emit))
            await (terminal.push_armed if transport == "push" else terminal.stream_opened).wait()
            assert (await terminal.present(employee_no="17")).granted
            await asyncio.wait(answers)
            session.cancel()
            await asyncio.wait([session])

    async def main() -> None:
        listener = HttpListener("t", HttpListenerSettings(kind="http_listener", bind="127.0.0.1", port=0))
        listening = asyncio.create_task(listener.run())
        for transport in ("push", "stream"):
            await passes(SystemClock(), listener, transport)
        listening.cancel()
        await asyncio.wait([listening])

    run(main())
