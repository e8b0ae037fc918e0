"""Step 4, `resolve`: from a model's name to the endpoints that may serve, and those that may not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import pairwise
from typing import Final

from opengateway.domain.catalog import Endpoint, Model, ModelKind, Provider, Snapshot
from opengateway.domain.chat import NO_PREFERENCES, ChatRequest, ProviderPreferences, SortBy
from opengateway.domain.errors import CallerError, InvalidRequest, NotFound
from opengateway.domain.principal import Principal
from opengateway.domain.routing import Candidate, Exclusion, ExclusionCode, Plan
from opengateway.domain.routing_rules import Routing
from opengateway.gateway.own_credentials import is_particular, ways_to
from opengateway.gateway.routing.filters import (
    Asker,
    excluded,
    exclusion,
    order_rank,
    too_long,
    unsupported,
)
from opengateway.gateway.routing.refusals import TOLD, refusal

VARIANTS: Final = {"nitro": SortBy.THROUGHPUT, "floor": SortBy.PRICE}
"""`MODEL:nitro` is the model, the fastest endpoint first; `MODEL:floor` the cheapest."""


def find_model(name: str, snapshot: Snapshot) -> Model:
    """The model of that id or alias. Raises `NotFound` with the nearest names."""
    model = _known(name, snapshot)
    if model is not None:
        return model
    if (successor := snapshot.ended.get(name)) is not None:
        instead = f"; ask {successor!r} instead" if successor else ""
        raise NotFound(
            f"the model {name[:100]!r} has ended{instead}", code="model_not_found", param="model"
        )
    near = get_close_matches(name[:100], snapshot.models, n=3, cutoff=0.5)
    advice = f" (did you mean {' or '.join(repr(n) for n in near)}?)" if near else ""
    raise NotFound(
        f"the model {name[:100]!r} does not exist or is not served here{advice};"
        " GET /v1/models lists what is",
        code="model_not_found",
        param="model",
    )


def _known(name: str, snapshot: Snapshot) -> Model | None:
    return snapshot.models.get(name) or snapshot.models.get(snapshot.aliases.get(name, ""))


def find_variant(name: str, snapshot: Snapshot) -> tuple[Model, SortBy | None]:
    """The model, and how its endpoints are sorted if its name says so. Raises `NotFound`.

    A model whose id has the ending is itself: the ending is read only of names nobody has.
    """
    bare, colon, variant = name.rpartition(":")
    if colon and variant in VARIANTS and _known(name, snapshot) is None:
        return find_model(bare, snapshot), VARIANTS[variant]
    return find_model(name, snapshot), None


_PLANS: Final = 10_000
_WISHED_PLANS: Final = 2_000
_REASONLESS: Final = (None, "none")

_Plans = dict[tuple[object, ...], Plan]


class _Made:
    """Plans of the newest snapshot. Those with wishes lie apart: whoever varies his wishes must
    not push out everybody's."""

    __slots__ = ("plain", "snapshot", "wished")

    def __init__(self, snapshot: Snapshot | None) -> None:
        self.snapshot = snapshot
        self.plain: _Plans = {}
        self.wished: _Plans = {}


_made = _Made(None)


def plan_chat(chat: ChatRequest, principal: Principal, snapshot: Snapshot) -> Plan:
    """Every endpoint that may serve the request, by fallback rank and tier.

    What only the snapshot, the key's lists and a few words of the request decide is found once: at
    most `_PLANS` and `_WISHED_PLANS` are kept. How well the endpoints are, and so the order in
    which they are tried, is the router's.

    Raises `NotFound` (model, or no endpoint left), `NotAllowed` (key, team, zone, privacy) and
    `InvalidRequest` (the model cannot do what is asked), with the filter that left nobody.
    """
    global _made
    if _made.snapshot is not snapshot:
        _made = _Made(snapshot)
    facts, wishes = chat.facts, chat.preferences
    key: tuple[object, ...] = (
        chat.model,
        chat.kinds,
        chat.fallbacks,
        facts.modalities,
        principal.models,
        principal.providers,
        facts.has_tools,
        facts.response_format,
        facts.reasoning_effort in _REASONLESS,
        "verbosity" in chat.fields,
        principal.team_id if is_particular(snapshot, principal.team_id) else None,
    )
    if wishes is NO_PREFERENCES:
        plans, limit = _made.plain, _PLANS
    else:
        plans, limit = _made.wished, _WISHED_PLANS
        # What the members are called decides only where every one must be understood.
        key = (*key, wishes, tuple(chat.fields) if wishes.require_parameters else None)
    plan = plans.get(key)
    if plan is None:
        if len(plans) >= limit:
            plans.clear()
        plan = plans[key] = _planned(Asker(chat, principal, snapshot))
    # No text has more tokens than bytes: most requests fit everywhere, at a glance.
    if chat.input_bytes + (facts.max_output_tokens or 0) > plan.least_context or facts.images:
        return _fitting(plan, Asker(chat, principal, snapshot))
    return plan


def _planned(asker: Asker) -> Plan:
    chat, snapshot = asker.chat, asker.snapshot
    candidates: list[Candidate] = []
    left_out: list[Exclusion] = []
    sorts: list[SortBy | None] = []
    problem: CallerError | None = None
    for rank, name in enumerate((chat.model, *chat.fallbacks)):
        sorts.append(chat.preferences.sort)
        try:
            model, sort = find_variant(name, snapshot)
            if sort is not None and not chat.preferences.order:
                sorts[-1] = sorts[-1] or sort
            found = _endpoints(asker, _of_kind(model, chat.kinds), rank, left_out)
        except CallerError as error:
            if rank == 0:
                problem = error  # a fallback may still serve; else this is what was wrong
            elif error.code == "model_not_found":
                raise NotFound(
                    error.message, code="model_not_found", param=f"models[{rank - 1}]"
                ) from None
        else:
            candidates.extend(found)
    if problem is not None and (not candidates or problem.code in TOLD):
        raise problem
    return _plan(candidates, snapshot.version, left_out, sorts, chat.preferences)


def _plan(
    candidates: Sequence[Candidate],
    version: str,
    left_out: Sequence[Exclusion],
    sorts: Sequence[SortBy | None],
    preferences: ProviderPreferences,
) -> Plan:
    return Plan(
        candidates=tuple(candidates),
        snapshot_version=version,
        excluded=tuple(left_out),
        sorts=tuple(sorts),
        preferences=preferences,
        least_context=min(c.endpoint.context for c in candidates),
        kept=True,
    )


def _of_kind(model: Model, kinds: tuple[ModelKind, ...]) -> Model:
    if model.kind not in kinds:
        does = f"this is for kind {kinds[0].value!r}"
        if kinds == (ModelKind.CHAT,):
            does = "it does not chat"
        raise InvalidRequest(
            f"{model.id!r} is a model of kind {model.kind.value!r}; {does}",
            code="wrong_endpoint",
            param="model",
        )
    return model


def _endpoints(asker: Asker, model: Model, rank: int, left_out: list[Exclusion]) -> list[Candidate]:
    """The model's candidates by tier. Raises what `refusal` makes where there is none."""
    kept: list[tuple[tuple[int, ...], Endpoint, Provider, str | None]] = []
    mine: list[Exclusion] = []
    routing, wishes, own = asker.snapshot.routing, asker.wishes, asker.own_credentials
    for endpoint in model.endpoints:
        pair = endpoint, asker.snapshot.providers[endpoint.provider_id]
        ways = ways_to(pair[1], own)
        if not ways:
            continue  # it is there for teams that have a credential of their own
        found = excluded(asker, model, pair)
        if found is not None:
            mine.append(exclusion(model, pair, found))
            continue
        for lead, credential in ways:
            standing = (
                order_rank(wishes.order, pair) if wishes.order else 0,
                len(unsupported(asker.chat, model, pair)),
                lead,
                _region_rank(routing, endpoint),
                endpoint.priority,
            )
            kept.append((standing, *pair, credential))
    left_out.extend(mine)
    if not kept:
        raise refusal(asker, model, mine)
    kept.sort(key=lambda one: one[0])  # stable: the catalogue's order among equals
    steps = [0]
    for (before, *_), (after, *_) in pairwise(kept):
        steps.append(steps[-1] + (before != after))
    return [
        Candidate(model, endpoint, provider, credential, rank, tier)
        for tier, (_, endpoint, provider, credential) in zip(steps, kept, strict=True)
    ]


def _region_rank(routing: Routing, endpoint: Endpoint) -> int:
    preferred = routing.prefer_regions
    return preferred.index(endpoint.region) if endpoint.region in preferred else len(preferred)


def _fitting(plan: Plan, asker: Asker) -> Plan:
    """The plan without endpoints whose context the request would not fit. Raises `InvalidRequest`
    where it fits none."""
    kept: list[Candidate] = []
    out: list[Exclusion] = []
    for candidate in plan.candidates:
        needed = too_long(asker.chat, candidate.endpoint)
        if needed is None:
            kept.append(candidate)
            continue
        found = ExclusionCode.CONTEXT, needed
        out.append(exclusion(candidate.model, (candidate.endpoint, candidate.provider), found))
    if not out:
        return plan
    if not kept:
        raise refusal(asker, plan.candidates[0].model, out)
    left_out = (*plan.excluded, *dict.fromkeys(out))
    return replace(
        plan,
        candidates=tuple(kept),
        excluded=left_out,
        least_context=min(c.endpoint.context for c in kept),
        kept=False,
    )
