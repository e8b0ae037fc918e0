"""What an answer says of the feature it was asked for. Pure.

Each judge gives what is wrong, or nothing. Whether that is the model's fault or that of the day is
`blame`: who does not answer says nothing of what he can do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from opengateway.checks.smoke.asks import ANSWER_SCHEMA, TOOL_NAME
from opengateway.checks.smoke.replies import NOT_REACHED, Reply, Streamed
from opengateway.domain.catalog import ModelKind
from opengateway.domain.smoke import Cell, Feature, Verdict
from opengateway.kit import json

_TELLING_CODES: Final = frozenset(("provider_malformed", "stream_truncated"))
_FINISHES: Final = frozenset(("stop", "length", "tool_calls", "content_filter", "function_call"))
_WITHOUT_TOKENS: Final = frozenset(
    (ModelKind.SPEECH, ModelKind.TRANSCRIPTION, ModelKind.MODERATION, ModelKind.RERANK)
)
"""Billed by other units, which the record has and the answer need not."""
MAX_DETAIL: Final = 300

Problem = str | None


def blame(status: int, body: Any) -> Verdict:
    """The verdict on an answer that is an error."""
    code = _member(body, "error", "code")
    if status == NOT_REACHED or status in (401, 402, 403, 408, 409, 429):
        return Verdict.UNAVAILABLE
    if status >= 500 and code not in _TELLING_CODES:
        return Verdict.UNAVAILABLE
    return Verdict.FAIL


def told(status: int, body: Any, raw: bytes) -> str:
    """An error in a line."""
    message = _member(body, "error", "message")
    code = _member(body, "error", "code")
    words = str(message) if message else raw[:200].decode(errors="replace")
    return f"{status} {code or ''}: {words}"[:MAX_DETAIL]


def judge_whole(cell: Cell, reply: Reply) -> Problem:
    """An answer that did not stream. Raises nothing: what has another shape is a problem."""
    body = reply.json()
    if cell.kind != ModelKind.CHAT:
        return _judge_other(cell, reply, body)
    message = _first(body, "message")
    if message is None:
        return "the answer has no choices[0].message"
    if body.get("model") != cell.model:
        return f"the answer names the model {body.get('model')!r}"
    if reply.headers.get("x-opengateway-provider") != cell.provider:
        return f"answered by {reply.headers.get('x-opengateway-provider')!r}"
    finish = body["choices"][0].get("finish_reason")
    if finish not in _FINISHES:
        return f"finish_reason is {finish!r}"
    return _WHOLE.get(cell.feature, _has_text)(message, body)


def judge_stream(cell: Cell, streamed: Streamed) -> Problem:
    """A stream that was read to its end."""
    if not streamed.ended:
        broken = next((e for e in streamed.events if "error" in e), None)
        return f"no end marker; {told(200, broken, b'')}" if broken else "no end marker"
    pieces = [_first(event, "delta") or {} for event in streamed.events]
    if not any(piece.get("content") or _thought(piece) for piece in pieces):
        return "no content"
    finishes = [_choice(event).get("finish_reason") for event in streamed.events]
    if not any(finish in _FINISHES for finish in finishes):
        return "no finish_reason"
    if not any(event.get("usage") for event in streamed.events):
        return "no usage chunk"
    return None


def judge_usage(cell: Cell, body: Any) -> Problem:
    """The usage of the plain call."""
    if cell.kind in _WITHOUT_TOKENS:
        return None
    usage = _member(body, "usage")
    if not isinstance(usage, dict):
        return "no usage"
    if cell.kind != ModelKind.CHAT:
        searched = _member(_member(body, "meta"), "billed_units")  # rerank that is billed by these
        counts = [*usage.values(), *(searched.values() if isinstance(searched, dict) else ())]
        return None if any(_positive(v) for v in counts) else "usage is all zeros"
    prompt: Any = usage.get("prompt_tokens")
    completion: Any = usage.get("completion_tokens")
    if not _positive(prompt) or not _positive(completion):
        return f"prompt_tokens is {prompt!r}, completion_tokens is {completion!r}"
    if usage.get("total_tokens") != int(prompt) + int(completion):
        return f"total_tokens is {usage.get('total_tokens')!r}"
    return None


def judge_error(reply: Reply) -> Problem:
    """A request that is wrong is refused in the API's own words, and nobody is charged."""
    if not 400 <= reply.status < 500:
        return f"a wrong request was answered with {reply.status}"
    error = _member(reply.json(), "error")
    if not isinstance(error, dict):
        return "no error object"
    missing = [name for name in ("message", "type", "code") if not error.get(name)]
    if missing:
        return f"the error has no {', '.join(missing)}"
    if "x-should-retry" not in reply.headers or not reply.request_id:
        return "the headers x-should-retry and x-request-id are not both there"
    return None


def judge_cache(body: Any) -> Problem:
    """The second answer to the same long prompt."""
    cached = _member(body, "usage", "prompt_tokens_details", "cached_tokens")
    return None if _positive(cached) else f"cached_tokens is {cached!r}"


def _judge_other(cell: Cell, reply: Reply, body: Any) -> Problem:
    if cell.kind == ModelKind.SPEECH:
        return None if len(reply.body) > 100 and body is None else "no sound"
    if cell.kind == ModelKind.EMBEDDING:
        vector = _first_of(body, "data").get("embedding")
        return None if vector else "no vector"
    if cell.kind == ModelKind.RERANK:
        results = body.get("results") if isinstance(body, dict) else None
        return None if results and "relevance_score" in results[0] else "no scores"
    if cell.kind == ModelKind.IMAGE:
        image = _first_of(body, "data")
        return None if image.get("b64_json") or image.get("url") else "no image"
    if cell.kind == ModelKind.TRANSCRIPTION:
        return None if isinstance(body, dict) and "text" in body else "no text"
    if cell.kind == ModelKind.MODERATION:
        return None if "flagged" in _first_of(body, "results") else "no verdict"
    return None if _choice(body).get("text") else "no text"


def _has_text(message: dict[str, Any], body: Any) -> Problem:
    if message.get("content") or (_thought(message) and _is_cut(body)):
        return None
    return "no content"


def _calls_tool(message: dict[str, Any], _body: Any) -> Problem:
    calls = message.get("tool_calls") or []
    if not calls:
        return "the offered tool was not called"
    function = calls[0].get("function", {})
    if function.get("name") != TOOL_NAME:
        return f"another tool was called: {function.get('name')!r}"
    given = _decoded(function.get("arguments"))
    if not isinstance(given, dict) or not isinstance(given.get("city"), str):
        return "the arguments are not as the tool's schema says"
    return None


def _holds_schema(message: dict[str, Any], _body: Any) -> Problem:
    found = _decoded(message.get("content"))
    wanted: list[str] = list(ANSWER_SCHEMA["required"])  # type: ignore[call-overload]
    if not isinstance(found, dict) or sorted(found) != sorted(wanted):
        return "the content is not as the schema says"
    if not all(isinstance(value, str) for value in found.values()):
        return "a value is not of the schema's type"
    return None


def _reasons(message: dict[str, Any], body: Any) -> Problem:
    tokens = _member(body, "usage", "completion_tokens_details", "reasoning_tokens")
    return None if _thought(message) or _positive(tokens) else "no reasoning, in text or in tokens"


_WHOLE: Final[Mapping[Feature, Callable[[dict[str, Any], Any], Problem]]] = MappingProxyType(
    {
        Feature.TOOLS: _calls_tool,
        Feature.STRUCTURED_OUTPUT: _holds_schema,
        Feature.REASONING: _reasons,
    }
)


def _thought(message: Mapping[str, Any]) -> bool:
    names = ("reasoning_content", "reasoning", "reasoning_details")
    return any(message.get(name) for name in names)


def _is_cut(body: Any) -> bool:
    return _choice(body).get("finish_reason") == "length"


def _decoded(text: Any) -> Any:
    if not isinstance(text, str):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _choice(body: Any) -> dict[str, Any]:
    return _first_of(body, "choices")


def _first_of(body: Any, name: str) -> dict[str, Any]:
    found = body.get(name) if isinstance(body, dict) else None
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, dict) else {}


def _first(body: Any, name: str) -> dict[str, Any] | None:
    found = _choice(body).get(name)
    return found if isinstance(found, dict) else None


def _member(value: Any, *names: str) -> Any:
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and value > 0
