"""What a snapshot takes from models, deprecations and settings of endpoints, at one moment."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from opengateway.catalog.config import ModelConfig
from opengateway.catalog.desk import DeskEndpoint
from opengateway.control.offers.models import (
    DeskModel,
    EndpointSetting,
    ModelDeprecation,
    ModelState,
)
from opengateway.domain.particulars import ModelEnd
from opengateway.kit.db import AsyncSession


class Offers(msgspec.Struct, frozen=True):
    models: dict[str, ModelConfig]
    ended: dict[str, str]
    ending: dict[str, ModelEnd]
    endpoints: dict[str, DeskEndpoint]
    next_change_ns: int | None


async def read_offers(session: AsyncSession, now_ns: int) -> Offers:
    """The published models, those whose time is over, and what is set of endpoints."""
    published = await session.scalars(
        select(DeskModel).where(DeskModel.state == ModelState.PUBLISHED.value)
    )
    ends = list((await session.scalars(select(ModelDeprecation))).all())
    settings = await session.scalars(select(EndpointSetting))
    ahead = [row.ends_at_ns for row in ends if row.ends_at_ns > now_ns]
    return Offers(
        models={row.model_id: msgspec.convert(row.config, ModelConfig) for row in published},
        ended={row.model_id: row.successor or "" for row in ends if row.ends_at_ns <= now_ns},
        ending={
            row.model_id: ModelEnd(row.ends_at_ns, row.successor or "")
            for row in ends
            if row.ends_at_ns > now_ns
        },
        endpoints={
            row.endpoint_id: DeskEndpoint(row.drained, row.weight, row.priority) for row in settings
        },
        next_change_ns=min(ahead, default=None),
    )
