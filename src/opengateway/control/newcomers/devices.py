"""What a browser is known by when it makes teams: a random cookie of ours that says nothing else."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Cookie, Response

from opengateway.control.scope import ControlScope
from opengateway.kit.chance import random_base62

_NAME: Final = "og_device"
_FORM: Final = re.compile(r"[0-9A-Za-z]{32}")
_KEPT_S: Final = 400 * 86_400
"""No browser keeps one for longer (RFC 6265bis, 5.5)."""

Device = Annotated[str, Cookie(max_length=64, include_in_schema=False)]


def known_device(scope: ControlScope, response: Response, told: str) -> str:
    """The cookie that came, or a new one that goes along with the answer."""
    device = told if _FORM.fullmatch(told) else random_base62(32)
    secure = scope.sign_in.settings.public_url.startswith("https://")
    response.set_cookie(
        _NAME, device, max_age=_KEPT_S, httponly=True, secure=secure, samesite="lax", path="/api"
    )
    return device
