"""Signing in and out over HTTP."""

from __future__ import annotations

import asyncio
import html
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from opengateway.control.access import Access, access
from opengateway.control.actor import CurrentActor
from opengateway.control.challenges.service import Challenges
from opengateway.control.changes.routes import Changes
from opengateway.control.identity.caller import CurrentCaller
from opengateway.control.oidc.claims import IdTokenRefused
from opengateway.control.oidc.service import CALLBACK, OidcBegun, OidcTrip
from opengateway.control.passkeys.service import AssertionBegun, PasskeyService, are_possible
from opengateway.control.scope import ControlScope, Scope
from opengateway.control.sessions.service import SessionService
from opengateway.control.sessions.web import (
    SameOrigin,
    clear_cookie,
    set_flow_cookie,
    set_session_cookie,
    user_of,
)
from opengateway.control.sign_in.arrival import Arrival, Arrived
from opengateway.control.sign_in.password import PasswordSignIn
from opengateway.control.sign_in.registration import Registration
from opengateway.control.sign_in.schemas import (
    Address,
    CheckMail,
    Code,
    Credentials,
    Done,
    NewPassword,
    OidcOffer,
    PasskeyAnswer,
    SignInAnswer,
    SignInOptions,
    SignUpWanted,
    Token,
)
from opengateway.control.sign_in.single_sign_on import SingleSignOn
from opengateway.control.throttle.service import NETWORK, Throttle
from opengateway.control.users.repository import UserRepository
from opengateway.domain.errors import GatewayError
from opengateway.kit.log import get_logger

router = APIRouter(prefix="/auth", tags=["auth"])
PUBLIC: Final = access(Access.PUBLIC)
_GO_ON: Final = (
    '<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content="0;url={url}">'
    '<title>Signing in</title><p><a href="{url}">Go on</a>'
)
_LETTER_FLOOR_S: Final = 0.25
"""Answers about letters take at least this long, so that time tells nobody whose address it was."""
_PASSKEY: Final = "passkey"
_OIDC: Final = "oidc"

log = get_logger(__name__)


async def _password_sign_in(
    scope: Scope, actor: CurrentActor, caller: CurrentCaller
) -> PasswordSignIn:
    return PasswordSignIn(scope, actor, caller)


async def _registration(
    scope: Scope, changes: Changes, actor: CurrentActor, caller: CurrentCaller
) -> Registration:
    return Registration(scope, changes, actor, caller)


ByPassword = Annotated[PasswordSignIn, Depends(_password_sign_in)]
Registrations = Annotated[Registration, Depends(_registration)]


@router.get("/options", openapi_extra=PUBLIC)
async def options(scope: Scope) -> SignInOptions:
    """How one can sign in here."""
    settings = scope.sign_in.settings
    oidc = settings.oidc
    return SignInOptions(
        zone=settings.zone,
        password=settings.password,
        sign_up=settings.signup.value,
        passkeys=are_possible(settings),
        oidc=OidcOffer(name=oidc.name, start_url="/api/v1/auth/oidc/start") if oidc else None,
        mail=scope.mail.sends,
    )


@router.post("/sign-in", dependencies=[SameOrigin], openapi_extra=PUBLIC)
async def sign_in(
    given: Credentials, by_password: ByPassword, scope: Scope, response: Response
) -> SignInAnswer:
    """With address and password. Sets the session's cookie."""
    return _answer(await by_password.sign_in(given.email, given.password), scope, response)


@router.post("/sign-in/totp", dependencies=[SameOrigin], openapi_extra=PUBLIC)
async def second_factor(
    given: Code, by_password: ByPassword, scope: Scope, request: Request, response: Response
) -> SignInAnswer:
    """The code of the app, or one from paper, after a right password."""
    cookie = request.cookies.get(scope.sign_in.settings.session_cookie)
    return _answer(await by_password.second_factor(cookie, given.code), scope, response)


@router.post("/passkeys/options", dependencies=[SameOrigin], openapi_extra=PUBLIC)
async def passkey_options(scope: Scope, response: Response) -> dict[str, Any]:
    """A challenge, for the browser's `navigator.credentials.get`. The same for everybody."""
    told, begun = await PasskeyService(scope).assertion_options()
    set_flow_cookie(response, Challenges(scope).seal(_PASSKEY, begun), scope)
    return {"publicKey": told}


@router.post("/passkeys/sign-in", dependencies=[SameOrigin], openapi_extra=PUBLIC)
async def passkey_sign_in(
    given: PasskeyAnswer,
    scope: Scope,
    actor: CurrentActor,
    caller: CurrentCaller,
    request: Request,
    response: Response,
) -> SignInAnswer:
    """With a passkey, which is two factors at once: the device, and what opens it."""
    challenges, settings = Challenges(scope), scope.sign_in.settings
    cookie = request.cookies.get(settings.flow_cookie, "")
    begun = challenges.open(_PASSKEY, cookie, AssertionBegun)
    entered = await Throttle(scope).enter((NETWORK, caller.network))
    await challenges.spend(cookie)
    used = await PasskeyService(scope).verify(begun, given.credential)
    user = await UserRepository(scope.session).locked(used.user_id)
    assert user is not None, "passkeys end before their user"
    await Throttle(scope).forgive(entered)
    clear_cookie(response, settings.flow_cookie, settings)
    arrived = await Arrival(scope, actor, caller).signed_in(user, ("passkey",))
    return _answer(arrived, scope, response)


@router.post("/sign-out", status_code=204, openapi_extra=access(Access.SIGNED_IN))
async def sign_out(scope: Scope, actor: CurrentActor, response: Response) -> None:
    """End this session, here and in the store."""
    user_id, session_id = user_of(actor)
    await SessionService(scope).end(user_id, session_id)
    await scope.audit(actor, "session.ended", object_id=session_id)
    settings = scope.sign_in.settings
    clear_cookie(response, settings.session_cookie, settings)
    # Pages of the account that the browser keeps would still show it.
    response.headers["clear-site-data"] = '"cache"'


@router.post("/sign-up", status_code=202, dependencies=[SameOrigin], openapi_extra=PUBLIC)
async def sign_up(
    given: SignUpWanted, registration: Registrations, scope: Scope, response: Response
) -> CheckMail | SignInAnswer:
    """Ask for an account: a link goes to the address. With an invitation it is made at once."""
    if given.invitation is not None:
        arrived = await registration.sign_up_invited(
            given.invitation, given.email, given.password, given.name, given.locale
        )
        response.status_code = 201
        return _answer(arrived, scope, response)
    began = scope.clock.monotonic()
    await registration.sign_up(given.email, given.password, given.name, given.locale)
    await _until_floor(scope, began)
    return CheckMail()


@router.post("/verify-email", dependencies=[SameOrigin], openapi_extra=PUBLIC)
async def verify_email(given: Token, registration: Registrations) -> Done:
    """Make the account that was asked for. Sign in next: whoever opens a link need not be the one
    who chose the password."""
    await registration.verify(given.token)
    return Done()


@router.post("/password-reset", status_code=202, dependencies=[SameOrigin], openapi_extra=PUBLIC)
async def password_reset(given: Address, registration: Registrations, scope: Scope) -> CheckMail:
    """Ask for a link that sets a new password."""
    began = scope.clock.monotonic()
    await registration.ask_reset(given.email)
    await _until_floor(scope, began)
    return CheckMail()


@router.post("/password-reset/confirm", dependencies=[SameOrigin], openapi_extra=PUBLIC)
async def confirm_password_reset(given: NewPassword, registration: Registrations) -> Done:
    """Set the new password. Every session of the account ends."""
    await registration.reset(given.token, given.password)
    return Done()


@router.get("/oidc/start", status_code=303, openapi_extra=PUBLIC)
async def oidc_start(
    scope: Scope,
    return_to: Annotated[str, Query(max_length=500, description="A path of this site.")] = "/",
    invitation: Annotated[str | None, Query(max_length=100)] = None,
    fresh: Annotated[bool, Query(description="Be asked who you are, though known.")] = False,
) -> Response:
    """Send the browser to the identity provider."""
    url, begun = await OidcTrip(scope).begin(_own_path(return_to), invitation, fresh=fresh)
    response = RedirectResponse(url, 303)
    set_flow_cookie(response, Challenges(scope).seal(_OIDC, begun), scope)
    return response


@router.get("/oidc/callback", status_code=303, openapi_extra=PUBLIC)
async def oidc_callback(
    scope: Scope, changes: Changes, actor: CurrentActor, caller: CurrentCaller, request: Request
) -> Response:
    """Where the identity provider sends the browser back. Always leads to a page of this site."""
    settings = scope.sign_in.settings
    cookie = request.cookies.get(settings.flow_cookie, "")
    told = dict(request.query_params)
    response: Response
    try:
        trip = OidcTrip(scope)
        begun = Challenges(scope).open(_OIDC, cookie, OidcBegun)
        person = await trip.finish(begun, told)
        await Challenges(scope).spend(cookie)
        arrived = await SingleSignOn(scope, changes, actor, caller).arrive(begun, person)
    except GatewayError as error:
        why = error.why if isinstance(error, IdTokenRefused) else error.code
        log.warning("single_sign_on_failed", why=why, ip=caller.ip, request_id=caller.request_id)
        # A page, not JSON: a person looks at this. Not a redirect: what has a status below 400 is
        # committed (http/unit_of_work.py).
        where = f"{settings.public_url}/sign-in?error={error.code}"
        response = HTMLResponse(_GO_ON.format(url=html.escape(where, quote=True)), error.status)
    else:
        response = RedirectResponse(settings.public_url + begun.return_to, 303)
        set_session_cookie(response, arrived.issued, scope)
    clear_cookie(response, settings.flow_cookie, settings)
    return response


WRITING_GETS: Final = frozenset((CALLBACK,))
"""A browser comes back with GET, and a session begins (http/unit_of_work.py)."""


def _answer(arrived: Arrived, scope: ControlScope, response: Response) -> SignInAnswer:
    set_session_cookie(response, arrived.issued, scope)
    if arrived.factors:
        return SignInAnswer(status="second_factor", factors=list(arrived.factors))
    return SignInAnswer(status="signed_in", csrf_token=arrived.issued.csrf_token)


def _own_path(text: str) -> str:
    """A path of this site, or the start: nobody is sent elsewhere from here."""
    plain = text.isascii() and text.isprintable() and "\\" not in text
    return text if plain and text.startswith("/") and not text.startswith("//") else "/"


async def _until_floor(scope: ControlScope, began: float) -> None:
    """Wait out the rest of the floor, with nothing held: what was written is committed first."""
    await scope.session.commit()
    await asyncio.sleep(max(0.0, _LETTER_FLOOR_S - (scope.clock.monotonic() - began)))
