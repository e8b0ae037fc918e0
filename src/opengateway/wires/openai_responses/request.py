"""From the canonical form to a request of this shape (reference: providers, A.5 and B.1.2).

A caller of the same shape is sent on member by member, as it came. What has no place here and
changes nothing is left out and told; what would change the answer is refused.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from opengateway.domain.canonical import CanonicalRequest, Tool, ToolChoice
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.model_rules import ModelRule
from opengateway.kit.json import JsonObject, Raw, RawObject, dumps, loads, loads_raw_object
from opengateway.wires.openai_responses.answer import ORIGIN
from opengateway.wires.openai_responses.items import Conversation

PATH: Final = "/responses"
LEAST_OUTPUT: Final = 16
"""The vendor takes no lower limit (reference: providers, A.5)."""
ENCRYPTED: Final = "reasoning.encrypted_content"

_NO_RULE: Final = ModelRule(prefix="")
_EMPTY: Final = frozenset((b"null", b"false", b"[]", b"{}", b'""'))
"""Values whose absence changes nothing, so that leaving them out need not be told."""
_OURS: Final = frozenset(
    (
        *("metadata", "stream_options", "store", "background"),
        *("safety_identifier", "cache_control"),
    )
)
"""Members that are about the log, the stream or the store."""
_USUAL_TIERS: Final = frozenset(("auto", "default"))
_CHANGES_THE_ANSWER: Final = ("web_search_options", "audio", "prediction")
_KEPT_EXTRAS: Final = ("prompt_cache_retention", "prompt_cache_options")
"""Members of a chat request that are called the same here."""
_FOREIGN_REASONING: Final = frozenset(("max_tokens", "enabled", "exclude"))
_EFFORT_UP_TO: Final = ((1024, "minimal"), (4096, "low"), (12_288, "medium"), (24_576, "high"))
"""What effort a budget of thinking tokens amounts to (reference: providers, B.0.4); beyond, xhigh."""
_list_of_raw = msgspec.json.Decoder(list[Raw]).decode


def upstream_call(
    request: CanonicalRequest, endpoint: Endpoint, provider: Provider
) -> UpstreamCall:
    """Make the upstream request. Raises `InvalidRequest` for what must not be dropped."""
    call = _Call(request, endpoint, provider)
    body = call.own_body() if request.dialect == ORIGIN else call.made_body()
    return UpstreamCall(PATH, dumps(body), tuple(dict.fromkeys(call.dropped)))


_OF_COUNTING: Final = frozenset(
    (
        *("model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls"),
        *("text", "reasoning", "truncation"),
    )
)
"""What `/responses/input_tokens` takes (OpenAI's document, 2026-08)."""


def counting_of(call: UpstreamCall) -> UpstreamCall:
    """The same request, to be counted: what is of the answer is refused there."""
    body = loads_raw_object(call.body)
    kept = {name: raw for name, raw in body.items() if name in _OF_COUNTING}
    return msgspec.structs.replace(call, path=f"{call.path}/input_tokens", body=dumps(kept))


class _Call:
    """One request in the making. `dropped` names what is left out."""

    __slots__ = ("_endpoint", "_model", "_provider", "_request", "_rule", "dropped")

    def __init__(self, request: CanonicalRequest, endpoint: Endpoint, provider: Provider) -> None:
        model = endpoint.upstream_model
        rules = provider.profile.models
        self._request = request
        self._endpoint = endpoint
        self._provider = provider
        self._model = model
        self._rule = next((r for r in rules if model.startswith(r.prefix)), _NO_RULE)
        self.dropped: list[str] = []

    # --- of this shape already -------------------------------------------------------------------
    def own_body(self) -> JsonObject:
        request = self._request
        opaque: RawObject = dict(request.opaque)
        body: JsonObject = {"model": self._model}
        items = opaque.pop("input", None)
        body["input"] = self._talk().own(_list_of_raw(items)) if items is not None else []
        for name, raw in (*opaque.items(), *request.extra.items()):
            if name not in _OURS and name != "previous_response_id":
                body[name] = raw
        self._tidy_reasoning(body)
        included = list(loads(opaque.get("include", _NO_LIST)) or ())
        self._finish(body, included)
        options = request.extra.get("stream_options")
        if request.stream and options is not None and self._provider.profile.include_obfuscation:
            body["stream_options"] = options
        safe = opaque.get("safety_identifier")
        if safe is not None:
            body["safety_identifier"] = safe
        return body

    def _tidy_reasoning(self, body: JsonObject) -> None:
        """Words of OpenRouter's (`max_tokens`, `enabled`, `exclude`) as an effort."""
        raw = body.get("reasoning")
        said = loads(raw) if raw is not None else None
        if not isinstance(said, dict) or _FOREIGN_REASONING.isdisjoint(said):
            return
        kept = {name: value for name, value in said.items() if name not in _FOREIGN_REASONING}
        if (effort := self._effort()) is not None:
            kept["effort"] = effort
        body["reasoning"] = kept

    def _talk(self) -> Conversation:
        profile = self._provider.profile
        return Conversation(
            self._provider.id,
            profile.seals_as,
            self.dropped,
            keeps_text=profile.responses != "sealed",
        )

    # --- what both have --------------------------------------------------------------------------
    def _finish(self, body: JsonObject, included: list[Any]) -> None:
        """The members that are ours to decide, whatever was asked."""
        profile, request = self._provider.profile, self._request
        # A model that does not reason refuses to be asked for it; Codex always asks.
        has_none = profile.responses != "sealed" or self._never_reasons()
        if not has_none and self._may_reason() and ENCRYPTED not in included:
            included = [*included, ENCRYPTED]
        elif has_none and ENCRYPTED in included:
            included = [one for one in included if one != ENCRYPTED]
        body.pop("include", None)
        if included:
            body["include"] = included
        body["store"] = False  # nothing is kept upstream (decision 29)
        if request.stream:
            body["stream"] = True
        else:
            body.pop("stream", None)
        for name in profile.drop:
            self._leave_out(body, name)
        for name in self._rule.drop:
            self._leave_out(body, name)
        if profile.drop_when_reasoning and self._reasons():
            for name in profile.drop_when_reasoning:
                self._leave_out(body, name)
        for name in profile.refuse:
            if name in body and dumps(body[name]) not in _EMPTY:
                raise InvalidRequest(
                    f"{name}: {self._provider.id} does not know it; leave it out or choose another"
                    " model",
                    code="unsupported_parameter",
                    param=name,
                )
        self._bound(body)

    def _leave_out(self, body: JsonObject, name: str) -> None:
        if dumps(body.pop(name, None)) not in _EMPTY:
            self.dropped.append(name)

    def _bound(self, body: JsonObject) -> None:
        """What the vendor would refuse, or what has no price."""
        asked = self._request.max_output_tokens
        if asked is not None and asked < LEAST_OUTPUT:
            body["max_output_tokens"] = LEAST_OUTPUT
            is_own = self._request.dialect == ORIGIN
            self.dropped.append("max_output_tokens" if is_own else "max_tokens")
        tier = self._request.service_tier
        if tier is not None and tier not in _USUAL_TIERS:
            self._leave_out(body, "service_tier")

    def _may_reason(self) -> bool:
        """Whether the model can reason: asking others for their secrets is an error."""
        rule = self._rule
        return rule.reasoning != "never" if rule is not _NO_RULE else self._endpoint.reasoning

    def _never_reasons(self) -> bool:
        return self._rule is not _NO_RULE and self._rule.reasoning == "never"

    def _reasons(self) -> bool:
        """Whether the model will think before it answers this request."""
        rule, effort = self._rule, self._effort()
        when = rule.reasoning
        if rule is _NO_RULE:
            when = "default" if self._endpoint.reasoning else "never"
        match when:
            case "asked":
                return effort not in (None, "none")
            case "default":
                return effort != "none"
            case _:
                return when == "always"

    def _effort(self) -> str | None:
        asked = self._request.reasoning
        if asked.effort is not None:
            return asked.effort
        if asked.enabled is False:
            return "none"
        if asked.budget_tokens is None:
            return None
        if not asked.budget_tokens:
            return "none"
        steps = (word for most, word in _EFFORT_UP_TO if asked.budget_tokens <= most)
        return next(steps, "xhigh")

    # --- of another shape ------------------------------------------------------------------------
    def made_body(self) -> JsonObject:
        request = self._request
        self._refuse_what_cannot_be_done()
        body: JsonObject = {"model": self._model, "input": self._talk().made(request.turns)}
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = _tool_choice(request.tool_choice, request.tools)
        text = self._text()
        effort = self._effort()
        for name, value in (
            ("text", text or None),
            ("reasoning", None if effort is None else {"effort": effort}),
            ("parallel_tool_calls", request.parallel_tool_calls if request.tools else None),
            ("max_output_tokens", request.max_output_tokens),
            ("temperature", request.sampling.temperature),
            ("top_p", request.sampling.top_p),
            ("service_tier", request.service_tier),
            ("prompt_cache_key", request.cache.key),
            ("safety_identifier", self._someone()),
        ):
            if value is not None:
                body[name] = value
        for name in _KEPT_EXTRAS:
            if name in request.extra:
                body[name] = request.extra[name]
        self._finish(body, [])
        self._tell_what_has_no_place(body)
        return body

    def _someone(self) -> str | None:
        """The end user's pseudonym. `safety_identifier` says more than the older `user`."""
        safe = self._request.opaque.get("safety_identifier")
        return self._request.user if safe is None else str(loads(safe))

    def _text(self) -> JsonObject:
        text: JsonObject = {}
        output, verbosity = self._request.output, self._request.extra.get("verbosity")
        if output is not None:
            said = {
                "type": output.kind,
                "name": output.name,
                "schema": output.schema,
                "strict": output.strict,
                "description": output.description,
            }
            text["format"] = {name: value for name, value in said.items() if value is not None}
        if verbosity is not None:
            text["verbosity"] = verbosity
        return text

    def _refuse_what_cannot_be_done(self) -> None:
        request, vendor = self._request, self._provider.id
        if request.sampling.n > 1:
            raise InvalidRequest(
                f"n: {vendor} gives one choice for this request; ask for 1, or send it several"
                " times",
                param="n",
            )
        if request.sampling.stop:
            raise InvalidRequest(
                f"stop: {vendor} takes no stop sequences with this request; leave them out or"
                " choose another model",
                param="stop",
            )
        if request.server_tools:
            raise InvalidRequest(
                f"tools: {vendor} does not know the built-in tools of another vendor; leave them "
                "out or choose another model",
                code="unsupported_parameter",
                param="tools",
            )
        for name in _CHANGES_THE_ANSWER:
            raw = request.extra.get(name)
            if raw is not None and bytes(raw) not in _EMPTY:
                raise InvalidRequest(
                    f"{name}: {vendor} does not take it with this request; leave it out or choose"
                    " another model",
                    code="unsupported_parameter",
                    param=name,
                )
        raw = request.extra.get("modalities")
        asked = loads(raw) if raw is not None else None
        if asked and asked != ["text"]:
            raise InvalidRequest(
                f"modalities: {vendor} answers this request in text only; ask for that",
                param="modalities",
            )

    def _tell_what_has_no_place(self, body: JsonObject) -> None:
        request, sampling = self._request, self._request.sampling
        absent: tuple[tuple[str, Any], ...] = (
            ("frequency_penalty", sampling.frequency_penalty),
            ("presence_penalty", sampling.presence_penalty),
            ("seed", sampling.seed is not None),
            ("top_k", sampling.top_k),
            ("logprobs", sampling.logprobs),
            ("top_logprobs", sampling.top_logprobs),
        )
        self.dropped += (member for member, is_given in absent if is_given)
        read = {*_OURS, *_KEPT_EXTRAS, *body, "verbosity", "modalities"}
        self.dropped += (
            name
            for name, raw in request.extra.items()
            if name not in read and name not in self.dropped and bytes(raw) not in _EMPTY
        )


_NO_LIST: Final = Raw(b"[]")


def _tool(tool: Tool) -> JsonObject:
    """Flat here. `strict` is said: without it this shape takes it for true, and chat for false."""
    made: JsonObject = {"type": tool.kind, "name": tool.name}
    if tool.description is not None:
        made["description"] = tool.description
    if tool.kind == "custom":
        return made | _custom_format(tool)
    made["parameters"] = tool.parameters if tool.parameters is not None else _NO_PARAMETERS
    made["strict"] = bool(tool.strict)
    return made


def _custom_format(tool: Tool) -> JsonObject:
    """The grammar of a custom tool, which a chat request nests one level deeper."""
    inner = tool.extra.get("custom")
    form = loads(inner).get("format") if inner is not None else None
    if not isinstance(form, dict):
        return {}
    grammar = form.get("grammar")
    return {"format": {"type": "grammar", **grammar} if isinstance(grammar, dict) else form}


_NO_PARAMETERS: Final = Raw(b'{"type":"object","properties":{}}')


def _tool_choice(choice: ToolChoice, tools: tuple[Tool, ...]) -> Any:
    kinds = {tool.name: tool.kind for tool in tools}
    match choice.mode:
        case "named":
            return {"type": choice.kind, "name": choice.names[0]}
        case "allowed":
            return {
                "type": "allowed_tools",
                "mode": "required" if choice.required else "auto",
                "tools": [
                    {"type": kinds.get(name, "function"), "name": name} for name in choice.names
                ],
            }
        case word:
            return word
