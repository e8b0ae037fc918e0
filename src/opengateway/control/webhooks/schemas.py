"""What the webhook routes take and give."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from opengateway.control.webhooks.models import Webhook, WebhookDelivery
from opengateway.domain.announcements import SUBSCRIBABLE, EventKind
from opengateway.kit.addresses import MAX_URL

Url = Field(max_length=MAX_URL, examples=["https://example.com/hooks/opengateway"])
_EVENTS = f"Kinds to be told of, empty for all: {', '.join(kind.value for kind in SUBSCRIBABLE)}."


class NewWebhook(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str = Url
    events: list[EventKind] = Field([], max_length=32, description=_EVENTS)


class WebhookChange(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(None, max_length=MAX_URL)
    events: list[EventKind] | None = Field(None, max_length=32, description=_EVENTS)
    disabled: bool | None = None


class WebhookView(BaseModel):
    """Times are Unix nanoseconds. `failing_since_ns`: it has taken nothing since then."""

    id: str
    team_id: str
    url: str
    events: list[EventKind]
    disabled: bool
    failing_since_ns: int | None
    old_until_ns: int | None
    version: int
    created_at_ns: int
    updated_at_ns: int

    @classmethod
    def of(cls, webhook: Webhook) -> WebhookView:
        return cls.model_validate({field: getattr(webhook, field) for field in cls.model_fields})


class MadeWebhook(BaseModel):
    """`secret` signs what is sent. It is in this answer and nowhere else, ever."""

    webhook: WebhookView
    secret: str = Field(repr=False)


class WebhookList(BaseModel):
    data: list[WebhookView]
    next: None = None
    """There are never more than one page of them."""


class AttemptView(BaseModel):
    """`status` 0: there was no answer, and `error` says why. `body` is its first kilobyte."""

    at_ns: int
    status: int
    error: str
    body: str
    took_ms: int


class DeliveryView(BaseModel):
    id: str
    webhook_id: str
    event_id: str
    event_type: str
    state: str
    payload: str
    attempts: list[AttemptView]
    next_attempt_ns: int | None
    created_at_ns: int
    finished_at_ns: int | None

    @classmethod
    def of(cls, delivery: WebhookDelivery) -> DeliveryView:
        return cls.model_validate({field: getattr(delivery, field) for field in cls.model_fields})


class DeliveryPage(BaseModel):
    data: list[DeliveryView]
    next: str | None
