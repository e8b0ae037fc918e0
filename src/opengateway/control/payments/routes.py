"""Payments over HTTP: a team's own, refunds by the platform's people, and what the processor tells."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from opengateway.control.access import Access, access, permits, permits_platform
from opengateway.control.actor import CurrentActor
from opengateway.control.bodies import Page
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.ledger.schemas import nanos_of
from opengateway.control.paging import After, Limit, next_page, place_of
from opengateway.control.payments.events import EventService
from opengateway.control.payments.schemas import (
    NewPaymentRefund,
    NewRecharge,
    NewTopUp,
    PageView,
    PaymentSettingsView,
    PaymentView,
    RechargeView,
    RefundView,
    TakenView,
)
from opengateway.control.payments.service import PaymentService
from opengateway.control.scope import Scope
from opengateway.control.sessions.web import require_step_up
from opengateway.ports.payments import ForgedEvent

router = APIRouter(prefix="/teams/{team_id}", tags=["payments"])
admin = APIRouter(prefix="/admin/teams/{team_id}/payments", tags=["payments"])
told = APIRouter(prefix="/payments", tags=["payments"], include_in_schema=False)


async def _payments(scope: Scope, actor: CurrentActor) -> PaymentService:
    return PaymentService(scope, actor)


Payments = Annotated[PaymentService, Depends(_payments)]


@router.get("/payment-settings", openapi_extra=permits("billing.read"))
async def get_payment_settings(
    team_id: str, payments: Payments, scope: Scope
) -> PaymentSettingsView:
    """How the team can pay, and what it has saved."""
    rules, processor = scope.selling.rules, scope.selling.processor
    customer = await payments.rows.customer(team_id)
    return PaymentSettingsView(
        processor=processor.name if processor is not None else None,
        min_usd=str(rules.min_cents // 100),
        max_usd=str(rules.max_cents // 100),
        tax_name=rules.tax.name,
        tax_ppm=rules.tax.ppm,
        display_currency=rules.display_currency,
        has_method=customer is not None and customer.method_id is not None,
        method=customer.method_label if customer is not None else None,
        recharge=RechargeView.of(await payments.rows.recharge_settings(team_id)),
    )


@router.post("/topups", status_code=201, openapi_extra=permits("billing.topup"))
async def top_up(team_id: str, wanted: NewTopUp, payments: Payments) -> PageView:
    """Begin a payment: the answer names the page where it is made. It is credit when it is paid."""
    page = await payments.top_up(team_id, nanos_of(wanted.usd), save_method=wanted.save_method)
    return PageView(id=page.id, url=page.url)


@router.get("/payments", openapi_extra=permits("billing.read"))
async def list_payments(
    team_id: str, payments: Payments, after: After = "", limit: Limit = 100
) -> Page[PaymentView]:
    """The team's payments, newest first."""
    rows = await payments.rows.of_team(team_id, before=place_of(after), limit=limit)
    return Page(
        data=[PaymentView.of(row) for row in rows], next=next_page(rows, limit, lambda r: r.id)
    )


@router.post("/payment-method", status_code=201, openapi_extra=permits("billing.topup"))
async def new_payment_method(team_id: str, payments: Payments) -> PageView:
    """A page where a method is saved without paying."""
    page = await payments.new_method(team_id)
    return PageView(id=page.id, url=page.url)


@router.delete("/payment-method", status_code=204, openapi_extra=permits("billing.topup"))
async def delete_payment_method(team_id: str, payments: Payments) -> None:
    """Forget the saved method, here and at the processor. Recharging is switched off."""
    await payments.forget_method(team_id)


@router.put("/auto-recharge", openapi_extra=permits("billing.topup"))
async def set_auto_recharge(
    team_id: str,
    wanted: NewRecharge,
    payments: Payments,
    response: Response,
    if_match: IfMatch = None,
) -> RechargeView:
    """Charge the saved method by itself when the balance is low."""
    settings = await payments.set_recharge(
        team_id,
        enabled=wanted.enabled,
        below_nanos=nanos_of(wanted.below_usd, param="below_usd"),
        amount_nanos=nanos_of(wanted.amount_usd, param="amount_usd"),
        monthly_nanos=None
        if wanted.monthly_usd is None
        else nanos_of(wanted.monthly_usd, param="monthly_usd"),
        if_match=if_match,
    )
    show_version(response, settings.version)
    return RechargeView.of(settings)


@admin.get("", openapi_extra=permits_platform("ledger.read"))
async def list_any_payments(
    team_id: str, payments: Payments, after: After = "", limit: Limit = 100
) -> Page[PaymentView]:
    """Any team's payments, newest first."""
    rows = await payments.rows.of_team(team_id, before=place_of(after), limit=limit)
    return Page(
        data=[PaymentView.of(row) for row in rows], next=next_page(rows, limit, lambda r: r.id)
    )


@admin.post(
    "/{payment_id}/refunds",
    status_code=201,
    openapi_extra=permits_platform("ledger.refund"),
    dependencies=[require_step_up],
)
async def refund_payment(
    team_id: str, payment_id: str, wanted: NewPaymentRefund, payments: Payments
) -> RefundView:
    """Send a payment back through the processor, at most what is left of its credit."""
    amount = None if wanted.usd is None else nanos_of(wanted.usd)
    return RefundView.of(await payments.refund(team_id, payment_id, amount, wanted.note))


@told.post("/stripe/webhook", openapi_extra=access(Access.PUBLIC))
async def take_event(
    request: Request,
    scope: Scope,
    stripe_signature: Annotated[str, Header(max_length=4096)] = "",
) -> TakenView:
    """What the processor tells. Only there where its secret is set."""
    processor = scope.selling.processor
    if processor is None or not processor.takes_events:
        raise ForgedEvent("events are not taken here")
    event = processor.event(await request.body(), stripe_signature)
    is_new = await EventService(scope, processor.name).take(event)
    return TakenView(again=not is_new)
