"""By which members a request names its end user: for wires that have no place for that, and tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from opengateway.domain.canonical import CanonicalRequest
from opengateway.kit.json import dumps

_SAFETY: Final = "safety_identifier"


def names_of_someone(request: CanonicalRequest) -> Iterator[str]:
    safe = request.opaque.get(_SAFETY)
    if safe is not None:
        yield _SAFETY
    if request.user is not None and (safe is None or bytes(safe) != dumps(request.user)):
        yield "user"
