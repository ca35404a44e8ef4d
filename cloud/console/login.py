"""The login page: plain HTML, so that nothing else of the console is served without a session."""

import html
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from cardea.runtime.i18n import OWN_NAME, Language, Translator, negotiate, translator
from cloud.access.cookie import clear_cookie, set_cookie, token_of
from cloud.access.sessions import LoginRefused
from cloud.api.dependencies import FromSessions
from cloud.console.style import LOGIN_CSS

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><title>Cardea</title><style>{css}</style></head><body><main>
<h1>Cardea</h1><p>{lead}</p>
<form method="post" action="/login?lang={code}">
<label for="login">{login}</label>
<input id="login" name="login" autocomplete="username" autofocus required maxlength="128">
<label for="password">{password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required
 maxlength="1024">
{wrong}<button type="submit">{submit}</button></form>
<nav>{languages}</nav></main></body></html>"""


@router.get("/login")
async def login_page(request: Request, lang: str | None = None) -> HTMLResponse:
    """The form."""
    return HTMLResponse(_render(translator_for(request, lang), wrong=""))


@router.post("/login")
async def log_in(
    request: Request,
    sessions: FromSessions,
    login: Annotated[str, Form(max_length=128)],
    password: Annotated[str, Form(max_length=1024)],
    lang: str | None = None,
) -> Response:
    """Open a session and go to the overview, or say what was wrong with the try."""
    say = translator_for(request, lang)
    address = request.client.host if request.client else ""
    result = await sessions.log_in(login, password, address)
    if isinstance(result, LoginRefused):
        if result.retry_after_s > 0:
            wait = say.text("Too many tries. Wait {wait}.", wait=say.duration(result.retry_after_s))
            return HTMLResponse(_render(say, wrong=wait), 429)
        return HTMLResponse(_render(say, wrong=say.text("Wrong login or password.")), 401)
    response = RedirectResponse("/", 303)
    set_cookie(request, response, result)
    if lang is not None and result.account.language is None:
        await sessions.set_language(result.account, say.language.value)
    return response


@router.post("/logout")
async def log_out(request: Request, sessions: FromSessions) -> Response:
    """End the session."""
    await sessions.log_out(token_of(request))
    response = RedirectResponse("/login", 303)
    clear_cookie(response)
    return response


def translator_for(request: Request, chosen: str | None) -> Translator:
    """In the language that was chosen, else in the first of the browser's that there is."""
    accepted = request.headers.get("accept-language", "")
    names = [part.split(";")[0].strip() for part in accepted.split(",")[:10]]
    return translator(negotiate([chosen, *names] if chosen else names))


def _render(say: Translator, wrong: str) -> str:
    languages = " · ".join(
        f'<a href="/login?lang={language.value}">{name}</a>' for language, name in OWN_NAME.items()
    )
    return _PAGE.format(
        lang=say.language.value.replace("_", "-"),
        code=say.language.value,
        css=LOGIN_CSS,
        lead=html.escape(say.text("Entry, health of devices and alerts of your buildings")),
        login=html.escape(say.text("Login")),
        password=html.escape(say.text("Password")),
        submit=html.escape(say.text("Log in")),
        wrong=f'<div class="wrong" role="alert">{html.escape(wrong)}</div>' if wrong else "",
        languages=languages if len(Language) > 1 else "",
    )
