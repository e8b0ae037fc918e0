"""Step 4, `resolve`, and step 6, `route`: from a model's name to the endpoints, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Final

from opengateway.domain.catalog import Endpoint, Model, ModelKind, Provider, Snapshot
from opengateway.domain.chat import ChatRequest, ProviderPreferences
from opengateway.domain.errors import InvalidRequest, NotAllowed, NotFound
from opengateway.domain.principal import Principal
from opengateway.domain.routing import Candidate, Plan


def find_model(name: str, snapshot: Snapshot) -> Model:
    """The model of that id or alias. Raises `NotFound` with the nearest names."""
    model = snapshot.models.get(name) or snapshot.models.get(snapshot.aliases.get(name, ""))
    if model is not None:
        return model
    near = get_close_matches(name[:100], snapshot.models, n=3, cutoff=0.5)
    advice = f"; did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    raise NotFound(
        f"the model {name[:100]!r} does not exist or is not served here{advice}"
        " GET /v1/models lists what is",
        code="model_not_found",
        param="model",
    )


_PLANS: Final = 10_000
_NO_WISHES: Final = ProviderPreferences()
_made: tuple[Snapshot | None, dict[tuple[object, ...], Plan]] = (None, {})


def plan_chat(chat: ChatRequest, principal: Principal, snapshot: Snapshot) -> Plan:
    """Every endpoint that may serve the request, in the order in which they are tried.

    What only the snapshot, the key's lists and a few words of the request decide is found once: of
    plans without wishes those of the newest snapshot are kept, at most `_PLANS`.

    Raises `NotFound` (model, or no endpoint left), `NotAllowed` (the key's list of models) and
    `InvalidRequest` (the model cannot do what is asked).
    """
    global _made
    if chat.preferences is not _NO_WISHES and chat.preferences != _NO_WISHES:
        return _planned(chat, principal, snapshot)
    key = (chat.model, chat.fallbacks, chat.facts.modalities, principal.models)
    if _made[0] is not snapshot or len(_made[1]) >= _PLANS:
        _made = (snapshot, {})
    plan = _made[1].get(key)
    if plan is None:
        plan = _made[1][key] = _planned(chat, principal, snapshot)
    return plan


def _planned(chat: ChatRequest, principal: Principal, snapshot: Snapshot) -> Plan:
    candidates: list[Candidate] = []
    problem: NotFound | NotAllowed | InvalidRequest | None = None
    for rank, name in enumerate((chat.model, *chat.fallbacks)):
        try:
            model = _allowed(find_model(name, snapshot), principal)
            candidates.extend(_endpoints(chat, model, snapshot, rank))
        except (NotFound, NotAllowed, InvalidRequest) as error:
            if rank == 0:
                problem = error  # a fallback may still serve; else this is what was wrong
            elif isinstance(error, NotFound) and error.code == "model_not_found":
                raise NotFound(
                    error.message, code=error.code, param=f"models[{rank - 1}]"
                ) from None
    if problem is not None and (not candidates or not _may_fall_back(problem)):
        raise problem
    if not candidates:
        raise NotFound("no endpoint can serve this request", code="no_endpoints", param="model")
    return Plan(tuple(candidates), snapshot.version)


def _may_fall_back(problem: NotFound | NotAllowed | InvalidRequest) -> bool:
    """A misspelt model or a missing right is told; only a lack of endpoints is worked around."""
    return isinstance(problem, NotFound) and problem.code == "no_endpoints"


def _allowed(model: Model, principal: Principal) -> Model:
    if principal.models and model.id not in principal.models:
        raise NotAllowed(
            f"this key may not use {model.id!r}; it is limited to {', '.join(principal.models)}",
            code="model_not_allowed",
            param="model",
        )
    if model.kind is not ModelKind.CHAT:
        raise InvalidRequest(
            f"{model.id!r} is a model of kind {model.kind.value!r}; it does not chat",
            code="wrong_endpoint",
            param="model",
        )
    return model


def _endpoints(
    chat: ChatRequest, model: Model, snapshot: Snapshot, rank: int
) -> Iterator[Candidate]:
    missing = chat.facts.modalities - set(model.input_modalities)
    if missing:
        raise InvalidRequest(
            f"{model.id!r} takes {', '.join(model.input_modalities)} as input,"
            f" not {', '.join(sorted(missing))}",
            code="unsupported_modality",
            param="messages",
        )
    wanted = _by_preference(
        (
            (endpoint, snapshot.providers[endpoint.provider_id])
            for endpoint in sorted(model.endpoints, key=lambda e: e.priority)
            if chat.facts.modalities <= set(endpoint.modalities)
        ),
        chat.preferences,
    )
    if not wanted:
        raise NotFound(
            f"no endpoint of {model.id!r} is left after provider.only, provider.ignore and"
            f" provider.order; it is served by"
            f" {', '.join(sorted({e.provider_id for e in model.endpoints})) or 'nobody'}",
            code="no_endpoints",
            param="provider",
        )
    for endpoint, provider in wanted:
        for credential in provider.credentials or (None,):
            yield Candidate(model, endpoint, provider, credential, rank)


def _by_preference(
    pairs: Iterable[tuple[Endpoint, Provider]], preferences: ProviderPreferences
) -> list[tuple[Endpoint, Provider]]:
    kept = [
        pair
        for pair in pairs
        if not (preferences.only and not _matches_any(pair, preferences.only))
        and not _matches_any(pair, preferences.ignore)
    ]
    if preferences.order:
        rank = {slug: index for index, slug in enumerate(preferences.order)}
        last = len(rank)
        kept.sort(key=lambda p: min(rank.get(s, last) for s in _slugs(p)))
        if not preferences.allow_fallbacks:
            kept = [pair for pair in kept if _matches_any(pair, preferences.order)]
    elif not preferences.allow_fallbacks:
        kept = kept[:1]
    return kept


def _slugs(pair: tuple[Endpoint, Provider]) -> tuple[str, str]:
    """`azure` means every region of it, `azure/eastus` one."""
    endpoint, provider = pair
    return provider.id, f"{provider.id}/{endpoint.region}"


def _matches_any(pair: tuple[Endpoint, Provider], slugs: Iterable[str]) -> bool:
    own = _slugs(pair)
    return any(slug in own for slug in slugs)
