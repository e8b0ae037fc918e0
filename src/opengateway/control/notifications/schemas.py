"""What the notification routes take and give."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from opengateway.control.notifications.models import AlertSettings, Notification
from opengateway.control.notifications.service import MAX_EMAILS, MAX_NANOS


class NotificationView(BaseModel):
    """`data` holds what the words need: amounts in nano-dollars, ids, a level in per cent."""

    id: str
    kind: str
    data: dict[str, Any]
    created_at_ns: int
    read: bool

    @classmethod
    def of(cls, row: Notification, read_up_to: str) -> NotificationView:
        return cls(
            id=row.id,
            kind=row.kind,
            data=row.data,
            created_at_ns=row.created_at_ns,
            read=row.id <= read_up_to,
        )


class NotificationPage(BaseModel):
    data: list[NotificationView]
    next: str | None
    unread: int
    """100 means 100 or more."""


class ReadUpTo(BaseModel):
    model_config = ConfigDict(extra="forbid")

    up_to: str = Field(
        pattern="^ntf_[0-9a-f]{32}$",
        description="The newest notification that was seen.",
        examples=["ntf_0190a1b2c3d47e5f8a9b0c1d2e3f4a5b"],
    )


class AlertSettingsView(BaseModel):
    """`low_balance_nanos` null: never told of a low balance. `version` 0: the defaults."""

    low_balance_nanos: int | None
    emails: list[str]
    version: int

    @classmethod
    def of(cls, settings: AlertSettings) -> AlertSettingsView:
        return cls.model_validate({field: getattr(settings, field) for field in cls.model_fields})


class NewAlertSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    low_balance_nanos: int | None = Field(
        ge=0,
        le=MAX_NANOS,
        description="Told when the balance falls to it.",
        examples=[5_000_000_000],
    )
    emails: list[str] = Field(
        [],
        max_length=MAX_EMAILS,
        description="Addresses beside those of the owners and of those who do the billing.",
    )
