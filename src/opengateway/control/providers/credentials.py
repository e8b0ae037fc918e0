"""Credentials at providers: the platform's and teams' own, sealed from the moment they come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from sqlalchemy.exc import IntegrityError

from opengateway.catalog.secret_forms import FORMS, form_problems, is_word
from opengateway.control.actor import Actor
from opengateway.control.conditions import must_match
from opengateway.control.providers.models import CredentialRow
from opengateway.control.providers.repository import PLATFORM, ProviderRepository
from opengateway.control.providers.tools import DeskTools
from opengateway.control.scope import ControlScope
from opengateway.domain.catalog import Wire
from opengateway.domain.errors import Conflict, InvalidRequest, NotFound
from opengateway.domain.vault import ProviderSecret, purpose_of
from opengateway.kit import envelope
from opengateway.kit.addresses import OutboundRules
from opengateway.ports.provider_probe import ProbeResult

MAX_CREDENTIALS: Final = 20_000
MAX_OF_OWNER: Final = {True: 500, False: 50}
"""Of the platform, and of a team."""
_decode: Final = msgspec.json.Decoder(ProviderSecret).decode


class CredentialNotFound(NotFound):
    code = "credential_not_found"


class CredentialExists(Conflict):
    code = "credential_exists"


class TooManyCredentials(Conflict):
    code = "too_many_credentials"


class CredentialService:
    """Of one owner: `team_id`, or the platform. The caller owns the transaction."""

    def __init__(
        self, scope: ControlScope, actor: Actor, tools: DeskTools, team_id: str | None = None
    ) -> None:
        self._rows = ProviderRepository(scope.session)
        self._scope = scope
        self._actor = actor
        self._tools = tools
        self._team_id = team_id
        self._owner = team_id or PLATFORM

    async def all(self) -> Sequence[CredentialRow]:
        return await self._rows.credentials_of(self._owner)

    async def get(self, credential_id: str) -> CredentialRow:
        """Raises `CredentialNotFound`, for another owner's too."""
        row = await self._rows.credential(self._owner, credential_id)
        if row is None:
            raise CredentialNotFound(
                f"there is no credential {credential_id!r}", param="credential_id"
            )
        return row

    async def add(
        self,
        provider_id: str,
        wire: Wire,
        name: str,
        secret: ProviderSecret,
        *,
        preferred: bool = True,
        spend_cap_nanos: int | None = None,
        spend_cap_period: str | None = None,
    ) -> CredentialRow:
        """Raises `InvalidRequest`, `CredentialExists`, `TooManyCredentials`."""
        check_secret(secret, wire, self._tools.rules)
        zones = self._tools.zone.providers.get(provider_id)
        taken = {credential.name for credential in zones.credentials} if zones else set()
        if self._team_id is None and name in taken:
            raise CredentialExists(
                f"the zone file has a credential {name!r} of {provider_id!r}", param="name"
            )
        await self._check_room()
        now_ns = self._scope.clock.now_ns()
        credential_id = self._scope.new_id("cred_")
        row = CredentialRow(
            id=credential_id,
            provider_id=provider_id,
            owner=self._owner,
            team_id=self._team_id,
            name=name,
            form=_form_of(secret),
            hint=secret.hint,
            sealed=self._seal(provider_id, credential_id, secret),
            preferred=preferred,
            disabled=False,
            spend_cap_nanos=spend_cap_nanos,
            spend_cap_period=spend_cap_period,
            created_at_ns=now_ns,
            updated_at_ns=now_ns,
        )
        try:
            await self._rows.add(row)
        except IntegrityError as error:
            raise CredentialExists(
                f"there is a credential {name!r} of {provider_id!r}", param="name"
            ) from error
        await self._tools.applied(self._scope)
        await self._note("credential.created", row, None, told(row))
        return row

    async def change(
        self, credential_id: str, wanted: dict[str, Any], *, if_match: str | None
    ) -> CredentialRow:
        """Set columns. Raises `CredentialNotFound`, `InvalidRequest`, `PreconditionFailed`."""
        row = await self.get(credential_id)
        must_match(if_match, row.version)
        before = told(row)
        for column, value in wanted.items():
            setattr(row, column, value)
        if (row.spend_cap_nanos is None) != (row.spend_cap_period is None):
            raise InvalidRequest("a spend cap has an amount and a period", param="spend_cap_usd")
        after = told(row)
        if after != before:
            row.updated_at_ns = self._scope.clock.now_ns()
            await self._tools.applied(self._scope)
            await self._note("credential.changed", row, before, after)
        return row

    async def rotate(
        self, credential_id: str, wire: Wire, secret: ProviderSecret, *, if_match: str | None
    ) -> CredentialRow:
        """Another secret in its place; gateways use it with the next snapshot.

        Raises `CredentialNotFound`, `InvalidRequest`, `PreconditionFailed`.
        """
        row = await self.get(credential_id)
        must_match(if_match, row.version)
        check_secret(secret, wire, self._tools.rules)
        now_ns = self._scope.clock.now_ns()
        before = told(row)
        row.sealed = self._seal(row.provider_id, row.id, secret)
        row.form, row.hint = _form_of(secret), secret.hint
        row.rotated_at_ns = row.updated_at_ns = now_ns
        row.tested_at_ns = row.test_result = None
        await self._tools.applied(self._scope)
        await self._note("credential.rotated", row, before, told(row))
        return row

    async def delete(self, credential_id: str, *, if_match: str | None) -> None:
        """Raises `CredentialNotFound`, `PreconditionFailed`."""
        row = await self.get(credential_id)
        must_match(if_match, row.version)
        await self._rows.remove(row)
        await self._tools.applied(self._scope)
        await self._note("credential.deleted", row, told(row), None)

    def opened(self, row: CredentialRow) -> ProviderSecret:
        """What it is: for a test alone. Raises `Unsealable`, `BadEnvelope`."""
        purpose = purpose_of(row.provider_id, row.id)
        return _decode(envelope.unseal(row.sealed, purpose, self._scope.secret_box.open))

    async def tested(self, credential_id: str, result: ProbeResult) -> CredentialRow:
        """Keep what a test said."""
        row = await self.get(credential_id)
        row.tested_at_ns = self._scope.clock.now_ns()
        row.test_result = msgspec.to_builtins(result)
        await self._scope.session.flush()
        await self._note("credential.tested", row, None, {"ok": result.ok, "error": result.error})
        return row

    async def rewrap(self) -> int:
        """Close every envelope's key under the newest key of the zone. How many of all owners."""
        box = self._scope.secret_box
        rows = await self._rows.all_credentials()
        for row in rows:
            purpose = purpose_of(row.provider_id, row.id)
            row.sealed = envelope.rewrap(row.sealed, purpose, box.open, box.seal)
        await self._scope.session.flush()
        self._scope.after_commit(self._tools.publisher.changed)
        await self._scope.audit(
            self._actor, "credentials.rewrapped", object_id=None, after={"count": len(rows)}
        )
        return len(rows)

    async def _check_room(self) -> None:
        of_owner = MAX_OF_OWNER[self._team_id is None]
        if await self._rows.count_credentials(owner=self._owner) >= of_owner:
            raise TooManyCredentials(f"there are {of_owner} credentials; delete one first")
        if await self._rows.count_credentials() >= MAX_CREDENTIALS:
            raise TooManyCredentials("the zone holds as many credentials as it can")

    def _seal(self, provider_id: str, credential_id: str, secret: ProviderSecret) -> bytes:
        plain = msgspec.json.encode(secret)
        purpose = purpose_of(provider_id, credential_id)
        return envelope.seal(plain, purpose, self._scope.secret_box.seal)

    async def _note(self, action: str, row: CredentialRow, before: Any, after: Any) -> None:
        await self._scope.audit(
            self._actor,
            action,
            object_id=row.id,
            before=before,
            after=after,
            team_id=self._team_id,
        )


def told(row: CredentialRow) -> dict[str, Any]:
    """A credential as the audit log keeps it: nothing of the secret, not even its end."""
    names = ("provider_id", "name", "form", "preferred", "disabled")
    return {
        **{name: getattr(row, name) for name in names},
        "spend_cap_nanos": row.spend_cap_nanos,
        "spend_cap_period": row.spend_cap_period,
    }


def _form_of(secret: ProviderSecret) -> str:
    return next(name for name in FORMS if getattr(secret, name) is not None)


def check_secret(secret: ProviderSecret, wire: Wire, rules: OutboundRules) -> None:
    """Raises `InvalidRequest`, which repeats nothing of it."""
    for problem in form_problems(secret, wire):
        raise InvalidRequest(problem, param="secret")
    for name in (*FORMS, "aws_secret_access_key", "aws_session_token"):
        value = getattr(secret, name)
        if value is not None and name != "service_account" and not is_word(value):
            raise InvalidRequest(
                f"'{name}' is no key: it is empty, or holds spaces, line breaks or other letters",
                param=f"secret.{name}",
            )
    if secret.service_account is not None:
        _check_account(secret.service_account, rules)


class _Account(msgspec.Struct):
    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"


def _check_account(text: str, rules: OutboundRules) -> None:
    try:
        account = msgspec.json.decode(text, type=_Account)
    except (msgspec.MsgspecError, RecursionError):
        account = None
    if account is None or "PRIVATE KEY" not in account.private_key:
        raise InvalidRequest(
            "'service_account' is not the JSON key file of a Google service account",
            param="secret.service_account",
        )
    parts = urlsplit(account.token_uri)
    host = parts.hostname or ""
    is_googles = (
        parts.scheme == "https" and host.endswith(".googleapis.com") and parts.username is None
    )
    # A file from elsewhere could name any address, and the key would be used there.
    if not is_googles and not (parts.scheme in ("http", "https") and rules.names(host)):
        raise InvalidRequest(
            "'token_uri' of the service account does not lead to Google",
            param="secret.service_account",
        )
