"""An airgap's wall, from its zone file: where each process may connect to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from opengateway.compose.components import EditionName
from opengateway.compose.egress import INSIDE
from opengateway.compose.zone import Zone, snapshot_of
from opengateway.domain.catalog import Snapshot
from opengateway.infra.egress_guard import EgressGuard
from opengateway.kit import log

_LOGGED: Final = 100
"""Refusals that are written down; past it they are only counted."""


def wall_of(zone: Zone, *, calls_webhooks: bool = False) -> EgressGuard | None:
    """The guard of an airgap's process; None in editions that may reach the internet.

    `calls_webhooks`: control's, which may also reach private addresses, since a team's webhooks and
    the site's own sign-in are there. The gateway reaches what the zone file names, alone.
    """
    if zone.edition is not EditionName.AIRGAP:
        return None
    allowed = set(_configured(zone))
    if calls_webhooks:
        allowed.update(str(network) for network in INSIDE)
    return EgressGuard(allowed, _Told())


def hosts_of(snapshot: Snapshot) -> Iterator[str]:
    """The hosts of every provider that a snapshot has, all regions."""
    for provider in snapshot.providers.values():
        for url in (provider.base_url, *provider.regional_urls.values()):
            if url and (host := urlsplit(url).hostname):
                yield host


def run_walled(work: Coroutine[Any, Any, None], wall: EgressGuard | None) -> None:
    """Run a process's work on an event loop of its own, behind its wall where it has one."""
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    if wall is not None:
        wall.watch_sockets()
        factory = wall.loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


class _Told:
    """Writes refusals down, the first ones: a loop that tries again must not fill the disk."""

    def __init__(self) -> None:
        self._left = _LOGGED

    def __call__(self, host: str) -> None:
        if self._left <= 0:
            return
        self._left -= 1
        log.get_logger("egress").warning("egress_refused", host=host[:253])


def _configured(zone: Zone) -> Iterator[str]:
    yield from zone.outbound.allow
    yield from hosts_of(snapshot_of(zone, created_at_ns=0))
    for url in (zone.outbound.proxy, zone.stores.control_store, zone.stores.shared_state):
        if url and (host := urlsplit(url).hostname):
            yield host
    if host := getattr(zone.components.mail.options, "host", None):
        yield host
    if zone.auth.oidc is not None and (host := urlsplit(zone.auth.oidc.issuer).hostname):
        yield host
