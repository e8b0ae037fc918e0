"""AWS Signature Version 4 over one request: headers that prove who sent it. Pure.

Source: the AWS general reference, "Signature Version 4 signing process", and its published test
suite, which the tests hold. As every service but S3 wants it: the path is encoded once more than it
is sent, and its dot segments are resolved.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final
from urllib.parse import quote, unquote, urlsplit

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_UNRESERVED: Final = "-_.~"


@dataclass(frozen=True, slots=True)
class AwsKey:
    """An access key. `session_token` comes with temporary ones."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SignatureScope:
    """What a signature is good for, beside its day."""

    region: str
    service: str


def signed_headers(
    key: AwsKey,
    scope: SignatureScope,
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    at_s: int,
) -> dict[str, str]:
    """The headers to add, in lower case: `authorization`, `x-amz-date` and, with a session, its
    token. `at_s` is Unix time.

    Of `headers` the content type and what begins with `x-amz-` are signed, and must be sent as
    given. `url` is as it is sent, quoted.
    """
    moment = datetime.fromtimestamp(at_s, UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"x-amz-date": moment}
    if key.session_token is not None:
        added["x-amz-security-token"] = key.session_token
    lowered = {name.lower(): value for name, value in headers.items()}
    signed = {
        name: " ".join(value.split())
        for name, value in {**lowered, **added, "host": _host(url)}.items()
        if name in ("host", "content-type") or name.startswith("x-amz-")
    }
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        (
            method.upper(),
            _path(urlsplit(url).path),
            _query(urlsplit(url).query),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            sha256(body).hexdigest(),
        )
    )
    place = f"{moment[:8]}/{scope.region}/{scope.service}/aws4_request"
    told = "\n".join((_ALGORITHM, moment, place, sha256(canonical.encode()).hexdigest()))
    signing = _signing_key(key.secret_access_key, moment[:8], scope.region, scope.service)
    signature = hmac.new(signing, told.encode(), sha256).hexdigest()
    added["authorization"] = (
        f"{_ALGORITHM} Credential={key.access_key_id}/{place}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return added


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Good for a day."""
    made = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        made = hmac.new(made, part.encode(), sha256).digest()
    return made


def _host(url: str) -> str:
    """As HTTP clients write it: without the scheme's usual port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    usual = parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme)
    return host if usual else f"{host}:{parts.port}"


def _path(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment and segment != ".":
            kept.append(quote(segment, safe=_UNRESERVED))
    made = "/" + "/".join(kept)
    return made + "/" if kept and path.endswith(("/", "/.", "/..")) else made


def _query(query: str) -> str:
    pairs = []
    for one in query.split("&") if query else ():
        name, _, value = one.partition("=")
        pairs.append(tuple(quote(unquote(part), safe=_UNRESERVED) for part in (name, value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
