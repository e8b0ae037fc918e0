"""Putting together what keeps bodies at a gateway: the spool, and what is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from opengateway.compose.paths import Paths
from opengateway.compose.zone import Zone
from opengateway.http.metrics_app import Sample
from opengateway.infra.bodies.spool import BodySpool
from opengateway.infra.control_client import ControlClient
from opengateway.infra.secret_box import AesSecretBox
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId

_REASONS: Final = ("memory", "queue", "spool", "disk", "expired", "refused")


def new_spool(
    zone: Zone, paths: Paths, client: ControlClient, box: AesSecretBox, clock: Clock, new_id: NewId
) -> BodySpool:
    kept_days = zone.retention.bodies_days
    return BodySpool(paths.bodies, box, client.keep_bodies, clock, new_id, kept_days)


async def stop_spooling(spool: BodySpool, running: asyncio.Task[None]) -> None:
    """What is in memory goes to disk; whoever starts next ships it."""
    running.cancel()
    await asyncio.wait({running})
    await spool.aclose()


def body_samples(spool: BodySpool) -> Iterator[Sample]:
    for why in _REASONS:
        yield (
            "opengateway_bodies_dropped_total",
            "counter",
            "Bodies that were to be kept and were dropped, or files of them; by reason",
            {"reason": why},
            spool.dropped[why],
        )
    yield (
        "opengateway_bodies_spool_bytes",
        "gauge",
        "Sealed bodies that control has not taken yet",
        {},
        spool.depth_bytes,
    )
