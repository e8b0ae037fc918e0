"""The end of an account's ways in."""

from __future__ import annotations

from opengateway.control.mail_tokens.service import MailTokens
from opengateway.control.passkeys.service import PasskeyService
from opengateway.control.passwords.service import PasswordService
from opengateway.control.scope import ControlScope
from opengateway.control.second_factors.service import SecondFactors
from opengateway.control.sessions.service import SessionService
from opengateway.control.sign_in.single_sign_on import forget_identities


async def end_sign_in(scope: ControlScope, user_id: str) -> None:
    """End every session and forget every proof: the account is deleted, in this transaction."""
    await SessionService(scope).end_all(user_id)
    await PasswordService(scope).remove(user_id)
    await forget_second_factors(scope, user_id)
    await MailTokens(scope).remove_all(user_id)
    await forget_identities(scope, user_id)


async def forget_second_factors(scope: ControlScope, user_id: str) -> None:
    """Authenticator app, passkeys and recovery codes."""
    await SecondFactors(scope).remove_all(user_id)
    await PasskeyService(scope).remove_all(user_id)
