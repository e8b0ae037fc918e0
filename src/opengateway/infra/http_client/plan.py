"""What is the same in every request of one kind: where it goes, and its head up to the length."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from opengateway import __version__
from opengateway.infra.http_client.pool import Origin
from opengateway.infra.outbound import authorization, target_of
from opengateway.ports.transport import Credential, UpstreamRequest

_PLANS: Final = 1024
_USER_AGENT: Final = f"opengateway/{__version__}"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RESERVED: Final = "/?:@!$&'()*+,;=-._~%"
"""Sent as they are. `%` too: a configured path is taken as already quoted."""
_OURS: Final = frozenset(
    ("accept-encoding", "connection", "content-length", "host", "te", "transfer-encoding")
)
"""Framing and the connection belong to this client, whatever the headers of a request say."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`head` ends just before the digits of content-length."""

    origin: Origin
    head: bytes
    bodiless: bool
    """The answer has no body whatever its headers say: that is HEAD."""
    credential: Credential | None
    """Kept so that its identity, part of this plan's key, is not given to another."""


class Plans:
    """Builds a plan once and keeps it; bounded, the oldest goes first."""

    def __init__(self, origin: Callable[[tuple[str, str, int]], Origin]) -> None:
        self._origin = origin
        self._kept: dict[tuple[object, ...], Plan] = {}
        self._near: dict[tuple[str, str, int, int], tuple[Plan, Mapping[str, str]]] = {}
        """The same by the headers' identity, kept beside it so that it is not another's: whoever
        sends the same object again is not read anew."""

    def __call__(self, request: UpstreamRequest) -> Plan:
        """Raises `MisdirectedCredential`, and `ValueError` for what cannot be sent."""
        if request.unique:
            return self._built(request)
        credential, headers = request.credential, request.headers
        near = (request.url, request.method, id(headers), id(credential))
        found = self._near.get(near)
        if found is not None:
            return found[0]
        key = (request.url, id(credential), request.method, *headers.items())
        plan = self._kept.get(key)
        if plan is None:
            plan = self._built(request)
            _keep(self._kept, key, plan)
        _keep(self._near, near, (plan, headers))
        return plan

    def _built(self, request: UpstreamRequest) -> Plan:
        target = target_of(request.url)
        scheme, host, port = target.origin
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
        headers = {name.lower(): value for name, value in request.headers.items()}
        headers = {name: value for name, value in headers.items() if name not in _OURS}
        headers.setdefault("user-agent", _USER_AGENT)
        headers["accept-encoding"] = "identity"
        if request.credential is not None:
            name, headers[name] = authorization(request.credential, target)
        for name, value in headers.items():
            if not _TOKEN.fullmatch(name) or _FORBIDDEN.search(value):  # the value may be secret
                raise ValueError(f"header {name!r} cannot be sent: remove what is no header's")
        if not _TOKEN.fullmatch(request.method.lower()):
            raise ValueError(f"{request.method!r} is not a method")
        written = f"[{host}]" if ":" in host else host
        if port != (443 if scheme == "https" else 80):
            written = f"{written}:{port}"
        lines = [
            f"{request.method.upper()} {_path_of(request.url)} HTTP/1.1",
            f"host: {written}",
            *(f"{name}: {value}" for name, value in headers.items()),
            "content-length: ",
        ]
        return Plan(
            origin=self._origin((scheme, host, port)),
            head="\r\n".join(lines).encode(),
            bodiless=request.method.upper() == "HEAD",
            credential=request.credential,
        )


def _keep(plans: dict[Any, Any], key: object, plan: object) -> None:
    if len(plans) >= _PLANS:
        del plans[next(iter(plans))]
    plans[key] = plan


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path or "/"
    return quote(f"{path}?{parts.query}" if parts.query else path, safe=_RESERVED)
