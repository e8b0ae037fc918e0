"""What the smoke routes take and give."""

from __future__ import annotations

from pydantic import BaseModel, Field

from opengateway.control.bodies import AtNs, input_example
from opengateway.control.smoke.models import CatalogueProposal, SmokeCell, SmokeResult, SmokeRun
from opengateway.domain.money import usd_to_nanos
from opengateway.domain.smoke import SmokeLevel, SmokeWish


class NewSmokeRun(BaseModel):
    model_config = input_example(level="pre-publish", models="acme/*")

    level: str = Field(pattern="^(ci|pre-publish|live|daily)$")
    models: str = Field(
        "*", min_length=1, max_length=256, description="A glob over models' ids, as `acme/*`."
    )
    cap_usd: str | None = Field(
        None,
        pattern=r"^[0-9]{1,4}(\.[0-9]{1,9})?$",
        description="US dollars: what may be spent at most, by the prices of the catalogue.",
        examples=["1.50"],
    )

    def wish(self) -> SmokeWish:
        cap = None if self.cap_usd is None else int(usd_to_nanos(self.cap_usd))
        return SmokeWish(SmokeLevel(self.level), self.models, cap)


class SmokeRunView(BaseModel):
    """`cost_nanos`: what the providers charge, as far as it is recorded."""

    id: str
    level: str
    models: str
    state: str
    cap_nanos: int | None
    planned: int
    passed: int
    failed: int
    unavailable: int
    skipped: int
    cost_nanos: int
    detail: str
    started_at_ns: AtNs
    finished_at_ns: AtNs | None

    @classmethod
    def of(cls, row: SmokeRun) -> SmokeRunView:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class _CellView(BaseModel):
    model: str
    endpoint_id: str
    provider: str
    region: str
    feature: str
    detail: str


class SmokeResultView(_CellView):
    id: str
    verdict: str
    request_id: str
    duration_ms: float
    first_token_ms: float | None
    at_ns: AtNs

    @classmethod
    def of(cls, row: SmokeResult) -> SmokeResultView:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class SmokeCellView(_CellView):
    """How a feature of an endpoint stands since `at_ns`."""

    verdict: str
    run_id: str
    at_ns: AtNs
    succeeded_at_ns: AtNs | None
    failing_since_ns: AtNs | None

    @classmethod
    def of(cls, row: SmokeCell) -> SmokeCellView:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class ProposalView(_CellView):
    id: str
    kind: str
    change: str
    state: str
    run_id: str
    created_at_ns: AtNs
    closed_at_ns: AtNs | None

    @classmethod
    def of(cls, row: CatalogueProposal) -> ProposalView:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})
