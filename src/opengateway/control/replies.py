"""Answers that are encoded by msgspec: domain structs go out as they are, without a second model."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Response

from opengateway.kit import json

MAX_WAIT_S: Final = 60.0
"""The longest that a reader may ask to wait."""


class JsonReply(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content)
