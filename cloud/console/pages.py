"""The console's pages, and how they are hung into the API's application."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

from fastapi import FastAPI, Request

from cloud.access.account import Account
from cloud.access.cookie import token_of
from cloud.console import login
from cloud.console.frame import bare_frame, frame
from cloud.console.reader import House, Reader
from cloud.ledger import reads


class Page(Protocol):
    """Something that can lay itself out."""

    async def build(self) -> None:
        """Lay the page out and fill it."""
        ...


def mount(app: FastAPI, house: House, storage: Path) -> None:
    """Add the login page and the console to ``app``. ``storage`` is where NiceGUI may write."""
    os.environ["NICEGUI_STORAGE_PATH"] = str(storage)  # read when nicegui is first imported
    from nicegui import ui

    from cloud.console.alerts import Alerts
    from cloud.console.device import DevicePage
    from cloud.console.devices import Devices
    from cloud.console.overview import Overview
    from cloud.console.thermal import Thermal
    from cloud.console.wall import Wall
    from cloud.console.zones import Zones

    app.include_router(login.router)
    makers: dict[str, Callable[[Reader], Page]] = {
        "/": Overview,
        "/zones": Zones,
        "/thermal": Thermal,
        "/devices": Devices,
        "/alerts": Alerts,
    }
    for path, make in makers.items():
        ui.page(path, title="Cardea")(_builder(house, path, make))

    @ui.page("/wall", title="Cardea")
    async def wall(request: Request) -> None:  # pyright: ignore[reportUnusedFunction]  # the decorator uses it
        reader = await _reader(house, request)
        with bare_frame(reader):
            await Wall(reader).build()

    @ui.page("/devices/{gateway}/{device}", title="Cardea")
    async def device_page(request: Request, gateway: str, device: str) -> None:  # pyright: ignore[reportUnusedFunction]  # as above
        reader = await _reader(house, request)
        with frame(reader, "/devices"):
            await DevicePage(reader, gateway, device).build()

    cast("Any", ui).run_with(  # its stub leaves some types open
        app, mount_path="/", title="Cardea", show_welcome_message=False, binding_refresh_interval=None
    )


def _builder(house: House, path: str, make: Callable[[Reader], Page]) -> Callable[[Request], Awaitable[None]]:
    async def page(request: Request) -> None:
        reader = await _reader(house, request)
        with frame(reader, path):
            await make(reader).build()

    return page


async def _reader(house: House, request: Request) -> Reader:
    account = cast("Account", request.state.account)  # the guard lets nobody else through
    say = login.translator_for(request, account.language)
    reader = Reader(house, account, token_of(request), say, request.query_params.get("site"))
    if reader.site is None:
        return reader
    names = {row.id: row.name for row in await reader.read(reads.sites)}
    return replace(reader, site_name=names.get(reader.site))
