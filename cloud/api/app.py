"""The web application: API and console behind one guard."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from cloud.access.guard import Guard
from cloud.api import alerts, devices, orders, passages, places, scenes, series, session, wall, zones
from cloud.console.pages import mount
from cloud.console.reader import House

API_PATH = "/api/v1"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


def create_app(house: House, hosts: frozenset[str], storage: Path) -> ASGIApp:
    """Everything that is served over HTTP.

    Args:
        house: where data comes from.
        hosts: names under which browsers may reach the console; any other is refused (DNS rebinding).
        storage: a folder for what the console keeps between pages.
    """
    app = api(house)
    mount(app, house, storage)
    return Guard(app, house.sessions, hosts | LOOPBACK_HOSTS)


def api(house: House) -> FastAPI:
    """The API alone, as OpenAPI describes it at ``/api/v1/openapi.json``."""
    app = FastAPI(
        title="Cardea",
        version="1",
        description="Passages, devices and alerts of the buildings that your login may see.",
        openapi_url=f"{API_PATH}/openapi.json",
        docs_url=None,  # the pages that FastAPI would serve load scripts from a foreign host
        redoc_url=None,
    )
    app.state.ledger = house.ledger
    app.state.sessions = house.sessions
    app.state.aggregator = house.aggregator
    app.state.clock = house.clock
    app.state.series = house.series
    app.state.zone = house.zone
    app.state.entries = house.entries
    routes = APIRouter(prefix=API_PATH)
    for module in (session, places, passages, devices, series, zones, scenes, wall, alerts, orders):
        routes.include_router(module.router)
    app.include_router(routes)
    return app
