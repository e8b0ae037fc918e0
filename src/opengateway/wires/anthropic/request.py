"""From the canonical form to a Messages request (reference: providers, A.8 and B.2).

What the answer means the same without is left out and told; what it does not is refused. Members
are named to the caller as the chat dialect names them.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain
from typing import Any, Final

from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.model_rules import ModelRule
from opengateway.kit.json import JsonObject, dumps, loads
from opengateway.wires.anthropic.blocks import needs_files
from opengateway.wires.anthropic.marks import MEMBER, control_of, settle
from opengateway.wires.anthropic.messages import DIALECT, Conversation, is_signed
from opengateway.wires.anthropic.thinking import Plan, plan_of
from opengateway.wires.anthropic.tools import Offer

PATH: Final = "/v1/messages"
VERSION: Final = "2023-06-01"
_FILES_BETA: Final = "files-api-2025-04-14"
_NO_RULE: Final = ModelRule(prefix="")
_EMPTY: Final = frozenset((b"null", b"false", b"[]", b"{}", b'""'))
"""Values whose absence changes nothing, so that leaving them out need not be told."""
_OURS: Final = frozenset(
    ("metadata", "stream_options", "store", "safety_identifier", "cache_control")
)
"""Members that are about the log or the stream, or that were read already."""
_TIERS: Final = {
    "auto": "auto",
    "priority": "auto",
    "default": "standard_only",
    "standard_only": "standard_only",
}
_LEAST_TOP_P: Final = 0.95
"""While it thinks, the model takes no less."""


def upstream_call(
    request: CanonicalRequest, endpoint: Endpoint, provider: Provider
) -> UpstreamCall:
    """Make the upstream request. Raises `InvalidRequest` for what must not be dropped."""
    model = endpoint.upstream_model
    rule = next((r for r in provider.profile.models if model.startswith(r.prefix)), _NO_RULE)
    call = _Call(request, endpoint, provider, rule)
    call.refuse_what_cannot_be_done()
    body = call.body()
    path = PATH.removeprefix("/v1") if provider.base_url.endswith("/v1") else PATH
    return UpstreamCall(
        path=path,
        body=dumps(body),
        dropped=tuple(dict.fromkeys(call.dropped)),
        emulated=call.emulated,
        headers=_headers(body, provider),
    )


def _headers(body: JsonObject, provider: Provider) -> dict[str, str]:
    given = {name.lower(): value for name, value in provider.headers.items()}
    headers = {} if "anthropic-version" in given else {"anthropic-version": VERSION}
    if needs_files(chain.from_iterable(message["content"] for message in body["messages"])):
        betas = [given["anthropic-beta"]] if "anthropic-beta" in given else []
        headers["anthropic-beta"] = ",".join((*betas, _FILES_BETA))
    return headers


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
        request, profile, vendor = self._request, self._provider.profile, self._provider.id
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
        for member in profile.refuse:
            raw = request.extra.get(member)
            if raw is not None and bytes(raw) not in _EMPTY:
                raise InvalidRequest(
                    f"{member}: {vendor} does not know it; leave it out or choose another model",
                    code="unsupported_parameter",
                    param=member,
                )
        self._refuse_other_modalities()

    def _refuse_other_modalities(self) -> None:
        raw = self._request.extra.get("modalities")
        asked = loads(raw) if raw is not None else None
        if asked and asked != ["text"]:
            raise InvalidRequest(
                f"modalities: {self._provider.id} answers in text only; ask for that",
                param="modalities",
            )

    def body(self) -> JsonObject:
        request, vendor = self._request, self._provider.id
        offer = Offer(request, self._rule, vendor, self.dropped)
        self.emulated = offer.emulated
        talk = Conversation(request, self._rule, vendor, self.dropped)
        is_begun = talk.messages[-1]["role"] == "assistant"
        may_budget = not offer.is_forced and not is_begun and is_signed(talk.messages)
        plan = plan_of(request, self._endpoint, self._rule, self.dropped, may_budget=may_budget)
        body: JsonObject = {
            "model": self._endpoint.upstream_model,
            "max_tokens": plan.max_tokens,
            "messages": talk.messages,
        }
        if offer.instruction is not None:
            talk.system.append({"type": "text", "text": offer.instruction})
        for name, value in (
            ("system", talk.system),
            ("tools", offer.tools),
            ("tool_choice", offer.choice),
            ("thinking", plan.thinking),
        ):
            if value:
                body[name] = value
        self._put_config(body, plan, offer)
        self._put_sampling(body, plan)
        self._put_rest(body)
        if settle(body):
            self.dropped.append(MEMBER)
        return body

    def _put_config(self, body: JsonObject, plan: Plan, offer: Offer) -> None:
        config: JsonObject = {}
        if plan.effort is not None:
            config["effort"] = plan.effort
        if offer.format is not None:
            config["format"] = offer.format
        if config:
            body["output_config"] = config

    def _keep(self, member: str) -> bool:
        """Whether a member that was given may be sent; told where not."""
        if member in self._left_out:
            self.dropped.append(member)
            return False
        return True

    def _put_sampling(self, body: JsonObject, plan: Plan) -> None:
        sampling = self._request.sampling
        given: dict[str, Any] = {
            "temperature": self._temperature(),
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
        }
        given = {name: value for name, value in given.items() if value is not None}
        if plan.thinks:
            if given.get("temperature") != 1:
                self._leave_out("temperature", given)
            if given.get("top_p", 1) < _LEAST_TOP_P:
                self._leave_out("top_p", given)
            self._leave_out("top_k", given)
        if self._rule.one_of_sampling and "temperature" in given:
            self._leave_out("top_p", given)
        body |= {name: value for name, value in given.items() if self._keep(name)}
        # A sequence of white space is refused, and would end an answer before it began.
        stop = [sequence for sequence in sampling.stop if sequence.strip()]
        if len(stop) < len(sampling.stop):
            self.dropped.append("stop")
        if stop:
            body["stop_sequences"] = stop

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

    def _put_rest(self, body: JsonObject) -> None:
        request = self._request
        if request.user is not None and self._keep("user"):
            body["metadata"] = {"user_id": request.user}
        if request.service_tier is not None and self._keep("service_tier"):
            tier = _TIERS.get(request.service_tier)
            if tier is None:
                self.dropped.append("service_tier")
            else:
                body["service_tier"] = tier
        if request.cache.automatic is not None:
            body[MEMBER] = control_of(request.cache.automatic)
        if request.stream:
            body["stream"] = True
        if request.dialect == DIALECT:
            body |= {name: raw for name, raw in request.extra.items() if name not in body}
        else:
            self.dropped += (
                name
                for name, raw in request.extra.items()
                if name not in _OURS and name != "modalities" and bytes(raw) not in _EMPTY
            )
        self._tell_what_has_no_place()

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
