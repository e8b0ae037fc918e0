"""A persona is a vendor's strictness and shapes as data; this module reads `personas.toml`."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

from opengateway.kit import json

BASE_MEMBERS = frozenset(
    (
        "model", "messages", "stream", "temperature", "top_p", "max_tokens", "stop", "tools",
        "tool_choice", "response_format",
    )
)  # fmt: skip


UsageShape = Literal[
    "plain",
    "details",
    "groq",
    "deepseek",
    "mistral",
    "openrouter",
    "xai",
    "moonshot",
    "perplexity",
]


class VendorError(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One refusal in the vendor's words. `body` is JSON text and replaces the envelope."""

    status: int
    message: str = ""
    type: str | None = None
    code: str | int | None = None
    param: str = "{param}"
    body: str | None = None
    headers: dict[str, str] = {}


class ToolIdShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`prefix` and then `length` characters of base62."""

    prefix: str
    length: int


class Persona(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one vendor behaves. Each member says what the vendor does, not what we wish."""

    name: str
    errors: dict[str, VendorError]
    envelope: str
    tool_id: ToolIdShape
    members: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()
    usage_shape: UsageShape = "plain"
    auth: Literal["bearer", "api-key", "none"] = "bearer"
    """`api-key` is a header of that name, beside which a Bearer is good too."""
    strict: bool = False
    """Refuses members it does not know, of the request and of its messages."""
    shape_only: bool = False
    """Checks no more than that there are messages."""
    refused: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    message_members: frozenset[str] = frozenset()
    tool_members: frozenset[str] = frozenset()
    """Members of tool messages beyond the others."""
    call_members: frozenset[str] = frozenset()
    refused_by_reasoners: frozenset[str] = frozenset()
    """Members that models that reason refuse."""
    refused_schema_keys: frozenset[str] = frozenset()
    """JSON Schema keywords that a tool's parameters may not have."""
    by_turns: bool = False
    """No role may speak twice in a row."""
    streamed_tools: bool = True
    """Whether a request with tools may stream."""
    schema_as_value: bool = False
    """A schema stands in `value` of a `json_object`."""
    named_choice: bool = True
    """Whether one tool can be demanded."""
    efforts: frozenset[str] = frozenset(
        ("none", "minimal", "low", "medium", "high", "xhigh", "max", "default")
    )
    top_logprobs_max: int = 20
    temperature_min: float = 0.0
    temperature_max: float = 2.0
    n_max: int = 128
    stop_max: int = 4
    tool_choices: frozenset[str] = frozenset(("none", "auto", "required"))
    response_formats: frozenset[str] = frozenset(("text", "json_object", "json_schema"))
    custom_tools: bool = False
    allowed_tools: bool = False
    tool_type_optional: bool = False
    server_tools: str = ""
    """A prefix of the types of tools that the vendor runs itself."""
    empty_calls: bool = False
    strict_schema: bool = False
    json_word: bool = False
    reasoner_limits: bool = False
    strict_tool_ids: bool = False
    tool_order: bool = True
    user_after_tool: bool = True
    last_role: bool = False
    """The last message must be a user's, a tool's, or an assistant's with `prefix`."""
    image_strings: bool = False
    remote_images: bool = True
    integer_logprobs: bool = False
    truncates: bool = False
    reasoning: Literal["none", "reasoning", "reasoning_content", "parts"] = "none"
    reasoning_details: bool = False
    reasoning_needs_effort: bool = False
    reasoning_replay: bool = False
    """A reasoner wants its `reasoning_content` back on assistant turns with tool calls."""
    id_prefix: str = "chatcmpl-"
    request_id_header: str = "x-request-id"
    """Where the id of a good reply's request goes; empty for a vendor that gives none."""
    fingerprint: str = ""
    service_tier: str = ""
    stream_type: str = "text/event-stream"
    headers: dict[str, str] = {}
    null_usage: bool = False
    logprobs_member: bool = True
    usage_stream: Literal["option", "finish", "extra"] = "option"
    """Usage comes in a chunk of its own if asked for; on the finish chunk; in its own always."""
    finish_stop: str = "stop"
    finish_tools: str = "tool_calls"
    tool_index_zero: bool = False
    stop_reason: bool = False
    done_after_error: bool = False
    keepalive: str = ": ping"
    default_type: str = "invalid_request_error"
    code_is_status: bool = False


class Refusal(Exception):
    """The vendor would refuse this request. `kind` names an entry of the persona's errors.

    `at` leads to the member at fault: `("messages", 1, "role")`.
    """

    def __init__(self, kind: str, at: tuple[str | int, ...] = (), **facts: Any) -> None:
        super().__init__(kind)
        self.kind = kind
        self.at = at
        self.facts = facts


class ErrorReply(msgspec.Struct, frozen=True):
    """A refusal, rendered."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


@cache
def load_personas() -> dict[str, Persona]:
    """Every persona by name. Raises `msgspec.ValidationError` if our own file is wrong."""
    return _load("personas.toml", "hosts.toml")


@cache
def load_wire_personas() -> dict[str, Persona]:
    """The vendors whose wire is not OpenAI's: their errors, headers and ids."""
    return _load("wires.toml")


def _load(*names: str) -> dict[str, Persona]:
    tables: dict[str, Any] = {}
    for file in names:
        text = files("opengateway.simulator").joinpath(file).read_text(encoding="utf-8")
        tables |= tomllib.loads(text)
    merged: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        parent = merged.get(table.pop("extends", ""), {})
        errors = parent.get("errors", {}) | table.get("errors", {})
        merged[name] = parent | table | {"errors": errors, "name": name}
    return {name: msgspec.convert(table, Persona) for name, table in merged.items()}


def render_refusal(persona: Persona, refusal: Refusal, *, reply_id: str = "") -> ErrorReply:
    """The vendor's status, headers and body for `refusal`."""
    rule = persona.errors.get(refusal.kind) or persona.errors["bad_value"]
    return render_error(persona, rule, refusal.at, {"id": reply_id} | refusal.facts)


def render_error(
    persona: Persona, rule: VendorError, path: tuple[str | int, ...], given: dict[str, Any]
) -> ErrorReply:
    """Fill `rule` with facts. A JSON leaf that is one placeholder takes the fact's own type."""
    param = _bracketed(path) or None
    facts: dict[str, Any] = {
        "param": param,
        "dotted": ".".join(map(str, path)),
        "loc": ["body", *path],
        "status": rule.status,
        "retry_after": 20,
        "message": "the request is not valid",
        "value": None,
        "action": "generateContent",
        "request_id": f"req_{str(given.get('id', ''))[-24:]}",
    } | given
    status = int(facts["status"])
    code: Any = status if persona.code_is_status else rule.code
    facts["message"] = _fill(rule.message or "{message}", facts)
    facts["type"] = rule.type or persona.default_type
    facts["code"] = _fill(code, facts) or None
    facts["param"] = None if rule.param == "-" else _fill(rule.param, facts)
    body = _fill(_template(rule.body or persona.envelope), facts)
    headers = [(b"content-type", b"application/json")]
    for name, value in (persona.headers | rule.headers).items():
        headers.append((name.encode(), str(_fill(value, facts)).encode("latin-1", "replace")))
    return ErrorReply(status, tuple(headers), json.dumps(body))


def error_for_status(persona: Persona, status: int) -> VendorError:
    """What this vendor says with `status`, as near as its known errors come.

    `status_529` among the errors is what a vendor says with a status that is its own.
    """
    if (own := persona.errors.get(f"status_{status}")) is not None:
        return own
    preferred = {
        400: "bad_value", 401: "unauthorized", 402: "quota", 403: "forbidden",
        404: "unknown_model", 413: "too_large", 422: "bad_value", 429: "rate_limited",
        500: "server_error", 503: "overloaded",
    }.get(status)  # fmt: skip
    if preferred is None:
        return persona.errors["server_error" if status >= 500 else "other"]
    return persona.errors[preferred]


def _bracketed(path: tuple[str | int, ...]) -> str:
    """`("messages", 1, "role")` as `messages[1].role`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@cache
def _template(text: str) -> Any:
    return json.loads(text)


_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def _fill(template: Any, facts: dict[str, Any]) -> Any:
    if isinstance(template, dict):
        return {name: _fill(value, facts) for name, value in template.items()}
    if isinstance(template, list):
        return [_fill(value, facts) for value in template]
    if not isinstance(template, str):
        return template
    if (whole := _PLACEHOLDER.fullmatch(template)) is not None:
        return facts.get(whole[1])
    return _PLACEHOLDER.sub(lambda found: _worded(facts, found), template)


def _worded(facts: dict[str, Any], found: re.Match[str]) -> str:
    return str(facts[found[1]])[:500] if found[1] in facts else found[0]
