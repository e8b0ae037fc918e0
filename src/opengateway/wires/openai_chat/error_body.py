"""Reading a vendor's error, whatever its shape (reference: providers, C.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opengateway.kit.json import dumps, loads

_MAX_TEXT = 2048
_UNKNOWN_MEMBER = re.compile(
    r"""(?ix) property\ ['"`]([\w.\[\]-]+)['"`]\ is\ unsupported      # Groq
      | (?:unsupported|unrecognized|unknown)\ (?:parameter|request\ argument\ supplied|field)\w*:?\ ['"`]?([\w.\[\]-]+)
    """
)


@dataclass(frozen=True, slots=True)
class VendorError:
    """What an error says. Strings are empty where it says nothing."""

    message: str = ""
    type: str = ""
    code: str = ""
    param: str | None = None
    status: int = 0
    """An HTTP status named in the body: 400 to 599, else 0."""

    @property
    def names(self) -> frozenset[str]:
        """Its code and type, in lower case."""
        return frozenset(name.lower() for name in (self.code, self.type) if name)


def read_error(body: bytes) -> VendorError:
    """The error in a whole body. What is not JSON is taken as the message, markup as none."""
    try:
        document = loads(body)
    except (ValueError, RecursionError):
        text = body[: _MAX_TEXT * 2].decode("utf-8", "replace").strip()
        return VendorError(message="" if text.startswith("<") else text[:_MAX_TEXT])
    return error_in(document)


def error_in(document: object) -> VendorError:
    """The error in a decoded body or chunk."""
    if isinstance(document, list):  # Google's OpenAI surface wraps it
        return error_in(document[0]) if document else VendorError()
    if isinstance(document, str):
        return VendorError(message=document[:_MAX_TEXT])
    if not isinstance(document, dict):
        return VendorError()
    for name in ("error", "detail", "errors", "status", "base_resp"):
        inner = document.get(name)
        if isinstance(inner, dict) and inner:
            return _from_object(inner)
        if isinstance(inner, list) and inner:
            return _from_list(inner)
        if isinstance(inner, str) and inner and name in ("error", "detail"):
            return _from_object({**document, "message": document.get("message") or inner})
    return _from_object(document)


def _from_object(error: Mapping[str, Any]) -> VendorError:
    nested = error.get("message")
    if isinstance(nested, dict) and isinstance(nested.get("detail"), list):  # Mistral
        return error_in(nested)
    message = _text(nested or error.get("status_msg") or error.get("msg"))
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if raw:  # OpenRouter: what its own upstream said
        message = f"{message}: {_text(raw)}"
    code = _text(error.get("code", error.get("status_code")))
    inner = error.get("innererror")
    if not code and isinstance(inner, dict):  # Azure
        code = _text(inner.get("code"))
    param = error.get("param")
    return VendorError(
        message=message[:_MAX_TEXT],
        type=_type(error),
        code=code,
        param=param if isinstance(param, str) and param else _unknown_member(message),
        status=_status(error),
    )


def _from_list(details: list[Any]) -> VendorError:
    """FastAPI's validation errors: `[{loc, msg, type}]`. The first gives the member."""
    first = details[0]
    if not isinstance(first, dict):
        return VendorError(message=_text(first)[:_MAX_TEXT])
    location = first.get("loc")
    names = location if isinstance(location, list) else []
    param = ".".join(str(name) for name in names if name != "body") or None
    said = _text(first.get("msg") or first.get("message"))
    return VendorError(
        message=f"{param}: {said}" if param else said,
        type=_text(first.get("type")),
        code=_text(first.get("code")),
        param=param,
    )


def _unknown_member(message: str) -> str | None:
    found = _UNKNOWN_MEMBER.search(message)
    return (found[1] or found[2]) if found else None


def _type(error: Mapping[str, Any]) -> str:
    for name in ("type", "error_type", "status"):
        if isinstance(value := error.get(name), str) and value:
            return value
    return ""


def _status(error: Mapping[str, Any]) -> int:
    for name in ("status_code", "code", "status"):
        value = error.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return 0


def _text(value: object) -> str:
    """A string of anything; empty for nothing."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        return str(value)
    return dumps(value).decode()
