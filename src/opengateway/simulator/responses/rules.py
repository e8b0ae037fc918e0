"""What the provider refuses beyond shapes: what it does not keep, what it cannot open, what is out
of order, and what a model does not take."""

from __future__ import annotations

from typing import Any, Final

from opengateway.simulator.personas import Persona, Refusal
from opengateway.simulator.responses.forms import READER, REQUEST
from opengateway.simulator.settings import ModelTraits
from opengateway.simulator.signatures import Signer
from opengateway.simulator.tools import check_response_format, check_tools

ENCRYPTED: Final = "reasoning.encrypted_content"
_CALLS: Final = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
}
_PARTS_OF: Final = {
    "assistant": ("output_text", "refusal"),
    "user": ("input_text", "input_image", "input_file"),
    "system": ("input_text",),
    "developer": ("input_text",),
}


def read_request(body: Any) -> dict[str, Any]:
    """The request, if its shape is right; a bare string as its one item. Raises `Refusal`."""
    if not isinstance(body, dict):
        raise Refusal("bad_type", (), expected="an object", value=body)
    made: dict[str, Any] = READER.read(REQUEST, body)
    if isinstance(made["input"], str):
        made["input"] = [{"type": "message", "role": "user", "content": made["input"]}]
    for item in made["input"]:
        item.setdefault("type", "message")
    return made


def check_request(
    body: dict[str, Any], persona: Persona, traits: ModelTraits | None, signer: Signer
) -> None:
    """Raises `Refusal`. `body` is what `read_request` gave; `traits` None for a recorded model."""
    if (previous := body.get("previous_response_id")) is not None:
        raise Refusal("no_response", ("previous_response_id",), value=previous)
    if body.get("conversation") is not None:
        raise Refusal("no_response", ("conversation",), value="conversation")
    if body.get("background"):
        message = "Background mode is not served by the simulator."
        raise Refusal("bad_value", ("background",), message=message)
    if body.get("stream_options") is not None and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Refusal("bad_value", ("stream_options",), message=message)
    for index, item in enumerate(body["input"]):
        _check_item(item, ("input", index), signer, recorded=traits is None)
    _check_order(body["input"])
    _check_tools(body, persona)
    _check_model(body, traits)


def _check_item(
    item: dict[str, Any], path: tuple[str | int, ...], signer: Signer, *, recorded: bool
) -> None:
    kind = item["type"]
    if kind == "item_reference":
        raise Refusal("no_item", ("input",), value=item["id"])
    if kind == "message" and isinstance(item["content"], list):
        allowed = _PARTS_OF[item["role"]]
        for place, part in enumerate(item["content"]):
            if part["type"] not in allowed:
                known = " and ".join(f"'{name}'" for name in allowed)
                where = (*path, "content", place)
                raise Refusal("bad_choice", where, value=part["type"], choices=known)
    sealed = item.get("encrypted_content")
    if kind == "reasoning" and sealed is None and item.get("id") and not item.get("content"):
        raise Refusal("no_item", ("input",), value=item["id"])
    if sealed is not None and not recorded and not signer.opens(sealed):
        raise Refusal("bad_seal", ("input",))


def _check_order(items: list[dict[str, Any]]) -> None:
    """Every output has its call before it, and every call its output."""
    waiting: dict[str, str] = {}
    answered: set[str] = set()
    for item in items:
        kind = item["type"]
        if kind in _CALLS:
            waiting[item["call_id"]] = kind
        elif kind in _CALLS.values():
            call = item["call_id"]
            if _CALLS.get(waiting.pop(call, "")) != kind and call not in answered:
                word = "function call" if kind == "function_call_output" else "custom tool call"
                message = f"No tool call found for {word} output with call_id {call}."
                raise Refusal("order", ("input",), message=message)
            answered.add(call)
    for call, kind in waiting.items():
        word = "function call" if kind == "function_call" else "custom tool call"
        raise Refusal("order", ("input",), message=f"No tool output found for {word} {call}.")


def _check_tools(body: dict[str, Any], persona: Persona) -> None:
    names = [tool["name"] for tool in body.get("tools") or ()]
    if len(set(names)) < len(names):
        raise Refusal("bad_value", ("tools",), message="Tool names must be unique.")
    chat = as_tools_and_format(body)
    check_tools(chat, persona)
    check_response_format(chat, persona)
    choice = body.get("tool_choice")
    if choice in ("required",) and not names:
        message = "Tool choice 'required' must be specified with 'tools' parameter."
        raise Refusal("bad_value", ("tool_choice",), message=message)
    if isinstance(choice, dict):
        wanted = [t.get("name") for t in choice.get("tools", ())] or [choice.get("name")]
        for name in wanted:
            if name not in names:
                message = f"Tool choice '{name}' not found in 'tools' parameter."
                raise Refusal("bad_value", ("tool_choice",), message=message)


def as_tools_and_format(body: dict[str, Any]) -> dict[str, Any]:
    """The tools and the form as chat completions have them: both surfaces check them alike."""
    made: dict[str, Any] = {}
    if body.get("tools"):
        made["tools"] = [_chat_tool(tool) for tool in body["tools"] if tool["type"] != "namespace"]
    form = (body.get("text") or {}).get("format")
    if form is not None:
        said = {name: value for name, value in form.items() if name != "type"}
        made["response_format"] = {"type": form["type"]}
        if form["type"] == "json_schema":
            made["response_format"]["json_schema"] = said
    return made


def _chat_tool(tool: dict[str, Any]) -> dict[str, Any]:
    said = {n: v for n, v in tool.items() if n not in ("type", "defer_loading", "format")}
    return {"type": tool["type"], tool["type"]: said}


def _check_model(body: dict[str, Any], traits: ModelTraits | None) -> None:
    if traits is None:
        return
    if not traits.reasons:
        if ENCRYPTED in (body.get("include") or ()):
            raise Refusal("no_seals", ("include",))
        effort = (body.get("reasoning") or {}).get("effort")
        if effort is not None:
            raise Refusal("unsupported_member", ("reasoning", "effort"), value=effort)
        return
    if (body.get("reasoning") or {}).get("effort") == "none":
        return
    for name in ("temperature", "top_p", "top_logprobs"):
        if body.get(name) not in (None, 1, 0):
            raise Refusal("unsupported_member", (name,), value=body[name])
