"""Time series over the API: one's own gateways only, within limits, and one line when there is no history."""

import datetime as dt

import pytest

from cloud.ledger.scope import Role
from cloud.series.store import HistoryUnavailable, Latest, Point

NOW = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
HISTORY = "/api/v1/series/history"


@pytest.fixture
def filled(town):
    town.readings.newest = [
        Latest(gateway="tower-1", series="gate-1/surface_temp_c", at=NOW, value=36.5),
        Latest(gateway="tower-1", series="gate-2/surface_temp_c", at=NOW, value=36.0),
        Latest(gateway="other-1", series="gate-1/surface_temp_c", at=NOW, value=30.0),
    ]
    town.readings.points["tower-1", "gate-1/surface_temp_c"] = (
        Point(at=NOW, mean=36.5, low=36.0, high=37.0, count=60),
    )
    return town


@pytest.mark.parametrize("path", ["/api/v1/series", "/api/v1/latest"])
async def test_the_newest_of_ones_own_gateways(filled, path):
    client = await filled.logged_in()
    everything = (await client.get(path)).json()
    assert [(one["gateway"], one["series"], one["value"]) for one in everything] == [
        ("tower-1", "gate-1/surface_temp_c", 36.5),
        ("tower-1", "gate-2/surface_temp_c", 36.0),
    ]
    one = (await client.get(path, params={"gateway": "tower-1", "device": "gate-2"})).json()
    assert [row["value"] for row in one] == [36.0]
    assert (await client.get(path, params={"gateway": "other-1"})).status_code == 404
    assert (await client.get(path, params={"gateway": "nobody"})).status_code == 404


async def test_a_history_of_ones_own_gateway(filled):
    client = await filled.logged_in()
    asked = {"gateway": "tower-1", "series": "gate-1/surface_temp_c"}
    span = {"since": "2026-11-23T07:00:00Z", "until": "2026-11-23T17:00:00+08:00"}
    answer = await client.get(HISTORY, params={**asked, **span, "points": 10})
    assert answer.json() == [
        {"at": "2026-11-23T08:00:00Z", "mean": 36.5, "low": 36.0, "high": 37.0, "count": 60}
    ]
    assert (await client.get(HISTORY, params={**asked, "gateway": "other-1"})).status_code == 404
    await filled.add("rival", "rival", Role.MANAGER)
    rival = await filled.logged_in("rival", "a password for tests")
    assert (await rival.get(HISTORY, params={**asked, **span})).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"points": 0},
        {"points": 2001},
        {"since": "2026-11-23T09:00:00Z", "until": "2026-11-23T08:00:00Z"},
        {"since": "2020-01-01T00:00:00Z", "until": "2026-11-23T08:00:00Z"},
        {"since": "2020-01-01T00:00:00Z"},
        {"since": "2999-01-01T00:00:00Z"},
        {"since": "2026-11-23T08:00:00"},
        {"series": ""},
        {"unheard_of": "x"},
    ],
)
async def test_what_is_asked_beyond_the_limits_is_422(filled, wrong):
    client = await filled.logged_in()
    asked = {"gateway": "tower-1", "series": "gate-1/surface_temp_c", **wrong}
    assert (await client.get(HISTORY, params=asked)).status_code == 422


async def test_without_history_it_is_503_and_one_line(filled, monkeypatch):
    async def history(*_):
        raise HistoryUnavailable("history is in the series store")

    monkeypatch.setattr(type(filled.readings), "history", history)
    client = await filled.logged_in()
    answer = await client.get(HISTORY, params={"gateway": "tower-1", "series": "gate-1/surface_temp_c"})
    assert (answer.status_code, answer.json()["detail"]) == (503, "history is in the series store")


async def test_it_is_described(filled):
    client = await filled.logged_in()
    paths = (await client.get("/api/v1/openapi.json")).json()["paths"]
    assert {"/api/v1/series", "/api/v1/series/history", "/api/v1/latest"} <= paths.keys()
    assert set(paths["/api/v1/series/history"]["get"]["responses"]) >= {"200", "404", "422", "503"}


async def test_nobody_reads_series_without_a_login(filled):
    async with filled.client() as client:
        for path in ("/api/v1/series", HISTORY, "/api/v1/latest"):
            assert (await client.get(path)).status_code == 401
