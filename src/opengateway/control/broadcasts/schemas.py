"""What the routes of broadcasts take and give."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from opengateway.control.bodies import AtNs
from opengateway.control.broadcasts.calls import BroadcastKind, Secrets
from opengateway.control.broadcasts.models import Broadcast
from opengateway.kit.addresses import MAX_URL

_Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
_Value = Annotated[str, Field(max_length=1024, pattern=r"^[\x20-\x7e]*$")]


class NewBroadcast(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "otlp",
                    "url": "https://collector.example.com/v1/traces",
                    "headers": {"authorization": "Bearer abc"},
                }
            ]
        },
    )

    kind: BroadcastKind
    url: str = Field(
        max_length=MAX_URL,
        pattern=r"^https?://[A-Za-z0-9._~:/@\[\]-]+(\?[A-Za-z0-9._~=&-]*)?$",
        description="A collector's `/v1/traces`; a webhook; a bucket with the prefix of objects.",
    )
    headers: dict[_Name, _Value] = Field(
        {}, max_length=16, description="For `otlp`. They are kept sealed and never shown."
    )
    region: str = Field(
        "us-east-1", max_length=64, pattern=r"^[A-Za-z0-9-]+$", description="For `s3`."
    )
    access_key_id: str = Field("", max_length=128, description="For `s3`.")
    secret_access_key: str = Field("", max_length=256, description="For `s3`.", repr=False)

    def secrets(self) -> Secrets:
        return Secrets("", self.headers, self.access_key_id, self.secret_access_key)


class BroadcastChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    disabled: bool


class BroadcastView(BaseModel):
    """`sent` counts requests. `last_error` is empty while it works."""

    id: str
    team_id: str
    kind: BroadcastKind
    url: str
    disabled: bool
    sent: int
    failing_since_ns: int | None
    last_error: str
    created_at_ns: AtNs

    @classmethod
    def of(cls, row: Broadcast) -> BroadcastView:
        return cls.model_validate({field: getattr(row, field) for field in cls.model_fields})


class MadeBroadcast(BaseModel):
    """`secret` signs what a webhook is sent; empty for other kinds. It is in this answer alone."""

    broadcast: BroadcastView
    secret: str = Field(repr=False)


class BroadcastList(BaseModel):
    data: list[BroadcastView]
    next: None = None
