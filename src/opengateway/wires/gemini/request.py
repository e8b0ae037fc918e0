"""From the canonical form to a GenerateContentRequest (reference: providers, B.3).

What the answer means the same without is left out and told; what it does not is refused. Members
are named to the caller as the chat dialect names them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from urllib.parse import quote

from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.model_rules import ModelRule
from opengateway.kit.json import JsonObject, Raw, dumps, loads
from opengateway.wires.emulation import FORMAT, in_words, wants_form
from opengateway.wires.gemini.contents import contents_of
from opengateway.wires.gemini.schema import stripped
from opengateway.wires.gemini.thinking import thinking_config
from opengateway.wires.gemini.tools import put_tools
from opengateway.wires.someone import names_of_someone

PATH: Final = "/v1beta/models/{model}"
DIALECT: Final = "gemini"
_WHOLE: Final = ":generateContent"
_STREAM: Final = ":streamGenerateContent?alt=sse"
_NO_RULE: Final = ModelRule(prefix="")
_EMPTY: Final = frozenset((b"null", b"false", b"[]", b"{}", b'""'))
"""Values whose absence changes nothing, so that leaving them out need not be told."""
_OURS: Final = frozenset(("metadata", "stream_options"))
"""Members that are about the log and the stream, not about the answer."""
_PASSED: Final = {
    "cachedContent": "cachedContent",
    "cached_content": "cachedContent",
    "safetySettings": "safetySettings",
    "safety_settings": "safetySettings",
}
"""Google's own members, sent on from any dialect. Nothing is made up where they are absent."""
_TIERS: Final = {"flex": "flex", "priority": "priority"}
_MODALITIES: Final = {"text": "TEXT", "image": "IMAGE"}
_SEEDS: Final = range(-(1 << 31), 1 << 31)


def upstream_call(
    request: CanonicalRequest, endpoint: Endpoint, provider: Provider
) -> UpstreamCall:
    """Make the upstream request. Raises `InvalidRequest` for what must not be dropped."""
    model = endpoint.upstream_model
    rule = next((r for r in provider.profile.models if model.startswith(r.prefix)), _NO_RULE)
    emulated: tuple[str, ...] = ()
    if request.tools and not rule.schema_with_tools and wants_form(request):
        request, emulated = in_words(request), (FORMAT,)
    call = _Call(request, endpoint, provider, rule)
    call.refuse_what_cannot_be_done()
    path = (provider.profile.operation_path or PATH).replace("{model}", quote(model, safe="@"))
    return UpstreamCall(
        path=path + (_STREAM if request.stream else _WHOLE),
        body=dumps(call.body()),
        dropped=tuple(dict.fromkeys(call.dropped)),
        emulated=emulated,
    )


class _Call:
    """One request in the making. `dropped` names what is left out."""

    __slots__ = ("_endpoint", "_left_out", "_provider", "_request", "_rule", "dropped")

    def __init__(
        self, request: CanonicalRequest, endpoint: Endpoint, provider: Provider, rule: ModelRule
    ) -> None:
        self._request = request
        self._endpoint = endpoint
        self._provider = provider
        self._rule = rule
        self._left_out: Collection[str] = {*provider.profile.drop, *rule.drop}
        self.dropped: list[str] = []

    def refuse_what_cannot_be_done(self) -> None:
        request, profile, name = self._request, self._provider.profile, self._provider.id
        sampling = request.sampling
        if profile.max_n is not None and sampling.n > profile.max_n:
            raise InvalidRequest(
                f"n: {name} gives at most {profile.max_n} choices a request; ask for fewer, or "
                "send the request several times",
                param="n",
            )
        if profile.max_stop is not None and len(sampling.stop) > profile.max_stop:
            raise InvalidRequest(
                f"stop: {name} takes at most {profile.max_stop} sequences; send fewer",
                param="stop",
            )
        if request.server_tools and request.dialect != DIALECT:
            raise InvalidRequest(
                f"tools: {name} does not know the built-in tools of another vendor; leave them out "
                "or choose another model",
                code="unsupported_parameter",
                param="tools",
            )
        for member in profile.refuse:
            raw = request.extra.get(member)
            if raw is not None and bytes(raw) not in _EMPTY:
                raise InvalidRequest(
                    f"{member}: {name} does not know it; leave it out or choose another model",
                    code="unsupported_parameter",
                    param=member,
                )

    def _keep(self, member: str) -> bool:
        """Whether a member that was given may be sent; told where not."""
        if member in self._left_out:
            self.dropped.append(member)
            return False
        return True

    def body(self) -> JsonObject:
        request = self._request
        system, contents = contents_of(request, self._provider, self._rule)
        body: JsonObject = {}
        if system:
            body["systemInstruction"] = {"parts": system}
        body["contents"] = contents
        put_tools(body, request, self._provider)
        config: JsonObject = {}
        self._put_sampling(config)
        self._put_output(config)
        thinking = thinking_config(request, self._rule, self.dropped)
        if thinking:
            config["thinkingConfig"] = thinking
        self._put_extra(body, config)
        if config:
            body["generationConfig"] = config
        self._put_tier(body)
        self._tell_what_has_no_place()
        return body

    def _put_sampling(self, config: JsonObject) -> None:
        request, sampling = self._request, self._request.sampling
        if (limit := request.max_output_tokens) is not None:
            # More than the model can give is refused there, and means as much as it can give.
            most = self._endpoint.max_output
            config["maxOutputTokens"] = limit if most is None else min(limit, most)
        temperature = sampling.temperature
        highest = self._provider.profile.max_temperature
        if temperature is not None and highest is not None and temperature > highest:
            temperature = highest
            self.dropped.append("temperature")  # not as it was asked for: the caller is told
        given: tuple[tuple[str, str, Any], ...] = (
            ("temperature", "temperature", temperature),
            ("top_p", "topP", sampling.top_p),
            ("top_k", "topK", sampling.top_k),
            ("presence_penalty", "presencePenalty", sampling.presence_penalty or None),
            ("frequency_penalty", "frequencyPenalty", sampling.frequency_penalty or None),
        )
        for member, name, value in given:
            if value is not None and self._keep(member):
                config[name] = value
        if sampling.seed is not None and self._keep("seed"):
            if sampling.seed in _SEEDS:
                config["seed"] = sampling.seed
            else:  # a hint, and 32 bits there
                self.dropped.append("seed")
        if sampling.stop:
            config["stopSequences"] = list(sampling.stop)
        if sampling.n > 1:
            config["candidateCount"] = sampling.n

    def _put_output(self, config: JsonObject) -> None:
        output = self._request.output
        if output is None or output.kind == "text":
            return
        config["responseMimeType"] = "application/json"
        if output.kind == "json_schema" and output.schema is not None:
            config["responseJsonSchema"] = stripped(output.schema, self._provider.profile)

    def _put_tier(self, body: JsonObject) -> None:
        tier = self._request.service_tier
        if tier is None or tier in ("auto", "default", "standard"):
            return
        if tier not in _TIERS:
            self.dropped.append("service_tier")
        elif self._keep("service_tier"):
            body["serviceTier"] = _TIERS[tier]

    def _put_extra(self, body: JsonObject, config: JsonObject) -> None:
        for member, raw in self._request.extra.items():
            if bytes(raw) in _EMPTY or member in _OURS:
                continue
            if (name := _PASSED.get(member)) is not None:
                body[name] = raw
            elif member == "modalities":
                self._put_modalities(raw, config)
            else:
                self.dropped.append(member)

    def _put_modalities(self, raw: Raw, config: JsonObject) -> None:
        asked = loads(raw)
        names = [_MODALITIES.get(one) for one in asked] if isinstance(asked, list) else [None]
        if None in names:
            raise InvalidRequest(
                f"modalities: {self._provider.id} answers a chat in text or images; ask for these",
                param="modalities",
            )
        if names != ["TEXT"]:
            config["responseModalities"] = names

    def _tell_what_has_no_place(self) -> None:
        request, sampling = self._request, self._request.sampling
        absent = (
            ("parallel_tool_calls", request.parallel_tool_calls is False and bool(request.tools)),
            ("logprobs", sampling.logprobs),
            ("top_logprobs", bool(sampling.top_logprobs)),
            ("prompt_cache_key", request.cache.key is not None),
            ("cache_control", self._has_marks()),
        )
        self.dropped += (member for member, is_given in absent if is_given)
        self.dropped += names_of_someone(request)

    def _has_marks(self) -> bool:
        """Marks say where a cached prefix ends; Google finds that out by itself."""
        request = self._request
        return (
            request.cache.automatic is not None
            or any(tool.cache is not None for tool in request.tools)
            or any(item.cache is not None for turn in request.turns for item in turn.items)
        )
