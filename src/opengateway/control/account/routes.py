"""One's own account over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from opengateway.control.access import Access, access, permits_platform
from opengateway.control.account.schemas import (
    FactorOn,
    Me,
    MePatch,
    MyTeam,
    MyUser,
    NewPasskey,
    NewSession,
    PasskeyList,
    PasskeyMade,
    PasskeyView,
    PasswordChange,
    RecoveryCodes,
    ResetLink,
    SessionList,
    SessionView,
    SteppedUp,
    StepUp,
    TotpBegun,
    TotpCode,
)
from opengateway.control.account.service import REGISTER, STEP_UP, AccountService
from opengateway.control.actor import CurrentActor
from opengateway.control.challenges.service import Challenges
from opengateway.control.changes.routes import Changes
from opengateway.control.conditions import IfMatch, must_match, show_version
from opengateway.control.idempotency.edge import keep_instead
from opengateway.control.identity.caller import CurrentCaller
from opengateway.control.mail.letters import letter
from opengateway.control.mail.outbox import Outbox
from opengateway.control.mail_tokens.service import LASTS_S
from opengateway.control.memberships.departure import delete_account
from opengateway.control.memberships.repository import MembershipRepository
from opengateway.control.passkeys.models import Passkey
from opengateway.control.passkeys.service import PasskeyService
from opengateway.control.passwords.service import PasswordService
from opengateway.control.scope import ControlScope, Scope
from opengateway.control.second_factors import totp
from opengateway.control.second_factors.service import SecondFactors
from opengateway.control.sessions.service import IssuedSession, SessionService, csrf_token
from opengateway.control.sessions.web import (
    clear_cookie,
    require_step_up,
    set_flow_cookie,
    set_session_cookie,
    user_of,
)
from opengateway.control.sign_in.arrival import factors_of, must_be_active
from opengateway.control.sign_in.departure import end_sign_in
from opengateway.control.sign_in.registration import Registration
from opengateway.control.users.models import User
from opengateway.control.users.service import UserService

router = APIRouter(tags=["me"])
SIGNED_IN: Final = access(Access.SIGNED_IN)


async def _account(scope: Scope, actor: CurrentActor, caller: CurrentCaller) -> AccountService:
    return AccountService(scope, actor, caller)


Account = Annotated[AccountService, Depends(_account)]


@router.get("/me", openapi_extra=SIGNED_IN)
async def me(scope: Scope, actor: CurrentActor, request: Request, response: Response) -> Me:
    """Who is signed in, their teams, and the token that what changes something must carry."""
    user_id, session_id = user_of(actor)
    user = await UserService(scope, actor).get(user_id)
    teams = await MembershipRepository(scope.session).teams_of(user_id)
    show_version(response, user.version)
    return Me(
        user=await _told(scope, user),
        teams=[MyTeam(id=team.id, name=team.name, role=role) for team, role in teams],
        platform_role=user.platform_role,
        session_id=session_id,
        step_up_at_ns=actor.step_up_at_ns,
        csrf_token=csrf_token(request.cookies[scope.sign_in.settings.session_cookie]),
    )


@router.patch("/me", openapi_extra=SIGNED_IN)
async def change_me(
    wanted: MePatch,
    scope: Scope,
    actor: CurrentActor,
    response: Response,
    if_match: IfMatch = None,
) -> MyUser:
    """Change the name, or the language of letters."""
    users = UserService(scope, actor)
    user = await users.locked(user_of(actor)[0])
    must_match(if_match, user.version)
    await users.change(user, name=wanted.name, locale=wanted.locale)
    show_version(response, user.version)
    return await _told(scope, user)


@router.delete("/me", status_code=204, dependencies=[require_step_up], openapi_extra=SIGNED_IN)
async def delete_me(
    scope: Scope, actor: CurrentActor, changes: Changes, response: Response
) -> None:
    """Delete the account. 409 while a team has no other owner."""
    user_id, _ = user_of(actor)
    await delete_account(scope, changes, actor, user_id)
    await end_sign_in(scope, user_id)
    settings = scope.sign_in.settings
    clear_cookie(response, settings.session_cookie, settings)


@router.post("/me/password", openapi_extra=SIGNED_IN)
async def change_password(
    wanted: PasswordChange, account: Account, scope: Scope, request: Request, response: Response
) -> NewSession:
    """Set a new password. Every other session ends."""
    issued = await account.change_password(wanted.current, wanted.password)
    keep_instead(request, NewSession(csrf_token=""))
    return NewSession(csrf_token=_renewed(issued, scope, response))


@router.post("/me/totp", dependencies=[require_step_up], openapi_extra=SIGNED_IN)
async def begin_totp(
    account: Account, scope: Scope, actor: CurrentActor, request: Request
) -> TotpBegun:
    """Begin with an authenticator app. It counts once a code of it was confirmed."""
    secret = await SecondFactors(scope).begin_totp(account.user_id)
    user = await UserService(scope, actor).get(account.user_id)
    issuer = f"OpenGateway {scope.zone}"
    keep_instead(request, TotpBegun(secret="", uri=""))
    return TotpBegun(secret=totp.text_of(secret), uri=totp.uri_of(secret, user.email, issuer))


@router.post("/me/totp/confirm", dependencies=[require_step_up], openapi_extra=SIGNED_IN)
async def confirm_totp(
    given: TotpCode, account: Account, scope: Scope, request: Request, response: Response
) -> FactorOn:
    """Put the app in force. From now on its code is asked for after the password."""
    issued, codes = await account.confirm_totp(given.code)
    keep_instead(request, FactorOn(csrf_token="", recovery_codes=None))
    return FactorOn(csrf_token=_renewed(issued, scope, response), recovery_codes=codes)


@router.delete("/me/totp", status_code=204, dependencies=[require_step_up], openapi_extra=SIGNED_IN)
async def remove_totp(account: Account) -> None:
    """Take the app away."""
    await account.remove_totp()


@router.post("/me/recovery-codes", dependencies=[require_step_up], openapi_extra=SIGNED_IN)
async def new_recovery_codes(account: Account, request: Request) -> RecoveryCodes:
    """New codes. Those from before serve no more."""
    keep_instead(request, RecoveryCodes(recovery_codes=None))
    return RecoveryCodes(recovery_codes=await account.new_recovery_codes())


@router.get("/me/passkeys", openapi_extra=SIGNED_IN)
async def list_passkeys(account: Account, scope: Scope) -> PasskeyList:
    """One's passkeys, oldest first."""
    rows = await PasskeyService(scope).of_user(account.user_id)
    return PasskeyList(data=[_passkey(row) for row in rows])


@router.post("/me/passkeys/options", dependencies=[require_step_up], openapi_extra=SIGNED_IN)
async def passkey_options(
    account: Account, scope: Scope, actor: CurrentActor, response: Response
) -> dict[str, Any]:
    """A challenge, for the browser's `navigator.credentials.create`."""
    user = await UserService(scope, actor).get(account.user_id)
    told, begun = await PasskeyService(scope).registration_options(user.id, user.email, user.name)
    set_flow_cookie(response, Challenges(scope).seal(REGISTER, begun), scope)
    return {"publicKey": told}


@router.post(
    "/me/passkeys", status_code=201, dependencies=[require_step_up], openapi_extra=SIGNED_IN
)
async def add_passkey(
    given: NewPasskey, account: Account, scope: Scope, request: Request, response: Response
) -> PasskeyMade:
    """Keep the passkey that the browser made."""
    settings = scope.sign_in.settings
    cookie = request.cookies.get(settings.flow_cookie, "")
    row, issued, codes = await account.add_passkey(cookie, given.credential, given.name)
    clear_cookie(response, settings.flow_cookie, settings)
    keep_instead(request, PasskeyMade(passkey=_passkey(row), csrf_token="", recovery_codes=None))
    return PasskeyMade(
        passkey=_passkey(row), csrf_token=_renewed(issued, scope, response), recovery_codes=codes
    )


@router.delete(
    "/me/passkeys/{passkey_id}",
    status_code=204,
    dependencies=[require_step_up],
    openapi_extra=SIGNED_IN,
)
async def remove_passkey(passkey_id: str, account: Account) -> None:
    """Take a passkey away."""
    await account.remove_passkey(passkey_id)


@router.post("/me/step-up/options", openapi_extra=SIGNED_IN)
async def step_up_options(account: Account, scope: Scope, response: Response) -> dict[str, Any]:
    """A challenge for one of one's own passkeys."""
    told, begun = await PasskeyService(scope).assertion_options(account.user_id)
    set_flow_cookie(response, Challenges(scope).seal(STEP_UP, begun), scope)
    return {"publicKey": told}


@router.post("/me/step-up", openapi_extra=SIGNED_IN)
async def step_up(given: StepUp, account: Account, scope: Scope, request: Request) -> SteppedUp:
    """Prove again who you are. It serves for 10 minutes."""
    cookie = request.cookies.get(scope.sign_in.settings.flow_cookie, "")
    await account.step_up(
        password=given.password, code=given.code, credential=given.credential, cookie=cookie
    )
    return SteppedUp(step_up_at_ns=scope.clock.now_ns())


@router.get("/me/sessions", openapi_extra=SIGNED_IN)
async def list_sessions(account: Account, scope: Scope) -> SessionList:
    """Where one is signed in, newest first."""
    sessions = SessionService(scope)
    return SessionList(
        data=[
            SessionView(
                id=row.id,
                device=row.device,
                ip=row.ip,
                methods=row.methods,
                created_at_ns=row.created_at_ns,
                seen_at_ns=sessions.last_seen_ns(row),
                expires_at_ns=row.expires_at_ns,
                current=row.id == account.session_id,
            )
            for row in await sessions.live(account.user_id)
        ]
    )


@router.delete("/me/sessions/{session_id}", status_code=204, openapi_extra=SIGNED_IN)
async def end_session(session_id: str, account: Account, scope: Scope, actor: CurrentActor) -> None:
    """Sign a device out."""
    await SessionService(scope).end(account.user_id, session_id)
    await scope.audit(actor, "session.ended", object_id=session_id)


@router.delete("/me/sessions", status_code=204, openapi_extra=SIGNED_IN)
async def end_other_sessions(account: Account, scope: Scope, actor: CurrentActor) -> None:
    """Sign out everywhere else."""
    await SessionService(scope).end_all(account.user_id, but=account.session_id)
    await scope.audit(actor, "session.others_ended", object_id=account.user_id)


@router.post(
    "/admin/users/{user_id}/password-reset",
    dependencies=[require_step_up],
    openapi_extra=permits_platform("users.write"),
)
async def admin_password_reset(
    user_id: str,
    scope: Scope,
    actor: CurrentActor,
    changes: Changes,
    caller: CurrentCaller,
    request: Request,
) -> ResetLink:
    """Send somebody a link that sets a new password; in a zone without mail, be shown it."""
    user = await UserService(scope, actor).get(user_id)
    must_be_active(user)
    link = await Registration(scope, changes, actor, caller).reset_link(user)
    await scope.audit(actor, "password.reset_asked", object_id=user.id)
    keep_instead(request, ResetLink(status="link", link=None))
    if await Outbox(scope).post(letter("reset", user.locale, user.email, link), keep_s=LASTS_S):
        return ResetLink(status="sent", link=None)
    return ResetLink(status="link", link=link)


async def _told(scope: ControlScope, user: User) -> MyUser:
    return MyUser(
        id=user.id,
        email=user.email,
        name=user.name,
        locale=user.locale,
        email_verified=user.email_verified_at_ns is not None,
        created_at_ns=user.created_at_ns,
        has_password=await PasswordService(scope).known_hash(user.id) is not None,
        factors=list(await factors_of(scope, user.id)),
    )


def _passkey(row: Passkey) -> PasskeyView:
    return PasskeyView.model_validate({n: getattr(row, n) for n in PasskeyView.model_fields})


def _renewed(issued: IssuedSession, scope: ControlScope, response: Response) -> str:
    set_session_cookie(response, issued, scope)
    return issued.csrf_token
