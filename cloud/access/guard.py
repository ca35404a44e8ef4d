"""The guard in front of everything that is served: known host, same origin, a session, bounded bodies.

Outermost ASGI layer. Nothing but the login page passes without a session, static files and websockets
included; a websocket or a write from another origin is refused before anything reads it.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.access.account import Account

COOKIE = "cardea_session"
LOGIN_PATH = "/login"
OPEN_PATHS = frozenset({LOGIN_PATH, "/api/v1/session"})
"""What is served without a session: the login page, and the API's own login."""
BODY_BYTES_MAX = 1024 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "content-security-policy": "frame-ancestors 'none'; object-src 'none'; base-uri 'self'",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class SessionLookup(Protocol):
    """Where sessions are kept."""

    async def find(self, token: str) -> Account | None:
        """The account behind a cookie; ``None`` when it means nothing (any more)."""
        ...


class Guard:
    """ASGI middleware; puts the account into ``scope["state"]["account"]``."""

    def __init__(self, app: ASGIApp, sessions: SessionLookup, hosts: frozenset[str]) -> None:
        self._app = app
        self._sessions = sessions
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, redirect to the login, or refuse."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refuse(scope, headers)
        if refusal is None:
            account = await self._account(headers)
            scope.setdefault("state", {})["account"] = account
            if account is None and scope["path"] not in OPEN_PATHS:
                refusal = _ask_to_log_in(scope, headers)
        if refusal is None:
            await self._app(scope, _bounded(receive), _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, _with_headers(send))

    def _refuse(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if host.rsplit(":", 1)[0] not in self._hosts:
            return JSONResponse({"detail": "unknown host; name it in [console] hosts"}, 421)
        writes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if writes and headers.get("origin") not in {f"http://{host}", f"https://{host}"}:
            return JSONResponse({"detail": "the Origin header does not name this console"}, 403)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            return JSONResponse({"detail": f"more than {BODY_BYTES_MAX} bytes"}, 413)
        return None

    async def _account(self, headers: Headers) -> Account | None:
        token = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        return None if token is None else await self._sessions.find(token)


def _ask_to_log_in(scope: Scope, headers: Headers) -> Response:
    wants_page = scope["type"] == "http" and "text/html" in headers.get("accept", "")
    if wants_page and not scope["path"].startswith("/api/"):
        return RedirectResponse(LOGIN_PATH, 303)
    return JSONResponse({"detail": "log in first"}, 401)


def _bounded(receive: Receive) -> Receive:
    """Stop reading a body that has no declared length and does not end."""
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b"")) if message["type"] == "http.request" else 0
        return {"type": "http.disconnect"} if seen > BODY_BYTES_MAX else message

    return bounded


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return with_headers
