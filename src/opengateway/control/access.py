"""Who may call a route. Every route says so; one that does not stops the start (default deny)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Any

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts

_FIELD = "x-opengateway-access"


class Access(StrEnum):
    PUBLIC = "public"
    """Anybody who reaches the port."""
    INTERNAL = "internal"
    """The gateway and the CLI, over the socket that only the owner of `home` can open."""


def access(who: Access) -> dict[str, Any]:
    """For a route's `openapi_extra`: declares who may call it."""
    return {_FIELD: who.value}


def require_declared(router: APIRouter, allowed: AbstractSet[Access]) -> list[str]:
    """Check that each route of `router` says who may call it, and that it is one of `allowed`.

    Return the routes, as `"GET /path access"`. Raises `AssertionError` for the first fault: an
    app that has one must not be served.
    """
    seen: list[str] = []
    for route in iter_route_contexts(router.routes):
        extra = getattr(route, "openapi_extra", None) or {}
        declared = extra.get(_FIELD)
        name = f"{'|'.join(sorted(route.methods or ()))} {route.path}"
        assert declared is not None, f"route {name!r} does not declare who may call it"
        assert declared in {a.value for a in allowed}, f"route {name!r} is {declared} in this app"
        seen.append(f"{name} {declared}")
    return seen
