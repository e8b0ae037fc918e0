"""Who asks: the end user and the session, as callers of this dialect tell them.

Claude Code puts both into `metadata.user_id`, as `user_..._account_..._session_...` or, later, as
an object in JSON, and the session into a header of its own.
"""

from __future__ import annotations

import re
from typing import Final

from opengateway.kit.json import loads

SESSION_HEADER: Final = "x-claude-code-session-id"
_SESSION: Final = re.compile(r"(.*?)_?session_([A-Za-z0-9-]{8,64})$", re.DOTALL)
_MAX_NAME: Final = 256


def named_in(user_id: str) -> tuple[str, str | None]:
    """The user without the session, and the session where one is told."""
    if (found := _SESSION.match(user_id)) is not None:
        return found[1] or user_id, found[2]
    if user_id.startswith("{"):
        try:
            told = loads(user_id)
        except (ValueError, RecursionError):
            return user_id, None
        if isinstance(told, dict):
            session = told.get("session_id")
            who = [told.get(name) for name in ("account_uuid", "device_id", "user_id")]
            user = "_".join(one for one in who if isinstance(one, str) and one)
            return user or user_id, session if _is_name(session) else None
    return user_id, None


def shown_name(user: str) -> str | None:
    """A user as our records keep one; None for what they do not."""
    return user if _is_name(user) else None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME and value.isprintable()
