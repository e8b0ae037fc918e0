"""Sessions in a browser: the cookie, and the defence against foreign pages that would use it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

from fastapi import Depends, Request, Response

from opengateway.control.actor import Actor, ActorKind, CurrentActor
from opengateway.control.challenges.service import LASTS_S
from opengateway.control.identity.settings import SECOND_NS, STEP_UP_S, SignInSettings
from opengateway.control.scope import ControlScope, Scope
from opengateway.control.sessions.service import IssuedSession
from opengateway.domain.errors import NotAllowed, NotAuthenticated

CSRF_HEADER: Final = "x-csrf-token"
SAFE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))


class ForeignPage(NotAllowed):
    code = "cross_site_request"


class StepUpNeeded(NotAllowed):
    code = "step_up_required"


class NotSignedIn(NotAuthenticated):
    code = "not_signed_in"


def set_session_cookie(response: Response, issued: IssuedSession, scope: ControlScope) -> None:
    """Lax: a link from a mail opens the product signed in; no foreign page can POST with it."""
    settings = scope.sign_in.settings
    left_ns = issued.session.expires_at_ns - scope.clock.now_ns()
    response.set_cookie(
        settings.session_cookie,
        issued.token,
        max_age=max(0, left_ns // SECOND_NS),
        path="/",
        secure=settings.secure,
        httponly=True,
        samesite="lax",
    )
    response.headers["cache-control"] = "no-store"


def set_flow_cookie(response: Response, sealed: str, scope: ControlScope) -> None:
    """What a sign-in has begun. Lax, so that it comes along when the identity provider sends the
    browser back."""
    settings = scope.sign_in.settings
    response.set_cookie(
        settings.flow_cookie,
        sealed,
        max_age=LASTS_S,
        path="/",
        secure=settings.secure,
        httponly=True,
        samesite="lax",
    )
    response.headers["cache-control"] = "no-store"


def clear_cookie(response: Response, name: str, settings: SignInSettings) -> None:
    response.delete_cookie(name, path="/", secure=settings.secure, httponly=True, samesite="lax")


def check_csrf(request: Request, settings: SignInSettings, csrf_token: str) -> None:
    """For an unsafe method under a session. Raises `ForeignPage`.

    Three locks: the cookie's SameSite, what the browser says of the page that asks, and a token
    that a foreign page cannot read. The first two are the browser's, the third is ours.
    """
    if request.method in SAFE_METHODS:
        return
    check_same_origin(request, settings)
    given = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), csrf_token.encode()):
        raise ForeignPage(f"send the csrf_token of GET /api/v1/me as {CSRF_HEADER}")


def check_same_origin(request: Request, settings: SignInSettings) -> None:
    """Refuse what a browser sends for another site's page. Raises `ForeignPage`.

    Every browser since 2023 sends Sec-Fetch-Site to secure origins and to loopback, and every one
    sends Origin with a POST; a page cannot set either. A caller that sends neither is no browser.
    """
    problem = foreign(request.headers, settings)
    if problem:
        raise ForeignPage(problem)


def foreign(headers: Mapping[str, str], settings: SignInSettings) -> str | None:
    """What shows that another site's page asks; None when nothing does."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return None if site == "same-origin" else "a page of another site may not do this"
    origin = headers.get("origin")
    if origin is not None and origin.lower() != settings.origin:
        return f"this is done from {settings.public_url} only (listen.public_url)"
    return None


async def _same_origin(request: Request, scope: Scope) -> None:
    check_same_origin(request, scope.sign_in.settings)


SameOrigin = Depends(_same_origin)
"""For public routes that begin a session: a foreign page must not sign anybody in as another."""


def check_step_up(actor: Actor, scope: ControlScope) -> None:
    """Raises `StepUpNeeded` when a person's last proof of who they are is older than 10 minutes.

    Keys and the operator's socket are proofs that come with each request.
    """
    if actor.kind is not ActorKind.USER:
        return
    at_ns = actor.step_up_at_ns
    if at_ns is None or scope.clock.now_ns() - at_ns > STEP_UP_S * SECOND_NS:
        raise StepUpNeeded("prove who you are again: POST /api/v1/me/step-up, then repeat this")


async def _step_up(actor: CurrentActor, scope: Scope) -> None:
    check_step_up(actor, scope)


require_step_up = Depends(_step_up)
"""In a route's `dependencies`: money, roles, secrets and what cannot be undone ask for it."""


def user_of(actor: Actor) -> tuple[str, str]:
    """The ids of user and session. Raises `NotSignedIn` for every other kind of actor."""
    if actor.user_id is None or actor.session_id is None:
        raise NotSignedIn("sign in first")
    return actor.user_id, actor.session_id
