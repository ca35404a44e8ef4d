"""Logging in, and the guard: SAFETY.md's security items 4 to 8, 10 and 38."""

import pytest

from cloud.access import passwords, throttle
from cloud.access.guard import BODY_BYTES_MAX, COOKIE


async def test_nothing_is_served_without_login(town) -> None:
    async with town.client() as client:
        for path in (
            "/api/v1/sites",
            "/api/v1/passages",
            "/api/v1/openapi.json",
            "/_nicegui/x.js",
            "/nowhere",
        ):
            assert (await client.get(path)).status_code == 401
        page = await client.get("/", headers={"accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (303, "/login")
        assert (await client.get("/login")).status_code == 200


async def test_a_login_opens_a_new_session_each_time_and_logging_out_ends_it(town) -> None:
    client = await town.logged_in()
    first = client.cookies[COOKIE]
    body = {"login": "admin", "password": town.admin_password}
    answer = await client.post("/api/v1/session", json=body)
    assert client.cookies[COOKIE] != first
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    me = (await client.get("/api/v1/session")).json()
    assert me == {"login": "admin", "organisation": "harbour", "role": "manager", "language": None}
    assert (await client.delete("/api/v1/session")).status_code == 204
    client.cookies.set(COOKIE, first)
    assert (await client.get("/api/v1/session")).status_code == 200, "the other session goes on"
    await client.aclose()


async def test_an_ended_session_opens_nothing(town) -> None:
    client = await town.logged_in()
    token = client.cookies[COOKIE]
    await client.delete("/api/v1/session")
    client.cookies.set(COOKIE, token)
    assert (await client.get("/api/v1/sites")).status_code == 401
    await client.aclose()


async def test_a_wrong_password_is_refused_and_ten_bad_tries_make_one_wait(town) -> None:
    async with town.client() as client:
        bad = {"login": "admin", "password": "wrong"}
        codes = [(await client.post("/api/v1/session", json=bad)).status_code for _ in range(11)]
        assert codes[:9] == [401] * 9
        assert codes[10] == 429
        right = {"login": "admin", "password": town.admin_password}
        answer = await client.post("/api/v1/session", json=right)
        assert answer.status_code == 429, "also the right password has to wait"
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", None])
async def test_a_write_from_another_origin_is_refused(town, origin: str | None) -> None:
    client = await town.logged_in()
    del client.headers["origin"]
    headers = {} if origin is None else {"origin": origin}
    assert (await client.delete("/api/v1/session", headers=headers)).status_code == 403
    assert (await client.get("/api/v1/session", headers=headers)).status_code == 200
    await client.aclose()


async def test_an_unknown_host_is_refused(town) -> None:
    async with town.client() as client:
        assert (await client.get("/login", headers={"host": "evil.example"})).status_code == 421


@pytest.mark.parametrize("length", [str(BODY_BYTES_MAX + 1), "-1", "x", "²"])
async def test_a_large_or_odd_body_is_refused(town, length: str) -> None:
    client = await town.logged_in()
    headers = {"content-length": length.encode()}
    answer = await client.put("/api/v1/session/language/en", headers=headers)
    assert answer.status_code == 413
    await client.aclose()


async def test_a_body_without_length_is_cut_off(town) -> None:
    async def endless():
        for _ in range(BODY_BYTES_MAX // 65536 + 2):
            yield b" " * 65536

    async with town.client() as client:
        answer = await client.post("/api/v1/session", content=endless())
        assert answer.status_code in {400, 422}


async def test_a_websocket_needs_the_origin_and_a_session(town) -> None:
    for origin in (b"http://evil.example", b"", b"http://127.0.0.1"):
        scope = {
            "type": "websocket",
            "path": "/_nicegui_ws/",
            "headers": [(b"host", b"127.0.0.1"), (b"origin", origin)],
        }
        said = []

        async def receive():
            return {"type": "websocket.connect"}

        async def send(message, said=said):
            said.append(message)

        await town.app(scope, receive, send)
        assert said == [{"type": "websocket.close", "code": 1008}]


async def test_every_answer_carries_the_safe_headers(town) -> None:
    async with town.client() as client:
        for path in ("/login", "/api/v1/sites"):
            headers = (await client.get(path)).headers
            assert headers["x-frame-options"] == "DENY"
            assert headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]


async def test_a_new_password_ends_every_session(town) -> None:
    client = await town.logged_in()
    change = {"old": "wrong", "new": "a longer new password"}
    assert (await client.put("/api/v1/session/password", json=change)).status_code == 403
    short = {"old": town.admin_password, "new": "short"}
    assert (await client.put("/api/v1/session/password", json=short)).status_code == 422
    change["old"] = town.admin_password
    assert (await client.put("/api/v1/session/password", json=change)).status_code == 204
    assert (await client.get("/api/v1/session")).status_code == 401
    await (await town.logged_in(password="a longer new password")).aclose()
    await client.aclose()


async def test_the_login_page_speaks_both_languages_and_says_what_was_wrong(town) -> None:
    async with town.client() as client:
        assert "密码" in (await client.get("/login?lang=zh_CN")).text
        assert "密码" in (await client.get("/login", headers={"accept-language": "zh-CN,en;q=0.5"})).text
        assert "Password" in (await client.get("/login?lang=tlh")).text
        bad = {"login": "<script>", "password": "wrong"}
        refused = await client.post("/login", data=bad)
        assert refused.status_code == 401
        assert "Wrong login or password." in refused.text
        assert "<script>" not in refused.text
        good = {"login": "admin", "password": town.admin_password}
        entered = await client.post("/login?lang=zh_CN", data=good)
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        assert (await client.get("/api/v1/session")).json()["language"] == "zh_CN"
        left = await client.post("/logout")
        assert left.headers["location"] == "/login"
        assert (await client.get("/api/v1/session")).status_code == 401


def test_passwords_are_kept_as_argon2id_with_at_least_19_mib() -> None:
    kept = passwords.hash_password("secret")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.verify_password("secret", kept)
    assert not passwords.verify_password("Secret", kept)
    assert not passwords.verify_password("nobody has this password", None)
    assert not passwords.verify_password("secret", "not a hash")


def test_the_throttle_forgets_after_its_window_and_after_success() -> None:
    slow = throttle.Throttle(failures_max=3, window_s=60)
    for second in range(3):
        assert slow.retry_after_s(second, "a", "b") == 0
        slow.failed(second, "a")
    assert slow.retry_after_s(2, "a") == 60
    assert slow.retry_after_s(2, "b") == 0
    assert slow.retry_after_s(62, "a") == 0
    slow.failed(61, "a")
    slow.succeeded("a")
    assert slow.retry_after_s(61, "a") == 0


def test_the_throttle_stays_bounded() -> None:
    slow = throttle.Throttle(failures_max=1)
    for number in range(throttle.KEYS_MAX + 5):
        slow.failed(0, str(number))
    assert slow.retry_after_s(0, "0") == 0, "the oldest made room"
    assert slow.retry_after_s(0, str(throttle.KEYS_MAX)) > 0
