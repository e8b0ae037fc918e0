"""A stream that broke after its first content, gone on with by another provider (opt-in).

Only where nothing can go wrong by it: plain text, one choice, no tools, no thoughts, no logprobs; and
only at endpoints that take the beginning of an answer. The seam is told in the stream. The prompt is
billed once: what was handed on before counts as output, and not as the prompt of what follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as changed
from typing import Final, Protocol

from msgspec.structs import replace

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.errors import CallerError, CapacityError, UpstreamError
from opengateway.domain.routing import Candidate, Plan
from opengateway.domain.usage import Dimension, Usage
from opengateway.gateway.attempt import BegunStream, Owner
from opengateway.gateway.attempts import first_answer
from opengateway.gateway.pricing import STREAM_HOLD_TOKENS
from opengateway.gateway.routing.route import Route
from opengateway.gateway.state import ExchangeState
from opengateway.kit.json import JsonObject, Raw, dumps
from opengateway.policies.errors import ERROR_POLICIES

_PROMPT: Final = (Dimension.INPUT, Dimension.CACHE_READ, Dimension.CACHE_WRITE)
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
_PLAIN: Final = (None, "none")
_TEXT: Final = (None, "text")


class Continued(Owner, Protocol):
    """What is needed of the exchange whose stream broke."""

    route: Route

    async def hold_more(self, tokens: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class GoneOn:
    begun: BegunStream
    seam: bytes


async def go_on(exchange: Continued, error: UpstreamError) -> GoneOn | None:
    """The next provider's stream, begun. None where nobody can go on: then the error is told."""
    state, services = exchange.state, exchange.services
    notes, winner, said = services.routing_notes, state.winner, _said(state)
    if notes is None or winner is None or not said or not _is_plain(state.chat, winner):
        return None
    plan = _plan(state, winner, error)
    if plan is None or not services.router.budget.take(services.router.now()):
        return None
    if not await exchange.hold_more(STREAM_HOLD_TOKENS):
        return None
    exchange.route.broke(error)
    _note(exchange, error)
    chat, meter = state.chat, state.meter
    before = meter if state.before is None else joined(state.before, meter, winner.endpoint)
    state.chat = continued(chat, said, plan.candidates[0], _tokens(before, winner.endpoint))
    route = services.router.route(state.chat, state.principal, plan)
    try:
        begun = await first_answer(exchange, route)
    except (UpstreamError, CallerError, CapacityError):
        state.meter, state.winner = meter, winner
        route.release()
        return None
    finally:
        state.chat = chat
    if not isinstance(begun, BegunStream):
        return None
    state.before, exchange.route = before, route
    following = state.winner or winner
    created = state.arrival.started_at_ns // 1_000_000_000
    seam: JsonObject = {
        "after_characters": before.characters,
        "reason": ERROR_POLICIES[error.error_class].code,
        "provider": following.provider.id,
        "region": following.endpoint.region,
    }
    head = notes.seam(state.arrival.request_id, created, following.model.id, seam)
    return GoneOn(begun, head)


def _said(state: ExchangeState) -> str:
    """All that was handed on; empty where that is not known whole."""
    kept, before = state.meter.kept, state.before
    mine = kept.getvalue() if kept is not None else ""
    if len(mine) != state.meter.characters:
        return ""
    if before is None:
        return mine
    earlier = before.kept.getvalue() if before.kept is not None else ""
    return earlier + mine if len(earlier) == before.characters else ""


def _is_plain(chat: ChatRequest, winner: Candidate) -> bool:
    facts = chat.facts
    return (
        chat.stream
        and facts.n == 1
        and not facts.has_tools
        and facts.response_format in _TEXT
        and facts.reasoning_effort in _PLAIN
        and not winner.endpoint.reasoning
        and "logprobs" not in chat.fields
        and "audio" not in chat.fields
    )


def _plan(state: ExchangeState, winner: Candidate, error: UpstreamError) -> Plan | None:
    """Those of the same model that take the beginning of an answer, all in the same way: what did
    not fail in this request, or else the same place, where the class of trouble allows it."""
    plan, policy = state.plan, ERROR_POLICIES[error.error_class]
    failed = {(a.endpoint_id, a.credential) for a in state.attempts if a.status == "failed"}
    failed.add((winner.endpoint.id, winner.credential or ""))
    able = [
        candidate
        for candidate in plan.candidates
        if candidate.model.id == winner.model.id
        and takes_beginnings(candidate.endpoint, candidate.provider)
    ]
    others = [c for c in able if (c.endpoint.id, c.credential or "") not in failed]
    if others and policy.next_endpoint:
        able = others
    elif policy.same_endpoint:
        able = [candidate for candidate in able if candidate.place == winner.place]
    else:
        able = []
    if not able:
        return None
    form = able[0].provider.profile.continues
    same = [_first_rank(one) for one in able if one.provider.profile.continues == form]
    context = min(one.endpoint.context for one in same)
    return changed(plan, candidates=tuple(same), least_context=context, kept=False)


def _first_rank(candidate: Candidate) -> Candidate:
    return changed(candidate, fallback_rank=0)


def takes_beginnings(endpoint: Endpoint, provider: Provider) -> bool:
    """Whether the endpoint goes on with an answer that was begun elsewhere."""
    profile = provider.profile
    if profile.continues == "no" or endpoint.reasoning:
        return False
    name = endpoint.upstream_model
    rule = next((rule for rule in profile.models if name.startswith(rule.prefix)), None)
    return rule is None or (rule.prefill and rule.reasoning in ("never", "asked"))


def continued(chat: ChatRequest, said: str, candidate: Candidate, tokens: int) -> ChatRequest:
    """The request with what was said so far as the beginning of its answer."""
    fields = dict(chat.fields)
    form = candidate.provider.profile.continues
    last: JsonObject = {"role": "assistant", "content": said.rstrip()}
    facts = chat.facts
    if form == "prefix":
        last["prefix"] = True
        facts = replace(facts, message_members=facts.message_members | {"prefix"})
    elif form == "template":
        fields["continue_final_message"] = Raw(b"true")
        fields["add_generation_prompt"] = Raw(b"false")
    messages = bytes(fields["messages"]).rstrip()
    fields["messages"] = Raw(messages[:-1] + b"," + dumps(last) + b"]")
    if facts.max_output_tokens is not None:
        left = max(1, facts.max_output_tokens - tokens)
        facts = replace(facts, max_output_tokens=left)
        for name in _LIMITS:
            if name in fields:
                fields[name] = Raw(b"%d" % left)
    size = chat.input_bytes + len(said.encode())
    return replace(chat, fields=fields, facts=facts, input_bytes=size)


def _tokens(meter: Meter, endpoint: Endpoint) -> int:
    return round(meter.characters / endpoint.bytes_per_token)


def joined(before: Meter, after: Meter, endpoint: Endpoint) -> Meter:
    """Both parts as one answer, for its price: with one prompt, and both outputs."""
    found = Meter(
        characters=before.characters + after.characters,
        finish_reason=after.finish_reason,
        native_finish_reason=after.native_finish_reason,
        upstream_id=after.upstream_id,
        has_content=True,
    )
    if before.kept is not None and after.kept is not None and found.kept is not None:
        found.kept.write(before.kept.getvalue() + after.kept.getvalue())
    if after.usage is not None:
        found.usage = _moved(after.usage, _tokens(before, endpoint))
    return found


def _moved(usage: Usage, tokens: int) -> Usage:
    """So many tokens of the prompt are output: they were, before."""
    quantities = dict(usage.quantities)
    left = tokens
    for dimension in _PROMPT:
        taken = min(left, quantities.get(dimension, 0))
        if taken:
            quantities[dimension] -= taken
            left -= taken
    output = quantities.get(Dimension.OUTPUT, 0) + tokens - left
    quantities[Dimension.OUTPUT] = output
    return Usage({name: amount for name, amount in quantities.items() if amount}, estimated=True)


def _note(exchange: Continued, error: UpstreamError) -> None:
    """In the record of the attempt that broke."""
    if exchange.state.attempts:
        attempt = exchange.state.attempts[-1]
        attempt.status = "failed"
        attempt.error_class = error.error_class.value
        attempt.error_code = ERROR_POLICIES[error.error_class].code
        attempt.error_message = (error.detail or error.message)[:500]
        attempt.ended_ms = exchange.elapsed_ms()
