"""What the data plane serves beside chat completions, and how each of these speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from opengateway.domain.errors import InvalidRequest, NotFound, NotImplementedYet
from opengateway.domain.principal import Principal
from opengateway.gateway.responses import ResponseKeeper
from opengateway.gateway.responses_surface import ResponsesCounting, ResponsesSurface
from opengateway.gateway.services import GatewayServices
from opengateway.gateway.token_count import TokenCounting
from opengateway.ports.dialect import ChatDialect

RESPONSES: Final = "/v1/responses"
MESSAGES: Final = "/v1/messages"
COUNT_MESSAGES: Final = f"{MESSAGES}/count_tokens"
COUNT_RESPONSES: Final = f"{RESPONSES}/input_tokens"
_NOT_YET: Final = (
    # OpenAI's, and Anthropic's batches and files.
    *("realtime", "files", "uploads", "batches", "messages/batches"),
    *("conversations", "containers", "vector_stores", "assistants", "threads"),
    *("fine_tuning", "evals", "videos", "images/edits", "images/variations"),
    "skills",
)
"""Surfaces of the vendors' APIs that this version does not serve: told so, and not as a misspelt
path."""
_COMPACT: Final = "responses/compact"
"""Never to be: Open Responses wants 404 for what a server has not (adr/0034)."""
_ANTHROPIC_HEADER: Final = "anthropic-version"
_MOST_ITEMS: Final = 100


@dataclass(frozen=True, slots=True)
class Surfaces:
    """`conversations` by path: the same gateway, with the dialect and the wires of that surface."""

    conversations: Mapping[str, GatewayServices]
    responses: ResponsesSurface
    counting: Mapping[str, TokenCounting | ResponsesCounting]
    """By path."""

    def dialect_of(self, path: str, headers: Mapping[str, str]) -> ChatDialect | None:
        """In which an error at this path is told; None: as chat completions tell it. A path that both
        vendors have is told in the words of the one whose version the caller names."""
        if path.startswith(RESPONSES):
            return self.responses.plain.chat_dialect
        if path.startswith(MESSAGES) or (
            path not in self.conversations and _ANTHROPIC_HEADER in headers
        ):
            path = MESSAGES
        services = self.conversations.get(path)
        return services.chat_dialect if services is not None else None


def refuse_unserved(path: str) -> None:
    """Raises `NotImplementedYet` and `NotFound` where a vendor's API has the path, and this has not."""
    rest = path.removeprefix("/v1/")
    if rest == _COMPACT:
        raise NotFound(
            f"there is no {path} here: what a vendor compacts is readable by that vendor alone. "
            "send the conversation itself",
            code="unknown_url",
        )
    if any(rest == name or rest.startswith(name + "/") for name in _NOT_YET):
        raise NotImplementedYet(f"{path[:100]} is not served by this version of the gateway")


def advice(path: str, known: Mapping[str, str]) -> str:
    """What a caller of a path that does not exist may have meant."""
    for wrong, right in (("/v1/v1/", "/v1/"), ("//", "/")):
        if wrong in path:
            path_now = path.replace(wrong, right)
            return f"there is no {path[:100]!r}; the base URL ends in /v1: try {path_now[:100]!r}"
    if path.rstrip("/") in known:
        return f"there is no {path[:100]!r}; try {path.rstrip('/')!r}, without the last slash"
    return f"there is no {path[:100]!r}; see /docs for what is served"


async def stored_response(
    keeper: ResponseKeeper, principal: Principal, method: str, rest: str, query: str
) -> bytes:
    """`GET` and `DELETE /v1/responses/{id}`, and its input items. Raises `NotFound` and more."""
    response_id, _, what = rest.partition("/")
    if method == "DELETE" and not what:
        return await keeper.deleted(principal, response_id)
    if method in ("GET", "HEAD") and not what:
        return await keeper.shown(principal, response_id)
    if method in ("GET", "HEAD") and what == "input_items":
        limit, after, descending = _page(query)
        return await keeper.input_items(
            principal, response_id, limit=limit, after=after, descending=descending
        )
    raise NotFound(f"there is no {method} of {RESPONSES}/{rest[:80]!s}", code="unknown_url")


def _page(query: str) -> tuple[int, str, bool]:
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    limit, order = asked.get("limit", "20"), asked.get("order", "desc")
    if not limit.isdecimal() or not 1 <= int(limit[:6]) <= _MOST_ITEMS:
        raise InvalidRequest(f"'limit' must be from 1 to {_MOST_ITEMS}", param="limit")
    if order not in ("asc", "desc"):
        raise InvalidRequest("'order' must be 'asc' or 'desc'", param="order")
    return int(limit), asked.get("after", "")[:200], order == "desc"
