"""The response object: what was asked, said again, and what comes of it.

Clients read members that they did not send: every member that OpenAI's document requires is there,
with OpenAI's default where the request said nothing.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from opengateway.domain.chat import ChatRequest
from opengateway.domain.usage import Usage
from opengateway.kit.json import JsonObject, Raw, RawObject, loads, loads_raw_object
from opengateway.wires.openai_responses.usage import usage_object

Status = Literal["in_progress", "completed", "incomplete", "failed"]

_ECHOED: Final[tuple[tuple[str, Any], ...]] = (
    ("frequency_penalty", 0.0),
    ("instructions", None),
    ("max_output_tokens", None),
    ("max_tool_calls", None),
    ("metadata", {}),
    ("parallel_tool_calls", True),
    ("presence_penalty", 0.0),
    ("previous_response_id", None),
    ("prompt_cache_key", None),
    ("safety_identifier", None),
    ("temperature", 1.0),
    ("tool_choice", "auto"),
    ("top_logprobs", 0),
    ("top_p", 1.0),
    ("truncation", "disabled"),
)
_FORMAT: Final = {"type": "text"}
_NO_USAGE: Final = Usage({})
"""While nothing is counted: OpenAI's document takes no null there, and that of Open Responses wants
the member."""


class Skeleton:
    """What all response objects of one answer have in common."""

    __slots__ = ("_head", "model")

    def __init__(self, chat: ChatRequest, model_id: str) -> None:
        fields = chat.fields
        self.model = model_id
        self._head: JsonObject = {
            "background": False,
            "service_tier": "default",
            **{name: _said(fields, name, default) for name, default in _ECHOED},
            "reasoning": _reasoning(fields.get("reasoning")),
            "store": bytes(fields.get("store", b"false")) == b"true",
            "text": _text(fields.get("text")),
            "tools": _tools(fields.get("tools")),
        }
        if "user" in fields:
            self._head["user"] = fields["user"]

    def response(
        self,
        identifier: str,
        created_at: int,
        status: Status,
        output: list[JsonObject | Raw],
        *,
        usage: Usage | None = None,
        completed_at: int | None = None,
        incomplete: str | None = None,
        error: JsonObject | None = None,
    ) -> JsonObject:
        response: JsonObject = {
            "id": identifier,
            "object": "response",
            "created_at": created_at,
            "status": status,
            "completed_at": completed_at,
            "error": error,
            "incomplete_details": None if incomplete is None else {"reason": incomplete},
            "model": self.model,
            "output": output,
            **self._head,
        }
        if status == "in_progress":
            usage = _NO_USAGE
        if usage is not None:
            response["usage"] = usage_object(usage)
        return response


def _said(fields: RawObject, name: str, default: Any) -> Any:
    """As it came; a null says nothing."""
    raw = fields.get(name)
    return default if raw is None or bytes(raw) == b"null" else raw


def _reasoning(raw: Raw | None) -> JsonObject:
    said = loads(raw) if raw is not None else {}
    summary = said.get("summary") or said.get("generate_summary")
    return {"effort": said.get("effort"), "summary": summary}


def wants_summary(fields: RawObject) -> bool:
    """Whether the caller asked to be told of the reasoning in summaries."""
    return _reasoning(fields.get("reasoning"))["summary"] is not None


def _text(raw: Raw | None) -> JsonObject:
    said: JsonObject = dict(loads_raw_object(raw)) if raw is not None else {}
    form = said.get("format")
    if form is None or bytes(form) == b"null":
        said["format"] = _FORMAT
    if said.get("verbosity") is not None and bytes(said["verbosity"]) == b"null":
        del said["verbosity"]
    return said


def _tools(raw: Raw | None) -> list[JsonObject | Raw]:
    """As they came; of a function, the two members that clients look for beside its name."""
    return [_tool(tool) for tool in loads(raw)] if raw is not None else []


def _tool(tool: JsonObject) -> JsonObject:
    if tool.get("type") != "function":
        return tool
    return {**tool, "parameters": tool.get("parameters"), "strict": tool.get("strict")}
