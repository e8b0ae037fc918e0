"""The file that a team travels in: what it says, and how it is read. No secret is in it.

A signed blob (`kit/signing`) of the zone that the team leaves. Keys are there without their digests:
those are under the other zone's pepper, so that a key of one zone is never good in another.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from opengateway.control.memberships.service import MAX_MEMBERS
from opengateway.control.teams.service import MAX_NAME
from opengateway.domain.budgets import BudgetMode, BudgetPeriod, BudgetScope
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.principal import KeyKind
from opengateway.domain.routing_rules import RoutingPolicy
from opengateway.kit import signing
from opengateway.policies.permissions import Role
from opengateway.ports.ledger_book import Part

FORMAT: Final = 1
_Text = Annotated[str, msgspec.Meta(max_length=254)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
_Nanos = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_List = Annotated[list[Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(max_length=200)]


class MovedMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`id` as it was there: keys and budgets of the file name it."""

    id: _Text
    email: _Text
    role: Role
    rpm: _Count | None = None
    tpm: _Count | None = None
    concurrency: _Count | None = None


class MovedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: _Text
    name: _Name
    kind: KeyKind
    created_by: _Text | None = None
    models: _List = []
    providers: _List = []
    ips: _List = []
    labels: dict[str, str] = {}
    rpm: _Count | None = None
    tpm: _Count | None = None
    concurrency: _Count | None = None
    body_logging: bool | None = None
    strict_parameters: bool = False
    limit_nanos: _Nanos | None = None
    limit_reset: str | None = None
    include_byok_in_limit: bool = False
    disabled: bool = False
    expires_at_ns: int | None = None


class MovedBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scope: BudgetScope
    period: BudgetPeriod
    mode: BudgetMode
    limit_nanos: _Nanos
    subject_id: _Text | None = None


class MovedTeam(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: _Text
    name: _Name
    body_logging: bool = False
    keep_responses: bool = False
    outage_allowance_nanos: _Nanos | None = None
    rpm: _Count | None = None
    tpm: _Count | None = None
    concurrency: _Count | None = None
    routing_policy: RoutingPolicy | None = None
    """Its own ceiling: a provider that it names and the new zone has not leaves it nothing there."""


class TeamFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal[1]
    id: Annotated[str, msgspec.Meta(pattern=r"^mov_[0-9a-f]{32}$")]
    origin: _Text
    """The zone that it leaves."""
    destination: _Text
    at_ns: int
    team: MovedTeam
    members: Annotated[list[MovedMember], msgspec.Meta(max_length=MAX_MEMBERS)]
    keys: Annotated[list[MovedKey], msgspec.Meta(max_length=10_000)]
    budgets: Annotated[list[MovedBudget], msgspec.Meta(max_length=2_000)]
    credits: Annotated[list[Part], msgspec.Meta(max_length=10_000)]
    total_nanos: _Nanos
    """All credits together, once more: a file whose sums differ is refused."""


class BadTeamFile(InvalidRequest):
    code = "bad_team_file"


_decode = msgspec.json.Decoder(TeamFile).decode


def read_team_file(text: str, public_key: str) -> TeamFile:
    """Raises `BadTeamFile`: not one, not signed by this key's owner, or sums that do not fit."""
    try:
        file = _decode(signing.verify(text.encode(), public_key))
    except msgspec.ValidationError as error:
        raise BadTeamFile(f"the team file cannot be read: {error}", param="file") from None
    except (ValueError, msgspec.DecodeError) as error:
        raise BadTeamFile(f"the team file is refused: {error}", param="file") from None
    if sum(part.amount for part in file.credits) != file.total_nanos:
        raise BadTeamFile("the team file's credits are not its total", param="file")
    return file


def write_team_file(file: TeamFile) -> bytes:
    """What is to be signed: the same bytes for the same team."""
    return msgspec.json.encode(file)
