"""Google Vertex AI: Claude in its envelope, and the issuer of tokens. Gemini is the Gemini wire's.

`/vertex/v1/projects/{p}/locations/{l}/publishers/anthropic/models/{m}:rawPredict`, and a token of
`/vertex/token` or any other as a Bearer.
"""

from __future__ import annotations

import base64
import binascii
import re
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qs, unquote

from opengateway.kit import json
from opengateway.simulator.anthropic.wire import AnthropicSimulator
from opengateway.simulator.faults import Fault
from opengateway.simulator.ledger import Record
from opengateway.simulator.link import Scope
from opengateway.simulator.personas import Refusal
from opengateway.simulator.serving import Incoming, Prepared

TOKEN_PATH = "/vertex/token"
VERSION = "vertex-2023-10-16"
LIFE_S = 3600
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_PLACE = r"/vertex/v1(?:beta1)?/projects/[^/]+/locations/[^/]+/publishers"
_CLAUDE = re.compile(
    _PLACE + r"/anthropic/models/(?P<model>[^/:]+):(?P<action>rawPredict|streamRawPredict)"
)
_GEMINI = re.compile(_PLACE + r"/google/models/.*")


class VertexClaudeSimulator(AnthropicSimulator):
    """Messages without a model, whose version stands in the body."""

    prefix = "/vertex/"

    def arrived(self, scope: Scope, body: bytes) -> Incoming | dict[str, Any]:
        """A request to answer. Raises `Refusal`."""
        headers = dict(scope["headers"])
        given = headers.get(b"authorization", b"").decode("latin-1")
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Refusal("missing_key")
        if token.startswith("bad-key"):
            raise Refusal("bad_bearer")
        found = _CLAUDE.fullmatch(scope["path"])
        if found is None:
            raise Refusal("not_found")
        if scope["method"] != "POST":
            raise Refusal("method")
        return Incoming(
            self.persona,
            None,
            scope["path"],
            token.strip(),
            body,
            headers,
            found["action"],
            model=unquote(found["model"]),
            stream=found["action"] == "streamRawPredict",
        )

    def prepare(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        """Raises `Refusal`."""
        if not isinstance(body, dict):
            raise Refusal("plain", (), message="The request body must be a JSON object.")
        if body.get("anthropic_version") != VERSION:
            raise Refusal("missing", ("anthropic_version",))
        if "model" in body:
            raise Refusal("unknown_member", ("model",), name="model")
        if bool(body.get("stream")) is not incoming.stream:
            what = "stream: must be true for streamRawPredict, and only there"
            raise Refusal("plain", (), message=what)
        asked = {name: value for name, value in body.items() if name != "anthropic_version"}
        asked["model"] = (incoming.model or "").partition("@")[0]
        inner = Incoming(
            incoming.persona, None, incoming.path, incoming.key, b"", incoming.headers, "messages"
        )
        return super().prepare(inner, asked, record, fault)


def on_gemini(scope: Scope) -> Scope:
    """Where Gemini is asked for at Vertex AI's address, the Gemini wire's own."""
    path = scope["path"]
    if not _GEMINI.fullmatch(path):
        return scope
    return {**scope, "path": "/gemini" + path.removeprefix("/vertex")}


def exchanged(form: bytes, now_s: int) -> tuple[int, dict[str, Any]]:
    """Status and body for a statement of an account: a token, if its form and time are right.

    The key that signed it is known to nobody here: RS256 is looked for, not verified.
    """
    told = parse_qs(form.decode("latin-1"), max_num_fields=10)
    if told.get("grant_type") != [_GRANT]:
        return 400, {"error": "unsupported_grant_type", "error_description": "Invalid grant_type"}
    parts = told.get("assertion", [""])[0].split(".")
    try:
        head, claims, signature = (base64.urlsafe_b64decode(p + "=" * (-len(p) % 4)) for p in parts)
        header, said = json.loads(head), json.loads(claims)
        is_right = header["alg"] == "RS256" and len(signature) >= 128 and said["scope"]
        is_right = is_right and said["iat"] <= now_s + 60 and now_s < said["exp"] <= now_s + 3660
        account = str(said["iss"])
    except (ValueError, TypeError, KeyError, binascii.Error, json.DecodeError):
        is_right, account = False, ""
    if not is_right or not account:
        return 400, {"error": "invalid_grant", "error_description": "Invalid JWT"}
    digest = blake2b(f"{account}\0{now_s}".encode(), digest_size=16).hexdigest()
    return 200, {"access_token": f"ya29.{digest}", "expires_in": LIFE_S, "token_type": "Bearer"}
