"""What the routes of models and endpoints take and give."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from opengateway.control.bodies import AtNs, example, input_example
from opengateway.control.offers.endpoints import Placed, provider_of
from opengateway.control.offers.models import DeskModel, ModelDeprecation
from opengateway.control.providers.schemas import TestView
from opengateway.domain.money import nanos_to_usd
from opengateway.domain.usage import Dimension

ModelId = Annotated[
    str, Field(min_length=3, max_length=190, pattern=r"^[ -~]+$", examples=["house/qwen"])
]
EndpointId = Annotated[
    str,
    Field(
        min_length=3,
        max_length=512,
        pattern=r"^[ -~]+$",
        examples=["house/qwen:house-vllm:qwen3-32b"],
    ),
]
Reason = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f]*$")]
_CONFIG: dict[str, Any] = {
    "kind": "chat",
    "endpoints": [
        {
            "provider": "house-vllm",
            "upstream_model": "qwen3-32b",
            "context": 131072,
            "price": {"input": "0.20", "output": "0.60"},
        }
    ],
}


class ModelContent(BaseModel):
    """`config` has the members of a zone file's model: kind, name, capabilities, endpoints, each
    with its provider, upstream name, context and price."""

    model_config = input_example(config=_CONFIG)

    config: dict[str, Any] = Field(max_length=32)


class NewModel(ModelContent):
    model_config = input_example(model_id="house/qwen", config=_CONFIG)

    model_id: ModelId


class SmokeEndpoint(BaseModel):
    endpoint: str
    result: TestView


class Smoke(BaseModel):
    at_ns: int
    endpoints: list[SmokeEndpoint]


class DeskModelView(BaseModel):
    """`state`: draft, published, replaced (by a later one) or withdrawn. Only a draft changes."""

    model_config = example(
        id="mdl_0192f0c1a2b37c4d8e9fa0b1c2d3e4f9",
        model_id="house/qwen",
        state="draft",
        config=_CONFIG,
        smoke=None,
        created_at_ns=1_764_000_000_000_000_000,
        published_at_ns=None,
        version=1,
    )

    id: str
    model_id: str
    state: str
    config: dict[str, Any]
    smoke: Smoke | None
    created_at_ns: int
    published_at_ns: int | None
    version: int

    @classmethod
    def of(cls, row: DeskModel) -> DeskModelView:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class NewDeprecation(BaseModel):
    model_config = input_example(
        model_id="house/qwen", ends_at_ns=4_070_908_800_000_000_000, successor=None, note="replaced"
    )

    model_id: ModelId
    ends_at_ns: AtNs
    successor: ModelId | None = None
    note: Reason = ""


class DeprecationView(BaseModel):
    model_config = example(
        model_id="house/qwen",
        successor="house/qwen-2",
        ends_at_ns=4_070_908_800_000_000_000,
        note="replaced",
        created_at_ns=1_764_000_000_000_000_000,
    )

    model_id: str
    successor: str | None
    ends_at_ns: int
    note: str
    created_at_ns: int

    @classmethod
    def of(cls, row: ModelDeprecation) -> DeprecationView:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class DeprecationList(BaseModel):
    data: list[DeprecationView]


class EndpointSet(BaseModel):
    """What is null is as catalogue or zone file have it. Drained: nothing new is sent there, and what
    runs ends in peace."""

    model_config = input_example(
        endpoint_id="house/qwen:house-vllm:qwen3-32b", drained=True, reason="maintenance"
    )

    endpoint_id: EndpointId
    drained: bool = False
    weight: Annotated[float, Field(ge=0.01, le=100, strict=False)] | None = None
    priority: Annotated[int, Field(ge=0, le=1000)] | None = None
    reason: Reason = ""
    force: bool = Field(False, description="Drain even the last one of a model.")


class EndpointView(BaseModel):
    """An endpoint as it is served now; `price_*` are null for one that is not."""

    model_config = example(
        endpoint_id="house/qwen:house-vllm:qwen3-32b",
        model="house/qwen",
        provider="house-vllm",
        region="seoul",
        upstream_model="qwen3-32b",
        served=True,
        drained=False,
        weight=1.0,
        priority=0,
        is_set=False,
        reason="",
        price_input_usd="0.2",
        price_output_usd="0.6",
    )

    endpoint_id: str
    model: str
    provider: str
    region: str | None
    upstream_model: str | None
    served: bool
    drained: bool
    weight: float | None
    priority: int | None
    is_set: bool
    reason: str
    price_input_usd: str | None
    price_output_usd: str | None

    @classmethod
    def of(cls, placed: Placed) -> EndpointView:
        found, row = placed.endpoint, placed.setting
        rates = found.price.rates if found else {}
        return cls(
            endpoint_id=placed.endpoint_id,
            model=placed.model_id,
            provider=provider_of(placed),
            region=found.region if found else None,
            upstream_model=found.upstream_model if found else None,
            served=found is not None,
            drained=row is not None and row.drained,
            weight=found.weight if found else row.weight if row else None,
            priority=found.priority if found else row.priority if row else None,
            is_set=row is not None,
            reason=row.reason if row else "",
            price_input_usd=_usd(rates.get(Dimension.INPUT)),
            price_output_usd=_usd(rates.get(Dimension.OUTPUT)),
        )


class EndpointList(BaseModel):
    data: list[EndpointView]


def _usd(nanos: int | None) -> str | None:
    return None if nanos is None else nanos_to_usd(nanos)
