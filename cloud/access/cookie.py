"""The session's cookie: HttpOnly, SameSite=Strict, and Secure everywhere but on the loopback console."""

from fastapi import Request, Response

from cloud.access.guard import COOKIE
from cloud.access.sessions import LoggedIn


def set_cookie(request: Request, response: Response, session: LoggedIn) -> None:
    """Hand the new session to the browser. Plain http exists on 127.0.0.1 only, the one named exception."""
    response.set_cookie(
        COOKIE,
        session.token,
        max_age=session.seconds,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def clear_cookie(response: Response) -> None:
    """Take it away again."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def token_of(request: Request) -> str:
    """The cookie's value; empty when there is none."""
    return request.cookies.get(COOKIE, "")
