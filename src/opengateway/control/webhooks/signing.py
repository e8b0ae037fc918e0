"""Signatures of the Standard Webhooks convention: HMAC-SHA-256 over id, time and body.

https://github.com/standard-webhooks/standard-webhooks, specification 1.0: the headers
`webhook-id`, `webhook-timestamp` (Unix seconds of this try) and `webhook-signature`: one or more
`v1,` and base64, separated by spaces. Secrets are `whsec_` and the key in base64.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from opengateway.kit.chance import random_bytes

PREFIX: Final = "whsec_"
_KEY_BYTES: Final = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(random_bytes(_KEY_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """One `v1,...`."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()


def headers(
    secrets: Sequence[str], message_id: str, timestamp_s: int, body: bytes
) -> dict[str, str]:
    """The three headers. With two secrets, while one is being replaced, there are two signatures."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(
            signature(secret, message_id, timestamp_s, body) for secret in secrets
        ),
    }
