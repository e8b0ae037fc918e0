"""`GET /v1/generation?id=`: what became of a request, by our id or by the provider's.

Amounts are JSON numbers in US dollars, exact to the nano-dollar; times are milliseconds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs

from opengateway.domain.errors import InvalidRequest, NotFound
from opengateway.domain.money import nanos_to_usd
from opengateway.domain.principal import Principal
from opengateway.domain.records import AttemptRecord, CloseRecord, Ending
from opengateway.domain.usage import INPUT_TOKENS, OUTPUT_TOKENS, Dimension
from opengateway.kit.json import JsonObject, Raw, dumps

Find = Callable[[str, str], Awaitable[CloseRecord | None]]
"""Takes the team and the id. Raises `CapacityError` where that cannot be known now."""

_ID_CHARACTERS: Final = 256


class NoSuchGeneration(NotFound):
    code = "request_not_found"


class GenerationDesk:
    def __init__(self, find: Find) -> None:
        self._find = find

    async def tell(self, principal: Principal, query: str) -> bytes:
        """Raises `InvalidRequest` without an id, `NotFound` for what is not the team's own or not
        settled yet, `CapacityError` (503)."""
        wanted = parse_qs(query, max_num_fields=16).get("id", [""])[0]
        if not 0 < len(wanted) <= _ID_CHARACTERS or not wanted.isprintable():
            raise InvalidRequest("give the id of a request, as `?id=gen_...`", param="id")
        record = await self._find(principal.team_id, wanted)
        if record is None:
            raise NoSuchGeneration(
                f"there is no request {wanted!r} of this team; one that has just ended is here"
                " within seconds",
                param="id",
            )
        return dumps({"data": generation_of(record)})


def generation_of(record: CloseRecord) -> JsonObject:
    usage = record.usage
    return {
        "id": record.id,
        "request_id": record.client_request_id,
        "upstream_id": record.upstream_id,
        "created_at": _moment(record.started_at_ns),
        "api_type": record.operation,
        "model": record.model or record.requested_model,
        "provider_name": record.provider,
        "data_region": record.region,
        "zone": record.zone,
        "streamed": record.stream,
        "cancelled": record.ending is Ending.CLIENT_GONE,
        "ending": record.ending.value,
        "status": record.status,
        "finish_reason": record.finish_reason,
        "native_finish_reason": record.native_finish_reason,
        "latency": record.first_token_ms,
        "generation_time": record.total_ms,
        "tokens_prompt": sum(usage.get(d, 0) for d in INPUT_TOKENS),
        "tokens_completion": sum(usage.get(d, 0) for d in OUTPUT_TOKENS),
        "native_tokens_reasoning": usage.get(Dimension.REASONING, 0),
        "native_tokens_cached": usage.get(Dimension.CACHE_READ, 0),
        "usage": {d.value: count for d, count in usage.items()},
        "estimated": record.usage_estimated,
        "total_cost": _usd(record.cost_nanos),
        "cost_parts": {d.value: _usd(nanos) for d, nanos in record.cost_parts.items()},
        "is_byok": record.fee_nanos > 0,
        "session_id": record.session_id,
        "external_user": record.user,
        "dropped_params": list(record.dropped_params),
        "error": None if record.error is None else {"code": record.error.code},
        "attempts": [_attempt(attempt) for attempt in record.attempts],
    }


def _attempt(attempt: AttemptRecord) -> JsonObject:
    return {
        "provider": attempt.provider,
        "region": attempt.region,
        "status": attempt.status,
        "error_type": attempt.error_class,
        "started_ms": attempt.started_ms,
        "ended_ms": attempt.ended_ms,
        "first_byte_ms": attempt.first_byte_ms,
    }


def _usd(nanos: int) -> Raw:
    return Raw(nanos_to_usd(nanos).encode())


def _moment(at_ns: int) -> str:
    moment = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC)
    return moment.isoformat().replace("+00:00", "Z")
