"""The description of the public API: what the framework cannot know of it is added here.

How one proves who one is, what a permission is called, that a POST may be repeated, which errors
there are, and an example of every body.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI

from opengateway.control.access import FIELD, PERMISSION_FIELD, Access

_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "description": "What every error looks like. The list of codes is at /docs/reference/errors/.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "code", "message", "param", "request_id"],
            "properties": {
                "type": {"type": "string", "description": "The kind of error."},
                "code": {"type": "string", "description": "Stable: decide by it."},
                "message": {"type": "string", "description": "For people; it may change."},
                "param": {
                    "type": ["string", "null"],
                    "description": "The member or parameter at fault.",
                },
                "request_id": {"type": "string"},
            },
        }
    },
}
_STATUSES: Final = {
    "400": (
        "invalid_request_error",
        "invalid_request",
        "'name' must be 1 to 80 characters",
        "name",
    ),
    "401": ("authentication_error", "not_signed_in", "sign in first", None),
    "402": ("billing_error", "insufficient_funds", "the balance does not cover this", None),
    "403": (
        "permission_error",
        "permission_missing",
        "your role does not have the permission 'keys.create'; ask an owner or an admin",
        None,
    ),
    "404": ("invalid_request_error", "key_not_found", "there is no key 'key_x'", "id"),
    "409": ("conflict_error", "last_owner", "a team keeps at least one owner", None),
    "412": ("conflict_error", "version_mismatch", "it is at version 3 now", "if-match"),
    "413": ("invalid_request_error", "request_too_large", "the body is too large", None),
    "422": (
        "invalid_request_error",
        "idempotency_mismatch",
        "this idempotency key came with another request; use a new one",
        "idempotency-key",
    ),
    "429": ("rate_limit_error", "rate_limit_exceeded", "too many attempts; wait", None),
    "503": (
        "server_error",
        "control_store_unavailable",
        "the control store does not answer; try again",
        None,
    ),
}
_WORDS: Final = {
    "400": "A value is wrong; `param` names it.",
    "401": "Nobody known calls, or not any more.",
    "402": "There is not enough money.",
    "403": "The caller may not do this.",
    "404": "It is not there, or not the caller's.",
    "409": "It contradicts the present state.",
    "412": "It is at another version than `if-match` says.",
    "413": "The body is too large.",
    "422": "The request is understood and cannot be done.",
    "429": "Too often; wait for `retry-after` seconds.",
    "503": "Trouble of ours; try again.",
}
_IDEMPOTENCY: Final[dict[str, Any]] = {
    "name": "idempotency-key",
    "in": "header",
    "required": False,
    "description": "Makes a repeat safe: for 24 hours the same request is answered alike, and done"
    " once. Secrets are not repeated.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    "example": "7f9c2ba4-e88f-41d0-a0b3-5f2b8d1c6e11",
}
_SECURITY: Final[dict[str, Any]] = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "og_session",
        "description": "Of a person who signed in; over https it is `__Host-og_session`. Unsafe"
        " methods need the header `x-csrf-token` too.",
    },
    "management_key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "og_mgmt_...",
        "description": "A team's management key.",
    },
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI 3.1 document, made once."""
    if app.openapi_schema is None:
        document = app.openapi()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Error"] = _ERROR
        for unused in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(unused, None)
        components["securitySchemes"] = _SECURITY
        for method, operation in _operations(document):
            _complete(method, operation, components["schemas"])
        app.openapi_schema = document
    return app.openapi_schema


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in document["paths"].values():
        yield from path.items()


def _complete(method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    who = Access(operation[FIELD])
    operation["security"] = _who_may(who)
    permission = operation.get(PERMISSION_FIELD)
    if permission is not None:
        told = operation.get("description", "")
        operation["description"] = f"{told}\n\nPermission: `{permission}`.".strip()
    if method == "post" and who is not Access.PUBLIC:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY)
    responses = operation["responses"]
    for status in _STATUSES:
        # The framework's own 422 is never sent: what it means by it is our 400.
        if status not in responses or status == "422":
            responses[status] = _error(status)
    body = operation.get("requestBody")
    for content in (body, *(responses[s] for s in responses if s < "400")):
        for media in (content or {}).get("content", {}).values():
            found = _example(media.get("schema", {}), schemas)
            if media.get("schema") and "example" not in media and "examples" not in media:
                media["example"] = found


def _who_may(who: Access) -> list[dict[str, list[str]]]:
    if who is Access.PUBLIC:
        return []
    if who in (Access.TEAM, Access.OWN_TEAMS):
        return [{"session": []}, {"management_key": []}]
    return [{"session": []}]


def _error(status: str) -> dict[str, Any]:
    kind, code, message, param = _STATUSES[status]
    told = {
        "type": kind,
        "code": code,
        "message": message,
        "param": param,
        "request_id": "req_0192f0c1a2b37c4d8e9fa0b1c2d3e4f5",
    }
    media = {"schema": {"$ref": "#/components/schemas/Error"}, "example": {"error": told}}
    return {"description": _WORDS[status], "content": {"application/json": media}}


def _example(schema: dict[str, Any], schemas: dict[str, Any], depth: int = 0) -> Any:
    """An example of a schema: its own, or one made of its parts and their bounds.

    None where the schema says nothing (an answer without a shape), and past a depth of 8.
    """
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rsplit("/", 1)[-1]], schemas, depth)
    for known in ("examples", "enum"):
        if schema.get(known):
            return schema[known][0]
    for known in ("const", "default"):
        if known in schema:
            return schema[known]
    if depth > 8:
        return None
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return _example(choices[0], schemas, depth + 1)
    return _of_type(schema, schemas, depth + 1)


def _of_type(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if kind == "object":
        parts = schema.get("properties", {})
        return {name: _example(part, schemas, depth) for name, part in parts.items()}
    if kind == "array":
        item = _example(schema.get("items", {}), schemas, depth)
        return [] if item is None else [item]
    if kind == "string":
        return "text".ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 200)]
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    return False if kind == "boolean" else None
