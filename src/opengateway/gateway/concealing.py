"""A provider may repeat the credential that it was sent ("incorrect API key: sk-..."): its words go to
callers and into the record, so the credential is taken out first."""

from __future__ import annotations

from typing import Final

from opengateway.domain.errors import UpstreamError
from opengateway.ports.transport import Credential

_HIDDEN: Final = "[redacted]"
_LEAST: Final = 8
"""A shorter secret is not looked for: it would blot out ordinary words."""


def conceal(error: UpstreamError, credential: Credential | None) -> None:
    """Take `credential` out of all that `error` may show. Only failures pay for it."""
    secret = "" if credential is None else credential.secret
    if len(secret) < _LEAST:
        return
    error.message = error.message.replace(secret, _HIDDEN)
    error.detail = error.detail.replace(secret, _HIDDEN)
    error.body = error.body.replace(secret.encode(), _HIDDEN.encode())
    if error.upstream_code is not None:
        error.upstream_code = error.upstream_code.replace(secret, _HIDDEN)
    if error.param is not None:
        error.param = error.param.replace(secret, _HIDDEN)
