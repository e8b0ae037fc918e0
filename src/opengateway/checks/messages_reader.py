"""A recorded Messages request as a caller's: through the dialect, into the canonical form."""

from __future__ import annotations

from typing import Final

from opengateway.dialects.anthropic_messages import decode
from opengateway.dialects.anthropic_messages.canonical import canonical_request
from opengateway.domain.canonical import CanonicalRequest
from opengateway.kit.json import JsonObject, dumps

TEAM: Final = "team_replay"


def read_messages(body: JsonObject) -> CanonicalRequest:
    """A cloud names the model in the address: then the body has none. Raises `InvalidRequest`."""
    chat = decode(dumps({"model": "recorded", **body}), {}, takes_all=True)
    return canonical_request(chat, TEAM)
