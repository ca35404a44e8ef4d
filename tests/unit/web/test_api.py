"""The API over a real ledger: what was sent is found, filtered, paged, and only by those who may see it."""

from cardea.contract.reasons import Reason
from cardea.contract.records import DeviceState, Outcome
from cardea.contract.screening import Correction, NotScreened, ScreeningTerms
from cloud.ledger.scope import Role


async def test_passages_are_listed_filtered_and_paged(town, make) -> None:
    denied = {"outcome": Outcome.DENY, "reasons": (Reason.CREDENTIAL_EXPIRED,), "portal": "garage"}
    rows = [make.decision() for _ in range(5)] + [make.decision(**denied)]
    await town.send("tower-1", *rows)
    client = await town.logged_in()
    first = (await client.get("/api/v1/passages", params={"limit": 4})).json()
    rest = (await client.get("/api/v1/passages", params={"limit": 4, "before": first["next"]})).json()
    assert [*(i["id"] for i in first["items"]), *(i["id"] for i in rest["items"])] == [
        r.id for r in reversed(rows)
    ]
    assert rest["next"] is None
    only = (await client.get("/api/v1/passages", params={"outcome": "deny", "portal": "garage"})).json()[
        "items"
    ]
    assert [item["reasons"] for item in only] == [["credential_expired"]]
    assert only[0]["subject"]["value"] == "ab" * 32
    one = (await client.get(f"/api/v1/passages/tower-1/{rows[0].id}")).json()
    assert one["id"] == rows[0].id
    assert (await client.get("/api/v1/passages/tower-1/none")).status_code == 404
    counts = (await client.get("/api/v1/counts/outcomes")).json()
    assert {(c["portal"], c["outcome"]): c["count"] for c in counts} == {
        ("lobby-a", "grant"): 5,
        ("garage", "deny"): 1,
    }
    reasons = (await client.get("/api/v1/counts/reasons", params={"side": "ingress"})).json()
    assert reasons[0] == {"outcome": "grant", "reason": "granted", "count": 5}
    await client.aclose()


async def test_an_entry_tells_what_its_temperature_is_made_of_or_why_there_is_none(town, make) -> None:
    terms = ScreeningTerms(34.91, 0.31, 1.02, 0.0, 0.21, Correction.ONE_POINT, reference_age_s=0.4)
    measured = make.decision(surface_temp_c=36.24, screening_terms=terms)
    refused = make.decision(not_screened=NotScreened.REFERENCE_LOST)
    await town.send("tower-1", measured, refused)
    client = await town.logged_in()
    told = (await client.get(f"/api/v1/passages/tower-1/{measured.id}")).json()
    assert told["screening_terms"] == {
        "raw_c": 34.91,
        "radiometry_c": 0.31,
        "reference_c": 1.02,
        "site_c": 0.0,
        "uncertainty_c": 0.21,
        "correction": "one_point",
        "gain": 1.0,
        "reference_age_s": 0.4,
        "threshold_c": None,
        "usual_c": None,
    }
    why = (await client.get(f"/api/v1/passages/tower-1/{refused.id}")).json()
    assert (why["screening_terms"], why["not_screened"]) == (None, "reference_lost")
    await client.aclose()


async def test_bad_questions_get_a_clear_answer(town) -> None:
    client = await town.logged_in()
    for question in (
        {"limit": 0},
        {"limit": 10**9},
        {"before": "soon"},
        {"outcome": "maybe"},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"colour": "red"},
    ):
        answer = await client.get("/api/v1/passages", params=question)
        assert answer.status_code == 422, question
        assert next(iter(question)) in answer.text
    await client.aclose()


async def test_devices_and_gateways_are_shown_with_their_state(town, make) -> None:
    await town.send(
        "tower-1", make.device(), make.device(device="relay-1", state=DeviceState.OFFLINE, reason="no answer")
    )
    client = await town.logged_in()
    devices = {row["device"]: row for row in (await client.get("/api/v1/devices")).json()}
    assert devices["gate-1"]["state"] == "online"
    assert devices["relay-1"]["reason"] == "no answer"
    gateways = (await client.get("/api/v1/gateways")).json()
    assert [(row["id"], row["online"]) for row in gateways] == [("tower-1", True)]
    assert [row["id"] for row in (await client.get("/api/v1/sites")).json()] == ["tower"]
    lanes = (await client.get("/api/v1/gateways/tower-1/lanes")).json()
    assert lanes[0]["stored"] == [[1, 2]]
    assert lanes[0]["missing"] == []
    assert len((await client.get("/api/v1/gateways/tower-1/epochs")).json()) == 1
    assert (await client.get("/api/v1/latest")).json() == []
    assert (await client.get("/api/v1/portals")).status_code == 200
    assert (await client.get("/api/v1/crossings")).json() == {"items": [], "next": None}
    await client.aclose()


async def test_an_alert_is_acknowledged_with_a_note_and_cleared_with_evidence(town, make) -> None:
    await town.send("tower-1", make.alert())
    client = await town.logged_in()
    (found,) = (await client.get("/api/v1/alerts")).json()["items"]
    path = f"/api/v1/alerts/{found['id']}"
    assert (await client.post(f"{path}/acknowledge", json={"note": ""})).status_code == 422
    taken = (await client.post(f"{path}/acknowledge", json={"note": "Looking at it"})).json()
    assert taken["acknowledged_by"] == "admin"
    assert taken["cleared_at"] is None
    await client.post(f"{path}/note", json={"note": "Hinge was bent"})
    await client.post(f"{path}/withdraw", json={"note": "Not mine"})
    cleared = (await client.post(f"{path}/clear", json={"note": "Hinge replaced"})).json()
    assert cleared["cleared_evidence"] == "Hinge replaced"
    events = (await client.get(f"{path}/events")).json()
    assert [e["change"] for e in events] == ["raised", "acknowledged", "noted", "withdrawn", "cleared"]
    assert (await client.get("/api/v1/alerts/999")).status_code == 404
    assert (await client.get("/api/v1/alerts/999/events")).status_code == 404
    assert (await client.post("/api/v1/alerts/999/acknowledge", json={"note": "x"})).status_code == 404
    await client.aclose()


async def test_another_company_sees_nothing_of_this_one(town, make) -> None:
    entry, alert = make.decision(), make.alert()
    await town.send("tower-1", entry, make.device(), alert)
    await town.add("rival", "rival", Role.MANAGER)
    await town.add("district", "jinshui", Role.DISTRICT)
    rival = await town.logged_in("rival", "a password for tests")
    assert (await rival.get("/api/v1/passages")).json()["items"] == []
    assert (await rival.get("/api/v1/devices")).json() == []
    assert (await rival.get("/api/v1/alerts")).json()["items"] == []
    assert [o["id"] for o in (await rival.get("/api/v1/organisations")).json()] == ["rival"]
    assert (await rival.get(f"/api/v1/passages/tower-1/{entry.id}")).status_code == 404
    assert (await rival.get("/api/v1/gateways/tower-1/lanes")).status_code == 404
    assert (await rival.post("/api/v1/alerts/1/acknowledge", json={"note": "x"})).status_code == 404
    district = await town.logged_in("district", "a password for tests")
    assert len((await district.get("/api/v1/passages")).json()["items"]) == 1
    await rival.aclose()
    await district.aclose()


async def test_the_openapi_description_names_every_route(town) -> None:
    client = await town.logged_in()
    paths = (await client.get("/api/v1/openapi.json")).json()["paths"]
    for path in ("organisations", "sites", "devices", "passages", "alerts"):
        assert f"/api/v1/{path}" in paths
    await client.aclose()
