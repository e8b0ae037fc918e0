"""What the routes of kept bodies take and give."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from opengateway.control.bodies import AtNs, example
from opengateway.control.kept_bodies.models import RequestBody
from opengateway.domain.kept_body import KeptBody

_REQUEST: Final = "gen_019a2b3c4d5e7f608192a3b4c5d6e7f8"
_TEAM: Final = "team_0192f0c1a2b37c4d8e9fa0b1c2d3e4f6"
_AT: Final = 1_764_000_000_000_000_000


class BodyPart(BaseModel):
    text: str = Field(description="JSON where it was; a stream is put together as one answer.")
    size_bytes: int = Field(description="As it was sent, what was cut off included.")
    truncated: bool = Field(description="Whether the end is missing, for its length.")


class BodyView(BaseModel):
    """What a caller sent, and was answered."""

    model_config = example(
        id=_REQUEST,
        team_id=_TEAM,
        request={
            "text": '{"model":"openai/gpt-4o","messages":[{"role":"user","content":"Hello"}]}',
            "size_bytes": 71,
            "truncated": False,
        },
        response={
            "text": '{"choices":[{"message":{"role":"assistant","content":"Hi."}}]}',
            "size_bytes": 62,
            "truncated": False,
        },
        redactions=0,
        kept_at_ns=_AT,
        kept_until_ns=_AT + 2_592_000_000_000_000,
    )

    id: str
    team_id: str
    request: BodyPart
    response: BodyPart
    redactions: int = Field(description="How often something was taken out before it was kept.")
    kept_at_ns: AtNs
    kept_until_ns: AtNs


def body_view(row: RequestBody, body: KeptBody, until_ns: int) -> dict[str, Any]:
    """As `BodyView`."""
    return {
        "id": row.request_id,
        "team_id": row.team_id,
        "request": _part(body.request, body.request_bytes, body.request_cut),
        "response": _part(body.answer, body.answer_bytes, body.answer_cut),
        "redactions": body.redactions,
        "kept_at_ns": row.kept_at_ns,
        "kept_until_ns": until_ns,
    }


def _part(text: str, size_bytes: int, truncated: bool) -> dict[str, Any]:
    return {"text": text, "size_bytes": size_bytes, "truncated": truncated}


class SearchTerms(BaseModel):
    model_config = ConfigDict(extra="forbid")

    team_id: str = Field(
        min_length=1, max_length=64, description="The team whose bodies these are."
    )
    text: str = Field(
        min_length=3,
        max_length=200,
        pattern=r"^[^\x00]+$",
        description="Found as it is; upper and lower case are alike.",
        examples=["invoice"],
    )
    from_ns: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    until_ns: Annotated[int, Field(ge=0, le=2**63 - 1)] = 2**63 - 1
    limit: int = Field(20, ge=1, le=100)
    after: str = Field("", max_length=512, description="`next` of the search before.")


class FoundBody(BaseModel):
    id: str
    team_id: str
    started_at_ns: AtNs
    where: str = Field(description="`request` or `answer`.")
    excerpt: str


class FoundBodies(BaseModel):
    """`next` is null when everything that was asked for was looked at."""

    model_config = example(
        data=[
            {
                "id": _REQUEST,
                "team_id": _TEAM,
                "started_at_ns": _AT,
                "where": "request",
                "excerpt": '"content":"Where is my invoice?"',
            }
        ],
        scanned=412,
        unreadable=0,
        next=None,
    )

    data: list[FoundBody]
    scanned: int = Field(description="Bodies that were looked into: at most 2,000, for 2 seconds.")
    unreadable: int = Field(description="Of these, sealed under a key that is gone.")
    next: str | None = Field(description="Give it as `after` to go on looking; null at the end.")
