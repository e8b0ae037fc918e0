"""From the canonical form to the members of a chat request, before a vendor's rules are applied."""

from __future__ import annotations

from typing import Any

from opengateway.domain.canonical import CanonicalRequest, Tool, ToolChoice
from opengateway.domain.chat import ChatFacts, ChatRequest
from opengateway.kit.json import JsonObject, Raw, RawObject, dumps, loads, loads_raw_object
from opengateway.wires.openai_chat.canonical_messages import written_messages
from opengateway.wires.openai_chat.delta_events import ORIGIN

_EFFORT_UP_TO = ((1024, "minimal"), (4096, "low"), (12_288, "medium"), (24_576, "high"))
"""What effort a budget of thinking tokens amounts to (reference: providers, B.0.4); beyond, xhigh."""


def chat_of(request: CanonicalRequest, *, keeps_blocks: bool) -> ChatRequest:
    """The request as a caller of this shape would have made it.

    `keeps_blocks`: reasoning goes back in its blocks, signatures and all, where there are any.
    """
    is_own = request.dialect == ORIGIN
    written = written_messages(request.turns, is_own=is_own, keeps_blocks=keeps_blocks)
    fields: JsonObject = {"messages": written.messages}
    if request.tools or (is_own and request.server_tools):
        unread = request.server_tools if is_own else ()
        fields["tools"] = [*(_tool(tool, is_own) for tool in request.tools), *unread]
    if request.tool_choice is not None:
        fields["tool_choice"] = _tool_choice(request.tool_choice, request.tools)
    fields |= _answer(request) | _thinking(request, is_own)
    safe = request.opaque.get("safety_identifier") if is_own else None
    if request.user is not None and (safe is None or bytes(safe) != dumps(request.user)):
        fields["user"] = request.user
    if is_own:
        fields |= request.opaque
        fields |= request.extra
    elif "verbosity" in request.extra:  # a dialect that has it elsewhere calls it so for others
        fields["verbosity"] = request.extra["verbosity"]
    raw: RawObject = {name: Raw(dumps(value)) for name, value in fields.items()}
    choice = request.tool_choice
    output = request.output
    return ChatRequest(
        model="",
        stream=request.stream,
        include_usage=True,
        fields=raw,
        facts=ChatFacts(
            n=request.sampling.n,
            max_output_tokens=request.max_output_tokens,
            temperature=request.sampling.temperature,
            stop_count=len(request.sampling.stop),
            reasoning_effort=fields.get("reasoning_effort"),
            tool_choice=choice.mode if choice is not None else None,
            response_format=output.kind if output is not None else None,
            modalities=frozenset(written.modalities),
            has_tools=bool(request.tools),
            has_developer_role=written.has_developer,
            has_reasoning=written.has_reasoning,
            message_members=frozenset(written.members),
        ),
        input_bytes=0,
    )


def _tool(tool: Tool, is_own: bool) -> JsonObject:
    said: JsonObject = {"name": tool.name}
    if tool.description is not None:
        said["description"] = tool.description
    if tool.parameters is not None:
        said["parameters"] = tool.parameters
    if tool.strict is not None:
        said["strict"] = tool.strict
    outer: RawObject = dict(tool.extra) if is_own else {}
    inner = outer.pop(tool.kind, None)
    if inner is not None:
        said |= loads_raw_object(inner)
    return {"type": tool.kind, tool.kind: said, **outer}


def _tool_choice(choice: ToolChoice, tools: tuple[Tool, ...]) -> Any:
    kinds = {tool.name: tool.kind for tool in tools}
    match choice.mode:
        case "named":
            return {"type": choice.kind, choice.kind: {"name": choice.names[0]}}
        case "allowed":
            listed = [(kinds.get(name, "function"), name) for name in choice.names]
            allowed = {
                "mode": "required" if choice.required else "auto",
                "tools": [{"type": kind, kind: {"name": name}} for kind, name in listed],
            }
            return {"type": "allowed_tools", "allowed_tools": allowed}
        case word:
            return word


def _answer(request: CanonicalRequest) -> JsonObject:
    """What the answer is to be like: form, length, sampling."""
    sampling = request.sampling
    made: JsonObject = {}
    made["parallel_tool_calls"] = request.parallel_tool_calls
    if request.output is not None:
        output = request.output
        form: JsonObject = {"type": output.kind}
        if output.kind == "json_schema":
            said = {
                "name": output.name,
                "schema": output.schema,
                "strict": output.strict,
                "description": output.description,
            }
            form["json_schema"] = {n: v for n, v in said.items() if v is not None}
        made["response_format"] = form
    for name in ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed"):
        made[name] = getattr(sampling, name)
    made["stop"] = list(sampling.stop) or None
    made["n"] = sampling.n if sampling.n != 1 else None
    made["logprobs"] = sampling.logprobs or None
    made["top_logprobs"] = sampling.top_logprobs
    made["max_tokens"] = request.max_output_tokens
    made["service_tier"] = request.service_tier
    made["prompt_cache_key"] = request.cache.key
    return {name: value for name, value in made.items() if value is not None}


def _thinking(request: CanonicalRequest, is_own: bool) -> JsonObject:
    """An effort as OpenAI has it. What says more goes out only where the caller said it so."""
    asked = request.reasoning
    if is_own and "reasoning" in request.opaque:  # as the caller spelt it, and what it leaves out
        said = loads(request.opaque["reasoning"])
        has_more = asked.effort is not None and asked.effort != said.get("effort")
        return {"reasoning_effort": asked.effort} if has_more else {}
    effort = asked.effort
    if effort is None and asked.enabled is False:
        effort = "none"
    if effort is None and asked.budget_tokens is not None:
        steps = (word for most, word in _EFFORT_UP_TO if asked.budget_tokens <= most)
        effort = next(steps, "xhigh") if asked.budget_tokens else "none"
    return {} if effort is None else {"reasoning_effort": effort}
