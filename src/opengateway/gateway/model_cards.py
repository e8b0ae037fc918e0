"""`GET /v1/models` for Anthropic's clients: the same models in the form that theirs read.

They name themselves by `anthropic-version`. What answers them is what `/v1/messages` can reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl

from opengateway.domain.catalog import Model, ModelKind, Snapshot
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.principal import Principal
from opengateway.gateway.models import visible
from opengateway.gateway.own_credentials import is_served
from opengateway.kit.json import JsonObject, dumps

MOST: Final = 1000
"""Of one page, and of one whose size nobody names: clients that look for a model read one page."""


def wants_cards(headers: Mapping[str, str]) -> bool:
    return "anthropic-version" in headers


def card_page(snapshot: Snapshot, principal: Principal, query: str) -> bytes:
    """One page: `limit`, `after_id`, `before_id`. Raises `InvalidRequest` for a page that there cannot be."""
    models = [
        m
        for m in snapshot.models.values()
        if m.kind is ModelKind.CHAT
        and (not principal.models or m.id in principal.models)
        and is_served(snapshot, m, principal.team_id)
    ]
    asked = _read(query)
    after, before = asked.get("after_id"), asked.get("before_id")
    limit = _limit(asked.get("limit"))
    start, end = 0, len(models)
    if after is not None:
        start = _place(models, after, "after_id") + 1
    elif before is not None:
        end = _place(models, before, "before_id")
        start = max(0, end - limit)
    page = models[start : min(end, start + limit)]
    has_more = start > 0 if after is None and before is not None else start + len(page) < end
    return dumps(
        {
            "data": [_card(model) for model in page],
            "has_more": has_more,
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
        }
    )


def card(snapshot: Snapshot, principal: Principal, name: str) -> bytes:
    """Raises `NotFound`."""
    return dumps(_card(visible(snapshot, principal, name)))


def _card(model: Model) -> JsonObject:
    made = datetime.fromtimestamp(model.created, UTC)
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name,
        "created_at": made.isoformat().replace("+00:00", "Z"),
        "max_input_tokens": model.context,
        "max_tokens": model.max_output,
    }


def _read(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, max_num_fields=16))
    except ValueError as error:
        raise InvalidRequest(f"the query is wrong: {error}") from None


def _limit(text: str | None) -> int:
    if text is None:
        return MOST
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= MOST:
        raise InvalidRequest(f"limit: expected a number from 1 to {MOST}", param="limit")
    return int(text[:9])


def _place(models: list[Model], model_id: str, param: str) -> int:
    for index, model in enumerate(models):
        if model.id == model_id:
            return index
    raise InvalidRequest(f"{param}: no model of the list is {model_id[:100]!r}", param=param)
