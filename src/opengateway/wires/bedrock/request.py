"""From the canonical form to a Converse request (reference: providers, B.5).

What the answer means the same without is left out and told; what it does not is refused. Members
are named to the caller as the chat dialect names them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from urllib.parse import quote

from opengateway.domain import origins
from opengateway.domain.canonical import CanonicalRequest, ToolResult
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.model_rules import ModelRule
from opengateway.kit.json import JsonObject, Raw, dumps, loads
from opengateway.wires.anthropic.betas import Features
from opengateway.wires.bedrock.marks import settle
from opengateway.wires.bedrock.messages import Conversation, is_signed
from opengateway.wires.bedrock.model import rule_of
from opengateway.wires.bedrock.thinking import Thinking, thinking_of
from opengateway.wires.bedrock.tools import DIALECT, Offer
from opengateway.wires.someone import names_of_someone
from opengateway.wires.spread_marks import spread

PATH: Final = "/model/{model}/converse"
_STREAM: Final = "-stream"
_EVENTS: Final = "application/vnd.amazon.eventstream"
_EMPTY: Final = frozenset((b"null", b"false", b"[]", b"{}", b'""'))
"""Values whose absence changes nothing, so that leaving them out need not be told."""
_OURS: Final = frozenset(("metadata", "stream_options", "store", "safety_identifier"))
"""Members that are about the log and the stream, not about the answer."""
_PASSED: Final = {
    "guardrailConfig": "guardrailConfig",
    "guardrail_config": "guardrailConfig",
    "performanceConfig": "performanceConfig",
    "performance_config": "performanceConfig",
    "additionalModelResponseFieldPaths": "additionalModelResponseFieldPaths",
}
"""Bedrock's own members, sent on from any dialect."""
_FIELDS: Final = "additionalModelRequestFields"
_TIERS: Final = {"default": "default", "standard": "default", "flex": "flex"}
"""The dearer tiers have no price of their own here, and are left out."""
_LEAST_TOP_P: Final = 0.95


def upstream_call(
    request: CanonicalRequest, endpoint: Endpoint, provider: Provider
) -> UpstreamCall:
    """Make the upstream request. Raises `InvalidRequest` for what must not be dropped."""
    rule = rule_of(endpoint, provider)
    if rule.cache_marks:
        request = spread(request, rule.cache_marks)
    call = _Call(request, endpoint, provider, rule)
    call.refuse_what_cannot_be_done()
    path = PATH.replace("{model}", quote(endpoint.upstream_model, safe=""))
    return UpstreamCall(
        path=path + _STREAM if request.stream else path,
        body=dumps(call.body()),
        dropped=tuple(dict.fromkeys(call.dropped)),
        emulated=call.emulated,
        headers={"accept": _EVENTS} if request.stream else {},
    )


class _Call:
    """One request in the making. `dropped` names what is left out."""

    __slots__ = (
        "_endpoint",
        "_left_out",
        "_provider",
        "_request",
        "_rule",
        "dropped",
        "emulated",
    )

    def __init__(
        self, request: CanonicalRequest, endpoint: Endpoint, provider: Provider, rule: ModelRule
    ) -> None:
        self._request = request
        self._endpoint = endpoint
        self._provider = provider
        self._rule = rule
        self._left_out: Collection[str] = {*provider.profile.drop, *rule.drop}
        self.dropped: list[str] = []
        self.emulated: tuple[str, ...] = ()

    def refuse_what_cannot_be_done(self) -> None:
        request, vendor = self._request, self._provider.id
        if request.sampling.n > 1:
            raise InvalidRequest(
                f"n: {vendor} gives one choice a request; ask for 1, or send the request several "
                "times",
                param="n",
            )
        if request.server_tools and request.dialect != DIALECT:
            raise InvalidRequest(
                f"tools: {vendor} does not know the built-in tools of another vendor; leave them "
                "out or choose another model",
                code="unsupported_parameter",
                param="tools",
            )
        for member in self._provider.profile.refuse:
            raw = request.extra.get(member)
            if raw is not None and bytes(raw) not in _EMPTY:
                raise InvalidRequest(
                    f"{member}: {vendor} does not know it; leave it out or choose another model",
                    code="unsupported_parameter",
                    param=member,
                )
        raw = request.extra.get("modalities")
        asked = loads(raw) if raw is not None else None
        if asked and asked != ["text"]:
            raise InvalidRequest(
                f"modalities: {vendor} answers in text only; ask for that", param="modalities"
            )

    def body(self) -> JsonObject:
        request, rule = self._request, self._rule
        offer = Offer(request, rule, self._provider.id, self.dropped)
        self.emulated = offer.emulated
        offers = bool(offer.tools)
        talk = Conversation(request, rule, self._provider, self.dropped, tools=offers)
        if not offers and _has_calls(request):
            self.dropped.append("messages[].tool_calls")  # as blocks; they are told as text
        is_begun = talk.messages[-1]["role"] == "assistant"
        may_budget = not offer.is_forced and not is_begun and is_signed(talk.messages)
        thinking = thinking_of(request, self._endpoint, rule, self.dropped, may_budget=may_budget)
        if offer.instruction is not None:
            talk.system.append({"text": offer.instruction})
        if request.cache.automatic is not None:
            self.dropped.append("cache_control")
        contents = [message["content"] for message in talk.messages]
        if settle([offer.tools, talk.system, *contents]):
            self.dropped.append("cache_control")
        body: JsonObject = {"messages": talk.messages}
        if talk.system:
            body["system"] = talk.system
        fields: JsonObject = dict(thinking.fields)
        self._put_limits(body, fields, thinking)
        if offers:
            body["toolConfig"] = {"tools": offer.tools}
            if offer.choice is not None:
                body["toolConfig"]["toolChoice"] = offer.choice
        if offer.format is not None:
            body["outputConfig"] = {"textFormat": offer.format}
        self._put_rest(body, fields)
        self._put_betas(fields)
        if fields:
            body[_FIELDS] = fields
        self._tell_what_has_no_place()
        return body

    def _keep(self, member: str) -> bool:
        """Whether a member that was given may be sent; told where not."""
        if member in self._left_out:
            self.dropped.append(member)
            return False
        return True

    def _put_limits(self, body: JsonObject, fields: JsonObject, thinking: Thinking) -> None:
        given = self._sampling(thinking)
        config: JsonObject = {}
        if thinking.max_tokens is not None:
            if thinking.is_boundless:
                self.dropped.append("max_completion_tokens")
            else:
                config["maxTokens"] = thinking.max_tokens
        for name, member in (("temperature", "temperature"), ("top_p", "topP")):
            if name in given and self._keep(name):
                config[member] = given[name]
        # A sequence of white space would end an answer before it began.
        asked = self._request.sampling.stop
        stop = [sequence for sequence in asked if sequence.strip()]
        if len(stop) < len(asked):
            self.dropped.append("stop")
        if stop:
            config["stopSequences"] = stop
        if config:
            body["inferenceConfig"] = config
        self._put_top_k(given.get("top_k"), fields)

    def _sampling(self, thinking: Thinking) -> dict[str, Any]:
        """Temperature, top_p and top_k, as far as they may be given."""
        sampling = self._request.sampling
        told = {
            "temperature": self._temperature(),
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
        }
        given: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
        if thinking.thinks and self._rule.family == origins.ANTHROPIC:
            if given.get("temperature") != 1:
                self._leave_out("temperature", given)
            if given.get("top_p", 1) < _LEAST_TOP_P:
                self._leave_out("top_p", given)
            self._leave_out("top_k", given)
        if thinking.is_boundless:
            for name in told:
                self._leave_out(name, given)
        if self._rule.one_of_sampling and "temperature" in given:
            self._leave_out("top_p", given)
        return given

    def _put_top_k(self, top_k: int | None, fields: JsonObject) -> None:
        if top_k is None:
            return
        match self._rule.top_k_in:
            case "top_k":
                fields["top_k"] = top_k
            case "inference_config":
                fields["inferenceConfig"] = {"topK": top_k}
            case _:
                self.dropped.append("top_k")

    def _leave_out(self, name: str, given: dict[str, Any]) -> None:
        if given.pop(name, None) is not None:
            self.dropped.append(name)

    def _temperature(self) -> float | None:
        asked, profile = self._request.sampling.temperature, self._provider.profile
        if asked is None:
            return None
        given = asked
        if profile.max_temperature is not None:
            given = min(given, profile.max_temperature)
        if profile.min_temperature is not None:
            given = max(given, profile.min_temperature)
        if given != asked:
            self.dropped.append("temperature")  # not as it was asked for: the caller is told
        return given

    def _put_rest(self, body: JsonObject, fields: JsonObject) -> None:
        request = self._request
        if request.service_tier not in (None, "auto") and self._keep("service_tier"):
            tier = _TIERS.get(request.service_tier or "")
            if tier is None:
                self.dropped.append("service_tier")
            else:
                body["serviceTier"] = {"type": tier}
        for member, raw in request.extra.items():
            if bytes(raw) in _EMPTY or member in _OURS or member == "modalities":
                continue
            if member == _FIELDS:
                self._put_own_fields(raw, fields)
            elif (name := _PASSED.get(member)) is not None:
                body[name] = raw
            elif request.dialect == DIALECT:
                body.setdefault(member, raw)
            else:
                self.dropped.append(member)

    def _put_betas(self, fields: JsonObject) -> None:
        """Claude's features by header, as a member of its own."""
        features = Features(self._request, self._provider)
        if self._rule.family != origins.ANTHROPIC:
            self.dropped += ["anthropic-beta"] if self._request.betas else []
            return
        self.dropped += features.dropped
        own = fields.get("anthropic_beta")
        if names := features.names(",".join(own) if isinstance(own, list) else ""):
            fields["anthropic_beta"] = names

    def _put_own_fields(self, raw: Raw, fields: JsonObject) -> None:
        """The model's own fields, as the caller wrote them; what was said elsewhere stands."""
        given = loads(raw)
        if not isinstance(given, dict):
            raise InvalidRequest(
                f"{_FIELDS}: not an object; send the model's own members in one", param=_FIELDS
            )
        for name, value in given.items():
            fields.setdefault(name, value)

    def _tell_what_has_no_place(self) -> None:
        request, sampling = self._request, self._request.sampling
        absent: tuple[tuple[str, Any], ...] = (
            ("frequency_penalty", sampling.frequency_penalty),
            ("presence_penalty", sampling.presence_penalty),
            ("seed", sampling.seed is not None),
            ("logprobs", sampling.logprobs),
            ("top_logprobs", sampling.top_logprobs),
            ("prompt_cache_key", request.cache.key),
        )
        self.dropped += (member for member, is_given in absent if is_given)
        self.dropped += names_of_someone(request)


def _has_calls(request: CanonicalRequest) -> bool:
    return any(isinstance(item, ToolResult) for turn in request.turns for item in turn.items)
