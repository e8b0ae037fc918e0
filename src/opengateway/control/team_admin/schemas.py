"""What the team routes take and give."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from opengateway.control.bodies import AtOnce, Name, PerMinute, example, input_example
from opengateway.control.teams.models import Team
from opengateway.domain.errors import InvalidRequest

_TEAM: Final = "team_0192f0c1a2b37c4d8e9fa0b1c2d3e4f6"
_AT: Final = 1_764_000_000_000_000_000
_VIEW: Final[dict[str, Any]] = {
    "id": _TEAM,
    "name": "Research",
    "zone": "kr",
    "status": "active",
    "body_logging": False,
    "bodies_days": None,
    "keep_responses": False,
    "outage_allowance_nanos": None,
    "rpm": None,
    "tpm": None,
    "concurrency": None,
    "created_at_ns": _AT,
    "deleted_at_ns": None,
    "version": 1,
    "role": "owner",
}


class NewTeam(BaseModel):
    model_config = input_example(name="Research")

    name: Name


class TeamPatch(BaseModel):
    """What is left out stays. The limits are the platform's to set."""

    model_config = input_example(name="Research and development")

    name: Name = Field("", validate_default=False)
    body_logging: bool = Field(
        False, description="Keep prompts and answers of its requests, encrypted."
    )
    bodies_days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        None, description="For how many days; null: as long as the zone keeps them."
    )
    keep_responses: bool = Field(
        False,
        description="Keep the answers of `/v1/responses` for 24 hours, encrypted, so that"
        " `previous_response_id` and references to items are found.",
    )
    rpm: PerMinute | None = None
    tpm: PerMinute | None = None
    concurrency: AtOnce | None = None
    outage_allowance_nanos: Annotated[int, Field(ge=0, le=10**15)] | None = Field(
        None, description="What a gateway may spend for it while the ledger is out of reach."
    )

    def columns(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class Freeze(BaseModel):
    model_config = input_example(reason="chargeback of invoice 17")

    reason: str = Field(min_length=1, max_length=500)


class TeamView(BaseModel):
    """A team. `role` is the caller's own in it; null for whoever is not a member."""

    model_config = example(**_VIEW)

    id: str
    name: str
    zone: str
    status: str
    body_logging: bool
    bodies_days: int | None
    keep_responses: bool
    outage_allowance_nanos: int | None
    rpm: int | None
    tpm: int | None
    concurrency: int | None
    created_at_ns: int
    deleted_at_ns: int | None
    version: int
    role: str | None

    @classmethod
    def of(cls, team: Team, role: str | None) -> TeamView:
        shown = {name: getattr(team, name) for name in cls.model_fields if name != "role"}
        return cls.model_validate({**shown, "role": role})


def check_reason(reason: str) -> str:
    """Raises `InvalidRequest` for what no log can show."""
    if not reason.isprintable():
        raise InvalidRequest("'reason' must be printable characters on one line", param="reason")
    return reason
