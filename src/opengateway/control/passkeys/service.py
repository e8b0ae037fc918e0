"""Passkeys (WebAuthn level 3): made and used with the user verified, so that one is two factors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final

import msgspec
import webauthn
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from webauthn.helpers import options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from opengateway.control.identity.settings import SignInSettings
from opengateway.control.passkeys.models import Passkey
from opengateway.control.scope import ControlScope
from opengateway.control.teams.service import tidy_name
from opengateway.domain.errors import Conflict, InvalidRequest, NotAuthenticated, NotFound
from opengateway.kit.chance import random_bytes

MAX_PASSKEYS: Final = 10
"""Of one user."""
_TRANSPORTS: Final = frozenset(("usb", "nfc", "ble", "smart-card", "hybrid", "internal"))
_MALFORMED: Final = (WebAuthnException, ValueError, TypeError, KeyError, IndexError, EOFError)
"""What the library raises for bytes that a stranger made up."""


class RegistrationBegun(msgspec.Struct, frozen=True):
    user_id: str
    challenge: bytes


class AssertionBegun(msgspec.Struct, frozen=True):
    """`user_id` where somebody signed in proves who they are again; else anybody's passkey."""

    challenge: bytes
    user_id: str | None = None


class PasskeyNotFound(NotFound):
    code = "passkey_not_found"


class PasskeyRefused(NotAuthenticated):
    code = "passkey_refused"

    def __init__(self) -> None:
        super().__init__("this passkey is not known here, or its answer is not right")


class TooManyPasskeys(Conflict):
    code = "too_many_passkeys"


def are_possible(settings: SignInSettings) -> bool:
    """Browsers make passkeys for names over TLS and for localhost; never for bare addresses."""
    try:
        ip_address(settings.host)
    except ValueError:
        return settings.secure or settings.host == "localhost"
    return False


class PasskeyService:
    """The caller owns the transaction, and keeps what was begun (`control/challenges`)."""

    def __init__(self, scope: ControlScope) -> None:
        self._scope = scope
        self._session = scope.session
        self._settings = scope.sign_in.settings

    async def of_user(self, user_id: str) -> Sequence[Passkey]:
        statement = select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)
        return (await self._session.scalars(statement)).all()

    async def registration_options(
        self, user_id: str, email: str, name: str
    ) -> tuple[dict[str, Any], RegistrationBegun]:
        """What the browser's `navigator.credentials.create` takes. Raises `TooManyPasskeys`."""
        known = await self.of_user(user_id)
        if len(known) >= MAX_PASSKEYS:
            raise TooManyPasskeys(f"an account has at most {MAX_PASSKEYS} passkeys; remove one")
        begun = RegistrationBegun(user_id, random_bytes(32))
        options = webauthn.generate_registration_options(
            rp_id=self._settings.host,
            rp_name="OpenGateway",
            # Not the address: the device keeps it, and shows it to whoever holds the device.
            user_id=user_id.encode(),
            user_name=email,
            user_display_name=name,
            challenge=begun.challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=p.credential_id) for p in known],
        )
        return options_to_json_dict(options), begun

    async def register(
        self, begun: RegistrationBegun, credential: Mapping[str, Any], name: str
    ) -> Passkey:
        """Keep what the device made. Raises `InvalidRequest`, `TooManyPasskeys`."""
        try:
            made = webauthn.verify_registration_response(
                credential=dict(credential),
                expected_challenge=begun.challenge,
                expected_rp_id=self._settings.host,
                expected_origin=self._settings.origin,
                require_user_verification=True,
            )
        except _MALFORMED:
            raise InvalidRequest(
                "the device's answer is not right; begin again", code="passkey_refused"
            ) from None
        if len(await self.of_user(begun.user_id)) >= MAX_PASSKEYS:
            raise TooManyPasskeys(f"an account has at most {MAX_PASSKEYS} passkeys; remove one")
        row = Passkey(
            id=self._scope.new_id("pkey_"),
            user_id=begun.user_id,
            credential_digest=_digest(made.credential_id),
            credential_id=made.credential_id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            transports=_transports(credential),
            backed_up=made.credential_backed_up,
            name=tidy_name(name or "Passkey", param="name"),
            created_at_ns=self._scope.clock.now_ns(),
        )
        self._session.add(row)
        try:
            await self._session.flush()
        except IntegrityError:
            raise InvalidRequest(
                "this passkey is registered already", code="passkey_refused"
            ) from None
        return row

    async def assertion_options(
        self, user_id: str | None = None
    ) -> tuple[dict[str, Any], AssertionBegun]:
        """What `navigator.credentials.get` takes. Names nobody's passkeys to a stranger."""
        known = await self.of_user(user_id) if user_id else ()
        begun = AssertionBegun(random_bytes(32), user_id)
        options = webauthn.generate_authentication_options(
            rp_id=self._settings.host,
            challenge=begun.challenge,
            user_verification=UserVerificationRequirement.REQUIRED,
            allow_credentials=[PublicKeyCredentialDescriptor(id=p.credential_id) for p in known],
        )
        return options_to_json_dict(options), begun

    async def verify(self, begun: AssertionBegun, credential: Mapping[str, Any]) -> Passkey:
        """The passkey that signed the challenge. Raises `PasskeyRefused`."""
        row = await self._find(credential)
        if row is None or (begun.user_id is not None and row.user_id != begun.user_id):
            raise PasskeyRefused
        known = row.sign_count
        try:
            answer = webauthn.verify_authentication_response(
                credential=dict(credential),
                expected_challenge=begun.challenge,
                expected_rp_id=self._settings.host,
                expected_origin=self._settings.origin,
                credential_public_key=row.public_key,
                credential_current_sign_count=known,
                require_user_verification=True,
            )
        except _MALFORMED:
            raise PasskeyRefused from None
        # The device says whose it is where it can; another's name means that something is wrong.
        handle = _text(credential, "response", "userHandle")
        if handle and webauthn.base64url_to_bytes(handle) != row.user_id.encode():
            raise PasskeyRefused
        statement = (
            update(Passkey)
            .where(Passkey.id == row.id, Passkey.sign_count == known)
            .values(
                sign_count=answer.new_sign_count,
                backed_up=answer.credential_backed_up,
                used_at_ns=self._scope.clock.now_ns(),
            )
            .returning(Passkey.id)
        )
        if await self._session.scalar(statement) is None:
            raise PasskeyRefused  # used by another request at the same time
        return row

    async def remove(self, user_id: str, passkey_id: str) -> None:
        """Raises `PasskeyNotFound`, for another's as for none."""
        statement = (
            delete(Passkey)
            .where(Passkey.id == passkey_id, Passkey.user_id == user_id)
            .returning(Passkey.id)
        )
        if await self._session.scalar(statement) is None:
            raise PasskeyNotFound(f"there is no passkey {passkey_id!r}", param="passkey_id")

    async def remove_all(self, user_id: str) -> None:
        await self._session.execute(delete(Passkey).where(Passkey.user_id == user_id))

    async def _find(self, credential: Mapping[str, Any]) -> Passkey | None:
        text = credential.get("id")
        if not isinstance(text, str) or len(text) > 1_400:
            return None
        try:
            digest = _digest(webauthn.base64url_to_bytes(text))
        except ValueError:
            return None
        statement = select(Passkey).where(Passkey.credential_digest == digest)
        found: Passkey | None = await self._session.scalar(statement)
        return found


def _digest(credential_id: bytes) -> str:
    return hashlib.sha256(credential_id).hexdigest()


def _transports(credential: Mapping[str, Any]) -> list[str]:
    response = credential.get("response")
    told = response.get("transports") if isinstance(response, Mapping) else None
    return sorted(t for t in _TRANSPORTS if t in told) if isinstance(told, list) else []


def _text(credential: Mapping[str, Any], *path: str) -> str | None:
    found: Any = credential
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None
