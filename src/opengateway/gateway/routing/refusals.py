"""What a caller is told when no endpoint is left: the filter that took the last ones, and what
would be near (decision 28: policy is 403, what a request cannot have is 404 or 400)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final, assert_never

from opengateway.domain.catalog import Model
from opengateway.domain.errors import (
    CallerError,
    InvalidRequest,
    NotAllowed,
    NotFound,
    Unavailability,
)
from opengateway.domain.money import nanos_to_usd
from opengateway.domain.routing import Exclusion, ExclusionCode
from opengateway.domain.usage import Dimension
from opengateway.gateway.own_credentials import ways_to
from opengateway.gateway.routing.filters import Asker, excluded, too_long

_SEARCHED_MODELS: Final = 40
_NAMED: Final = 3
_RANKS: Final = {code: rank for rank, code in enumerate(ExclusionCode)}
TOLD: Final = frozenset(("model_not_found", "model_not_allowed", "wrong_endpoint"))
"""Not worked around by a fallback model: a misspelt name or a missing right is told."""


def refusal(asker: Asker, model: Model, found: Sequence[Exclusion]) -> CallerError:
    """The error for a model of which every endpoint was excluded.

    It is named after the filter that took away those that had come furthest.
    """
    if not found:
        return NotFound(f"nobody serves {model.id!r} here", code="no_endpoints", param="model")
    last = max(found, key=lambda exclusion: _RANKS[exclusion.code])
    details = [e.detail for e in found if e.code is last.code]
    error = _error(asker, model, last.code, details, found)
    error.unavailability = Unavailability(
        requested=(asker.chat.model, *asker.chat.fallbacks),
        excluded_by=tuple(dict.fromkeys(exclusion.reason for exclusion in found))[:16],
        providers=tuple(sorted({e.place.partition("/")[0] for e in found}))[:16],
        alternatives=alternatives(asker, model),
    )
    return error


def alternatives(asker: Asker, model: Model) -> tuple[str, ...]:
    """Models that could serve the same request, those of the same owner first. A few are looked
    at: this is help, and must not become a way to make the gateway work."""
    others = [m for m in asker.snapshot.models.values() if m.id != model.id]
    others.sort(key=lambda m: (m.owner != model.owner, -m.created, m.id))
    fitting = (m.id for m in others[:_SEARCHED_MODELS] if _could_serve(asker, m))
    return tuple(islice(fitting, _NAMED))


def _could_serve(asker: Asker, model: Model) -> bool:
    providers = asker.snapshot.providers
    return model.kind in asker.chat.kinds and any(
        ways_to(providers[endpoint.provider_id], asker.own_credentials)
        and excluded(asker, model, (endpoint, providers[endpoint.provider_id])) is None
        and too_long(asker.chat, endpoint) is None
        for endpoint in model.endpoints
    )


def _error(
    asker: Asker,
    model: Model,
    code: ExclusionCode,
    details: Sequence[str],
    found: Sequence[Exclusion],
) -> CallerError:
    serving = ", ".join(sorted({e.place for e in found})[:8])
    match code:
        case ExclusionCode.KEY_MODELS:
            return NotAllowed(
                f"this key may not use {model.id!r};"
                f" it is limited to {', '.join(asker.principal.models[:16])}",
                code="model_not_allowed",
                param="model",
            )
        case ExclusionCode.KEY_PROVIDERS:
            return NotAllowed(
                f"this key may not use the providers of {model.id!r} ({serving}); it is limited to"
                f" {', '.join(asker.principal.providers[:16])}: name another model, or add one of"
                " them to the key's providers",
                code="provider_not_allowed",
                param="model",
            )
        case ExclusionCode.TEAM_POLICY:
            return NotAllowed(
                f"the team's policy allows no endpoint of {model.id!r} ({serving}); name another"
                " model, or ask the team's owner",
                code="team_policy",
                param="model",
            )
        case ExclusionCode.ZONE:
            return NotAllowed(
                f"no endpoint of {model.id!r} may be used from the zone {asker.snapshot.zone!r}"
                f" ({serving}); name another model",
                code="zone_mismatch",
                param="model",
            )
        case ExclusionCode.DATA_POLICY:
            return _privacy(asker, model, details, serving)
        case ExclusionCode.MODALITY:
            return InvalidRequest(
                f"{model.id!r} takes {', '.join(model.input_modalities)} as input,"
                f" not {', '.join(sorted(set('+'.join(details).split('+'))))}",
                code="unsupported_modality",
                param="messages",
            )
        case ExclusionCode.CONTEXT:
            return _too_long(model, details)
        case _:
            return _constraint(asker, model, code, details, serving)


def _privacy(asker: Asker, model: Model, details: Sequence[str], serving: str) -> NotAllowed:
    word = "zdr" if "zdr" in details else "data_collection"
    wishes = asker.wishes
    asked = wishes.zdr if word == "zdr" else wishes.deny_data_collection
    means = "keeps nothing of a request" if word == "zdr" else "collects no data"
    whose = "" if asked else ", as the zone or the team demands"
    return NotAllowed(
        f"no endpoint of {model.id!r} ({serving}) {means}{whose}; name another model"
        + (f", or leave 'provider.{word}' out" if asked else ""),
        code="privacy_restricted",
        param=f"provider.{word}" if asked else "model",
    )


def _too_long(model: Model, details: Sequence[str]) -> InvalidRequest:
    needed = min(int(detail) for detail in details)
    return InvalidRequest(
        f"the input and the output asked for come to about {needed} tokens, and {model.id!r}"
        f" takes {model.context} at most; send less, or ask for less",
        code="context_length_exceeded",
        param="messages",
    )


def _constraint(
    asker: Asker, model: Model, code: ExclusionCode, details: Sequence[str], serving: str
) -> CallerError:
    """What the request's own `provider` object took away."""
    match code:
        case ExclusionCode.ONLY | ExclusionCode.IGNORE | ExclusionCode.ORDER:
            return NotFound(
                f"no endpoint of {model.id!r} is left after provider.only, provider.ignore and"
                f" provider.order; it is served by {serving}",
                code="no_endpoints",
                param="provider",
            )
        case ExclusionCode.PARAMETERS:
            names = ", ".join(sorted(set("+".join(details).split("+")))[:8])
            return NotFound(
                f"no endpoint of {model.id!r} ({serving}) understands all of the request; none"
                f" knows {names}: leave these or 'provider.require_parameters' out",
                code="constraint_filtered",
                param="provider.require_parameters",
            )
        case ExclusionCode.QUANTIZATION:
            return NotFound(
                f"{model.id!r} is served as {', '.join(sorted(set(details)))} only; name one of"
                " these, or leave 'provider.quantizations' out",
                code="constraint_filtered",
                param="provider.quantizations",
            )
        case ExclusionCode.MAX_PRICE:
            return NotFound(
                f"every endpoint of {model.id!r} costs more than may be paid; the cheapest asks"
                f" {_cheapest(model)} US dollars for a million tokens of input and output",
                code="constraint_filtered",
                param="provider.max_price",
            )
        case (
            ExclusionCode.KEY_MODELS
            | ExclusionCode.KEY_PROVIDERS
            | ExclusionCode.TEAM_POLICY
            | ExclusionCode.ZONE
            | ExclusionCode.DATA_POLICY
            | ExclusionCode.MODALITY
            | ExclusionCode.CONTEXT
        ):
            raise AssertionError(f"{code} is told elsewhere")
        case _ as never:
            assert_never(never)


def _cheapest(model: Model) -> str:
    rates = min(
        (endpoint.price.rates for endpoint in model.endpoints),
        key=lambda r: r.get(Dimension.INPUT, 0) + r.get(Dimension.OUTPUT, 0),
    )
    parts = (rates.get(Dimension.INPUT, 0), rates.get(Dimension.OUTPUT, 0))
    return " and ".join(nanos_to_usd(part) for part in parts)
