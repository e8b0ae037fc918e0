"""What Google's finish reasons mean (reference: providers, B.3; E23, E24)."""

from __future__ import annotations

from typing import Final, cast

from opengateway.domain.catalog import Profile
from opengateway.domain.chat import FINISH_REASONS, FinishReason
from opengateway.domain.errors import ErrorClass

UNSPECIFIED: Final = "FINISH_REASON_UNSPECIFIED"
"""The enum's zero: nothing was said."""

_FINISHES: Final[dict[str, FinishReason]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "LANGUAGE": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
_FAILURES: Final = {
    "MALFORMED_FUNCTION_CALL": ErrorClass.TOOL_CALL_FAILED,
    "UNEXPECTED_TOOL_CALL": ErrorClass.TOOL_CALL_FAILED,
    "TOO_MANY_TOOL_CALLS": ErrorClass.TOOL_CALL_FAILED,
    "MISSING_THOUGHT_SIGNATURE": ErrorClass.TOOL_CALL_FAILED,
    "MALFORMED_RESPONSE": ErrorClass.TOOL_CALL_FAILED,
    "OTHER": ErrorClass.SERVER_ERROR,
    "IMAGE_OTHER": ErrorClass.SERVER_ERROR,
    "NO_IMAGE": ErrorClass.SERVER_ERROR,
}
"""The answer is not what the model meant to say: never an end."""
_ERROR: Final = "error:"


def finish_of(native: str, profile: Profile, *, has_content: bool) -> FinishReason | ErrorClass:
    """One of OpenAI's five, or the class of the trouble that `native` tells.

    A word that nobody knows is an end where something was said, and trouble where nothing was:
    nearly all that Google added over the years were troubles.
    """
    mapped = profile.finish_map.get(native)
    if mapped is not None:
        if mapped.startswith(_ERROR):
            return ErrorClass(mapped.removeprefix(_ERROR))
        if mapped in FINISH_REASONS:
            return cast(FinishReason, mapped)
    known = _FINISHES.get(native) or _FAILURES.get(native)
    if known is not None:
        return known
    return "stop" if has_content else ErrorClass.MALFORMED
