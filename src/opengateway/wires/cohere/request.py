"""From the canonical form to a chat request (reference: providers, B.6).

What the answer means the same without is left out and told; what it does not is refused. Members
are named to the caller as the chat dialect names them.
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.model_rules import ModelRule
from opengateway.kit.json import JsonObject, dumps, loads
from opengateway.wires.cohere.messages import messages_of
from opengateway.wires.cohere.tools import offer, refused
from opengateway.wires.emulation import FORMAT, in_words, wants_form
from opengateway.wires.someone import names_of_someone

PATH: Final = "/v2/chat"
MAX_STOP: Final = 5
_EMPTY: Final = frozenset((b"null", b"false", b"[]", b"{}", b'""'))
"""Values whose absence changes nothing, so that leaving them out need not be told."""
_OURS: Final = frozenset(("metadata", "stream_options", "store", "safety_identifier"))
"""Members that are about the log or the stream, not about the answer."""
_PASSED: Final = ("documents", "citation_options", "safety_mode")
"""The vendor's own members, sent on from any dialect."""
_BUDGETS: Final = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16_384,
    "xhigh": 24_576,
    "max": 31_000,
}
"""Tokens of thinking. The reference gives no table of the vendor's own: as for others."""
_NO_RULE: Final = ModelRule(prefix="")


def upstream_call(
    request: CanonicalRequest, endpoint: Endpoint, provider: Provider
) -> UpstreamCall:
    """Make the upstream request. Raises `InvalidRequest` for what must not be dropped."""
    vendor, dropped = provider.id, list[str]()
    emulated: tuple[str, ...] = ()
    if request.tools and wants_form(request):
        request, emulated = in_words(request), (FORMAT,)
    _refuse_what_cannot_be_done(request, provider)
    body: JsonObject = {
        "model": endpoint.upstream_model,
        "messages": messages_of(request.turns, vendor, dropped),
        "stream": request.stream,
        **offer(request, vendor, dropped),
    }
    _put_sampling(body, request, provider, dropped)
    _put_thinking(body, request, endpoint, provider, dropped)
    for name, raw in request.extra.items():
        if name in _PASSED:
            body[name] = raw
        elif name not in _OURS and name != "modalities" and bytes(raw) not in _EMPTY:
            dropped.append(name)
    return UpstreamCall(PATH, dumps(body), tuple(dict.fromkeys(dropped)), emulated=emulated)


def _refuse_what_cannot_be_done(request: CanonicalRequest, provider: Provider) -> None:
    if request.sampling.n > 1:
        raise InvalidRequest(
            f"n: {provider.id} gives one choice a request; ask for 1, or send the request several"
            " times",
            param="n",
        )
    if len(request.sampling.stop) > MAX_STOP:
        raise InvalidRequest(
            f"stop: {provider.id} takes at most {MAX_STOP} sequences; send fewer", param="stop"
        )
    raw = request.extra.get("modalities")
    asked = loads(raw) if raw is not None else None
    if asked and asked != ["text"]:
        raise refused("modalities", provider.id, "a wish for anything but text")
    for member in provider.profile.refuse:
        raw = request.extra.get(member)
        if raw is not None and bytes(raw) not in _EMPTY:
            raise refused(member, provider.id, "this member")


def _put_sampling(
    body: JsonObject, request: CanonicalRequest, provider: Provider, dropped: list[str]
) -> None:
    sampling = request.sampling
    given: dict[str, tuple[str, Any]] = {
        "max_completion_tokens": ("max_tokens", request.max_output_tokens),
        "temperature": ("temperature", _clamped(sampling.temperature, 0.0, 1.0)),
        "top_p": ("p", _clamped(sampling.top_p, 0.01, 0.99)),
        "top_k": ("k", _clamped(sampling.top_k, 0, 500)),
        "frequency_penalty": (
            "frequency_penalty",
            _clamped(sampling.frequency_penalty or None, 0.0, 1.0),
        ),
        "presence_penalty": (
            "presence_penalty",
            _clamped(sampling.presence_penalty or None, 0.0, 1.0),
        ),
        "seed": ("seed", sampling.seed if sampling.seed is None or sampling.seed >= 0 else None),
        "stop": ("stop_sequences", list(sampling.stop) or None),
        "logprobs": ("logprobs", sampling.logprobs or None),
    }
    for name, (theirs, value) in given.items():
        if value is None:
            continue
        if name in provider.profile.drop:
            dropped.append(name)
        else:
            body[theirs] = value
    if "frequency_penalty" in body and "presence_penalty" in body:  # one of the two
        del body["presence_penalty"]
        dropped.append("presence_penalty")
    asked = (
        ("temperature", sampling.temperature, body.get("temperature")),
        ("top_p", sampling.top_p, body.get("p")),
        ("top_k", sampling.top_k, body.get("k")),
        ("seed", sampling.seed, body.get("seed")),
        ("frequency_penalty", sampling.frequency_penalty or None, body.get("frequency_penalty")),
        ("presence_penalty", sampling.presence_penalty or None, body.get("presence_penalty")),
    )
    dropped += (name for name, wanted, sent in asked if wanted != sent)
    absent = (
        ("top_logprobs", sampling.top_logprobs),
        ("service_tier", request.service_tier),
        ("prompt_cache_key", request.cache.key),
    )
    dropped += (name for name, value in absent if value)
    dropped += names_of_someone(request)


def _clamped(value: float | None, low: float, high: float) -> float | None:
    """A value outside of the range goes out as the nearest within, and the caller is told."""
    return None if value is None else min(max(value, low), high)


def _put_thinking(
    body: JsonObject,
    request: CanonicalRequest,
    endpoint: Endpoint,
    provider: Provider,
    dropped: list[str],
) -> None:
    """Models that reason do so unless told not to; others do not know the member."""
    asked = request.reasoning
    model = endpoint.upstream_model
    rule = next((r for r in provider.profile.models if model.startswith(r.prefix)), _NO_RULE)
    if asked.effort is None and asked.budget_tokens is None and asked.enabled is None:
        return
    if rule.reasoning == "never" and not endpoint.reasoning:
        if asked.effort not in (None, "none") or asked.enabled or asked.budget_tokens:
            dropped.append("reasoning_effort")
        return
    if asked.effort == "none" or asked.enabled is False or asked.budget_tokens == 0:
        body["thinking"] = {"type": "disabled"}
        return
    budget = asked.budget_tokens or _BUDGETS.get(asked.effort or "")
    body["thinking"] = {"type": "enabled"} if budget is None else _budgeted(budget)


def _budgeted(budget: int) -> JsonObject:
    return {"type": "enabled", "token_budget": budget}
