"""Logging in and out, and one's own login."""

from dataclasses import dataclass

from fastapi import APIRouter, HTTPException, Request, Response

from cardea.runtime.i18n import Language
from cloud.access.cookie import clear_cookie, set_cookie, token_of
from cloud.access.sessions import LoginRefused
from cloud.api.dependencies import LOGGED_IN, Caller, FromSessions
from cloud.api.questions import Credentials, NewPassword
from cloud.ledger.scope import Role

router = APIRouter(tags=["session"])


@dataclass(frozen=True, slots=True)
class Me:
    """Who is logged in."""

    login: str
    organisation: str
    role: Role
    language: Language | None


@router.post("/session", status_code=204)
async def log_in(request: Request, response: Response, sessions: FromSessions, body: Credentials) -> None:
    """Open a session; the answer sets its cookie. 401 when it is refused, 429 after too many tries."""
    address = request.client.host if request.client else ""
    result = await sessions.log_in(body.login, body.password, address)
    if isinstance(result, LoginRefused):
        if result.retry_after_s > 0:
            headers = {"retry-after": str(int(result.retry_after_s) + 1)}
            raise HTTPException(429, "too many tries; wait", headers)
        raise HTTPException(401, "wrong login or password")
    set_cookie(request, response, result)


@router.get("/session")
async def me(account: Caller) -> Me:
    """Who you are here."""
    language = Language(account.language) if account.language else None
    return Me(account.login, account.scope.organisation, account.scope.role, language)


@router.delete("/session", status_code=204, dependencies=[LOGGED_IN])
async def log_out(request: Request, response: Response, sessions: FromSessions) -> None:
    """End this session."""
    await sessions.log_out(token_of(request))
    clear_cookie(response)


@router.put("/session/password", status_code=204)
async def change_password(account: Caller, sessions: FromSessions, body: NewPassword) -> None:
    """Change your password; every session of yours ends, this one too."""
    if not await sessions.change_password(account, body.old, body.new):
        raise HTTPException(403, "the old password is wrong")


@router.put("/session/language/{language}", status_code=204)
async def set_language(account: Caller, sessions: FromSessions, language: Language) -> None:
    """Choose the language in which the console speaks to you."""
    await sessions.set_language(account, language.value)
