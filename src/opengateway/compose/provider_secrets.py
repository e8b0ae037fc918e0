"""What credentials hold: read at the start, so that a missing one stops it and not a request.

Four forms: a key, a token, AWS's access key (which signs each request), and Google's service account
(which fetches tokens).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import msgspec

from opengateway.catalog.config import CredentialConfig, ProviderConfig
from opengateway.catalog.secret_forms import is_word
from opengateway.compose.egress import host_of, is_inside
from opengateway.compose.faults import Faults, join
from opengateway.compose.references import (
    BadReference,
    MissingReference,
    References,
    is_reference,
)
from opengateway.kit.json import DecodeError, loads
from opengateway.kit.sigv4 import AwsKey

_AWS: Final = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_GOOGLE: Final = ".googleapis.com"
_PLAIN: Final = frozenset(("aws_access_key_id",))
"""What may stand in the file itself."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """`reference` is where it is read again: what is in a file may be renewed by others."""

    token: str = field(repr=False)
    reference: str


@dataclass(frozen=True, slots=True)
class AwsKeys:
    key: AwsKey
    region: str | None


class ServiceAccount(msgspec.Struct, frozen=True):
    """The members of Google's key file that are needed."""

    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"
    private_key_id: str = ""

    def __repr__(self) -> str:
        return f"ServiceAccount({self.client_email!r})"


Secret = str | AccessToken | AwsKeys | ServiceAccount
"""A plain string is a key."""
Secrets = dict[str, dict[str, Secret]]


def read_secrets(
    providers: dict[str, ProviderConfig], references: References, use: str, faults: Faults
) -> Secrets:
    """Every credential's secret; optional ones that are absent are left out."""
    found: Secrets = {}
    for provider_id, provider in providers.items():
        for index, credential in enumerate(provider.credentials):
            path = f"{join('providers', provider_id)}.credentials[{index}]"
            secret = _Reader(credential, references, use, path, faults).read()
            if secret is not None:
                found.setdefault(provider_id, {})[credential.name] = secret
    return found


def check_issuers(secrets: Secrets, allow: tuple[str, ...], faults: Faults) -> None:
    """A key is used at Google's alone: a file from elsewhere could name any address."""
    for provider_id, named in secrets.items():
        for name, secret in named.items():
            if isinstance(secret, ServiceAccount) and (
                problem := token_uri_problem(secret.token_uri, allow)
            ):
                faults.add(f"{join('providers', provider_id)}.credentials", f"{name}: {problem}")


def token_uri_problem(uri: str, allow: tuple[str, ...]) -> str | None:
    """What keeps a key from being used at `uri`: a file from elsewhere could name any address."""
    parts = urlsplit(uri)
    host = parts.hostname or ""
    if parts.scheme == "https" and host.endswith(_GOOGLE) and parts.username is None:
        return None
    if parts.scheme in ("http", "https") and host and is_inside(host_of(uri), allow):
        return None
    return (
        f"its token_uri leads to {host[:100]!r}, which is not Google's; list it in outbound.allow if"
        " that is meant"
    )


def kind_of(secret: Secret | None) -> str:
    """What a credential is, for people; empty for a plain key."""
    match secret:
        case AccessToken():
            return "access token"
        case AwsKeys():
            return "signs each request"
        case ServiceAccount():
            return f"service account {secret.client_email}"
        case _:
            return ""


class _Reader:
    """One credential. None is what is absent or wrong, and the latter is noted."""

    __slots__ = ("_credential", "_faults", "_path", "_references", "_use")

    def __init__(
        self,
        credential: CredentialConfig,
        references: References,
        use: str,
        path: str,
        faults: Faults,
    ) -> None:
        self._credential = credential
        self._references = references
        self._use = use
        self._path = path
        self._faults = faults

    def read(self) -> Secret | None:
        credential = self._credential
        if credential.api_key is not None:
            return self._word("api_key")
        if credential.access_token is not None:
            token = self._word("access_token")
            return None if token is None else AccessToken(token, credential.access_token)
        if credential.service_account is not None:
            return self._account()
        if credential.aws_access_key_id is None or credential.aws_secret_access_key is None:
            return None  # the zone's rules tell of it
        words = [self._word(name) for name in _AWS if getattr(credential, name) is not None]
        if None in words:
            return None
        key_id, secret, *session = [word for word in words if word is not None]
        return AwsKeys(AwsKey(key_id, secret, session[0] if session else None), credential.region)

    def _word(self, member: str) -> str | None:
        text: str = getattr(self._credential, member)
        if member in _PLAIN and not is_reference(text):
            return text if self._is_word(member, text) else None
        secret = self._text(member)
        return secret if secret is not None and self._is_word(member, secret) else None

    def _is_word(self, member: str, secret: str) -> bool:
        is_one = is_word(secret)
        if not is_one:
            problem = "what it points at is no key: it holds spaces or line breaks"
            self._faults.add(f"{self._path}.{member}", problem)
        return is_one

    def _text(self, member: str) -> str | None:
        text: str = getattr(self._credential, member)
        path = f"{self._path}.{member}"
        if not is_reference(text):
            self._faults.add(
                path,
                "a secret may not stand in this file; put it into a variable and write env:NAME,"
                " or into a file and write file:PATH",
            )
            return None
        if self._use == "env" and text.startswith("file:"):
            self._faults.add(path, "components.secrets is env: write env:NAME, not file:PATH")
            return None
        try:
            return self._references.read(text)
        except BadReference as error:
            missing = isinstance(error, MissingReference)
            if not (self._credential.optional and missing):
                self._faults.add(path, f"{error}{', or add optional: true' if missing else ''}")
            return None

    def _account(self) -> ServiceAccount | None:
        text = self._text("service_account")
        if text is None:
            return None
        try:
            account = msgspec.convert(loads(text), ServiceAccount)
        except (DecodeError, RecursionError):
            account = None
        if account is None or "PRIVATE KEY" not in account.private_key:
            problem = "what it points at is not the JSON key file of a Google service account"
            self._faults.add(f"{self._path}.service_account", problem)
            return None
        return account
