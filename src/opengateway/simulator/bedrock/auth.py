"""Who calls: an API key as a Bearer, or a signature (AWS Signature Version 4).

Access keys whose id begins with `AKIASIM` have the simulator's own secret, and their signatures are
verified. Of others the secret is nobody's to know: their signatures must be whole, in form and time.
"""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime
from typing import Final

from opengateway.kit.clock import Clock
from opengateway.kit.sigv4 import AwsKey, SignatureScope, signed_headers
from opengateway.simulator.link import Scope
from opengateway.simulator.personas import Refusal

OWN_IDS: Final = "AKIASIM"
SECRET: Final = "simulator-secret-access-key"
SERVICE: Final = "bedrock"
_SKEW_S: Final = 300
_SIGNED: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[A-Z0-9]{12,128})/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/"
    r"(?P<service>[a-z0-9-]+)/aws4_request, ?SignedHeaders=(?P<names>[a-z0-9;-]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


def caller_of(scope: Scope, body: bytes, clock: Clock) -> str:
    """The key, or the access key's id. Raises `Refusal`."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    given = headers.get("authorization", "")
    kind, _, token = given.partition(" ")
    if kind.lower() == "bearer" and token.strip():
        if token.startswith("bad-key"):
            raise Refusal("unauthorized")
        return str(token.strip())
    if not given:
        raise Refusal("missing_key")
    found = _SIGNED.fullmatch(given)
    if found is None:
        raise Refusal("incomplete_signature")
    if found["key"].startswith("BADKEY"):
        raise Refusal("unauthorized")
    _check_time(headers.get("x-amz-date", ""), found["day"], clock)
    names = found["names"].split(";")
    wanted = {name for name in headers if name.startswith("x-amz-")} | {"host"}
    if found["service"] != SERVICE or not wanted <= set(names):
        raise Refusal("bad_signature")
    if found["key"].startswith(OWN_IDS):
        _check_signature(scope, headers, body, found)
    return str(found["key"])


def _check_time(moment: str, day: str, clock: Clock) -> None:
    try:
        at_s = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise Refusal("incomplete_signature") from None
    if abs(at_s - clock.now_ns() / 1e9) > _SKEW_S or not moment.startswith(day):
        raise Refusal("expired_signature", (), moment=moment)


def _check_signature(
    scope: Scope, headers: dict[str, str], body: bytes, found: re.Match[str]
) -> None:
    moment = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    path = scope["raw_path"].decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    names = found["names"].split(";")
    made = signed_headers(
        AwsKey(found["key"], SECRET, headers.get("x-amz-security-token")),
        SignatureScope(found["region"], found["service"]),
        method=scope["method"],
        url=f"http://{headers.get('host', '')}{path}" + (f"?{query}" if query else ""),
        headers={name: value for name, value in headers.items() if name in names},
        body=body,
        at_s=int(moment.timestamp()),
    )
    expected = _SIGNED.fullmatch(made["authorization"])
    assert expected is not None, "what signs here is what is read here"
    if not hmac.compare_digest(expected["signature"], found["signature"]):
        raise Refusal("bad_signature")
