"""What the redeem routes take and give. Amounts that are sent are decimal strings of US dollars."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, Field

from opengateway.control.bodies import AtNs, Name, example, input_example
from opengateway.control.ledger.schemas import Note, Usd, nanos_of
from opengateway.control.redeem.campaigns import MAX_CODES, CampaignTerms
from opengateway.control.redeem.models import Batch, Campaign, Code, Redemption
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.redeem_codes import MAX_TYPED

_DAY_NS: Final = 86_400 * 1_000_000_000

Times = Annotated[int, Field(ge=1, le=1_000_000)]
CampaignDays = Annotated[int, Field(ge=1, le=3_650)]
Count = Annotated[int, Field(ge=1, le=MAX_CODES, description=f"1 to {MAX_CODES} codes.")]
TeamId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class NewRedemption(BaseModel):
    """Dashes, spaces and small letters do not matter, `O` is `0`, `I` and `L` are `1`."""

    model_config = input_example(
        code="OGC-7KQ2-M4X9-0VTB-3HZC-8N1D", team_id="team_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b"
    )

    # Longer than any code: what is too long is refused as what is not there is, in the same words.
    code: str = Field(max_length=10 * MAX_TYPED, repr=False)
    team_id: TeamId


class RedemptionView(BaseModel):
    """`grant_id` is the credit that the code became, `expires_at_ns` when that ends."""

    model_config = example(
        id="rdm_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        team_id="team_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        amount_nanos=25_000_000_000,
        grant_id="crd_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        entry_id="ent_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        expires_at_ns=1_771_776_000_000_000_000,
        at_ns=1_764_000_000_000_000_000,
        taken_back_nanos=0,
    )

    id: str
    team_id: str
    amount_nanos: int
    grant_id: str
    entry_id: str
    expires_at_ns: int | None
    at_ns: int
    taken_back_nanos: int

    @classmethod
    def of(cls, row: Redemption) -> Self:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class AdminRedemptionView(RedemptionView):
    """With who redeemed which code."""

    campaign_id: str
    code_id: str
    user_id: str | None
    key_id: str | None


class NewCampaign(BaseModel):
    """What is left out is no limit. `new_team_days`: only teams younger than that. `domains`: only
    people whose verified address is of one of them. `credit_days`: how long the credit lasts."""

    model_config = input_example(
        name="Spring conference",
        usd="25.00",
        note="stand B12",
        max_redemptions=500,
        per_team=1,
        per_user=1,
        credit_days=90,
    )

    name: Name
    usd: Usd
    note: str = Field("", max_length=500, pattern=r"^[^\x00]*$")
    starts_at_ns: AtNs | None = None
    ends_at_ns: AtNs | None = None
    max_redemptions: Times | None = None
    per_team: Times | None = None
    per_user: Times | None = None
    new_team_days: CampaignDays | None = None
    domains: list[Annotated[str, Field(min_length=1, max_length=254)]] = Field([], max_length=100)
    credit_days: CampaignDays | None = None

    def terms(self) -> CampaignTerms:
        """Raises `InvalidRequest`."""
        amount = nanos_of(self.usd)
        if amount == 0:
            raise InvalidRequest("'usd' must be above 0", param="usd")
        values = self.model_dump(exclude={"usd", "domains"})
        return CampaignTerms(amount_nanos=amount, domains=tuple(self.domains), **values)


class CampaignPatch(BaseModel):
    """What is left out stays. What its codes give cannot be changed: make another campaign."""

    model_config = input_example(max_redemptions=1_000)

    name: Name | None = None
    note: str | None = Field(None, max_length=500, pattern=r"^[^\x00]*$")
    ends_at_ns: AtNs | None = None
    max_redemptions: Times | None = None

    def changes(self) -> dict[str, Any]:
        """Null lifts a limit; a name or a note cannot be null."""
        given = self.model_dump(exclude_unset=True)
        for name in ("name", "note"):
            if name in given and given[name] is None:
                raise InvalidRequest(f"{name!r} cannot be null", param=name)
        return given


class CampaignView(BaseModel):
    """`redeemed` counts its redemptions."""

    model_config = example(
        id="cmp_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        name="Spring conference",
        note="stand B12",
        zone="kr",
        status="active",
        amount_nanos=25_000_000_000,
        starts_at_ns=1_764_000_000_000_000_000,
        ends_at_ns=None,
        max_redemptions=500,
        per_team=1,
        per_user=1,
        new_team_days=None,
        domains=[],
        credit_days=90,
        redeemed=17,
        created_at_ns=1_764_000_000_000_000_000,
        version=1,
    )

    id: str
    name: str
    note: str
    zone: str
    status: str
    amount_nanos: int
    starts_at_ns: int
    ends_at_ns: int | None
    max_redemptions: int | None
    per_team: int | None
    per_user: int | None
    new_team_days: int | None
    domains: list[str]
    credit_days: int | None
    redeemed: int
    created_at_ns: int
    version: int

    @classmethod
    def of(cls, row: Campaign, domains: list[str]) -> CampaignView:
        own = cls.model_fields.keys() - {"domains", "new_team_days", "credit_days"}
        return cls(
            **{name: getattr(row, name) for name in own},
            domains=domains,
            new_team_days=_in_days(row.new_team_ns),
            credit_days=_in_days(row.credit_ns),
        )


class NewBatch(BaseModel):
    """`max_uses`: how often each of the codes can be redeemed."""

    model_config = input_example(count=100, max_uses=1)

    count: Count
    max_uses: Times = 1


class BatchView(BaseModel):
    model_config = example(
        id="bat_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        codes=100,
        max_uses=1,
        created_at_ns=1_764_000_000_000_000_000,
    )

    id: str
    codes: int
    max_uses: int
    created_at_ns: int

    @classmethod
    def of(cls, row: Batch) -> BatchView:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class CodesView(BaseModel):
    """The codes are shown by this answer and never again. A repeat under the same
    `Idempotency-Key` leaves them empty."""

    model_config = example(
        campaign_id="cmp_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        batch_id="bat_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        codes=["OGC-7KQ2-M4X9-0VTB-3HZC-8N1D"],
    )

    campaign_id: str
    batch_id: str
    codes: list[str] | None = Field(repr=False)


class CodeView(BaseModel):
    """`hint` is what is known of a code afterwards."""

    model_config = example(
        id="cod_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        batch_id="bat_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        hint="OGC-7KQ2-...",
        status="active",
        uses=0,
        max_uses=1,
        created_at_ns=1_764_000_000_000_000_000,
    )

    id: str
    batch_id: str
    hint: str
    status: str
    uses: int
    max_uses: int
    created_at_ns: int

    @classmethod
    def of(cls, row: Code) -> CodeView:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class CodeWanted(BaseModel):
    """A code that a customer asks about."""

    model_config = input_example(code="OGC-7KQ2-M4X9-0VTB-3HZC-8N1D")

    code: str = Field(max_length=10 * MAX_TYPED, repr=False)


class FoundCode(CodeView):
    campaign_id: str


class RevokedView(BaseModel):
    model_config = example(codes=1)

    codes: int


class NewClawBack(BaseModel):
    """`after`: what the answer before gave as `after`, for the rest."""

    model_config = input_example(reason="the list of codes was published")

    reason: Note
    after: str = Field("", max_length=64, pattern=r"^[A-Za-z0-9_]*$")


class ClawBackView(BaseModel):
    """`after` is null when every redemption was looked at; else ask again with it."""

    model_config = example(redemptions=12, amount_nanos=48_250_000_000, after=None)

    redemptions: int
    amount_nanos: int
    after: str | None


class NewOperatorCodes(NewCampaign):
    """A campaign and one batch of its codes."""

    model_config = input_example(name="from the command line", usd="25.00", count=10)

    count: Count
    max_uses: Times = 1

    def terms(self) -> CampaignTerms:
        wanted = self.model_dump(exclude={"count", "max_uses"})
        return NewCampaign.model_validate(wanted).terms()


def _in_days(ns: int | None) -> int | None:
    return None if ns is None else ns // _DAY_NS
