"""Stripe, by its own library, which blocks: each call has a thread, and a few at most run at once.

Shapes of objects and events are those of Stripe's API reference (docs.stripe.com/api, 2026-11).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from opengateway.domain.payments import (
    ChargeAsk,
    Charged,
    Checkout,
    CheckoutAsk,
    PaymentState,
    ProcessorEvent,
)
from opengateway.infra.payments.stripe_events import event_of
from opengateway.kit import json
from opengateway.kit.log import get_logger
from opengateway.ports.payments import ForgedEvent, ProcessorRefused, ProcessorUnavailable

log = get_logger(__name__)
_TIMEOUT_S: Final = (5.0, 20.0)
_AT_ONCE: Final = 4
_TOLERANCE_S: Final = 300
"""How old an event's signature may be: what somebody recorded is worth nothing later."""
_DONE: Final = "?payment=done"
_CANCELLED: Final = "?payment=cancelled"


class StripeProcessor:
    name = "stripe"

    def __init__(
        self,
        *,
        secret_key: str,
        webhook_secret: str | None,
        api_url: str,
        proxy: str | None = None,
        ca_file: str | None = None,
    ) -> None:
        # A second to load and untypeable in reasonable time; only a zone that uses it pays for it.
        self._stripe: Any = import_module("stripe")
        session: Any = import_module("requests").Session()
        # What the environment says of proxies and certificates is not what the zone says.
        session.trust_env = False
        if ca_file is not None:
            vars(self._stripe)["ca_bundle_path"] = ca_file
        self._client: Any = self._stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_url},
            http_client=self._stripe.RequestsClient(
                timeout=_TIMEOUT_S, session=session, proxy=proxy
            ),
            max_network_retries=0,
        )
        self._webhook_secret = webhook_secret or None
        self._room = asyncio.Semaphore(_AT_ONCE)

    @property
    def takes_events(self) -> bool:
        return self._webhook_secret is not None

    async def new_customer(self, *, team_id: str, name: str, ref: str) -> str:
        params = {"name": name, "metadata": {"team_id": team_id}}
        made = await self._ask(self._client.v1.customers.create, params, ref)
        return str(made["id"])

    async def new_checkout(self, ask: CheckoutAsk) -> Checkout:
        about = {"payment_id": ask.ref}
        intent: dict[str, Any] = {"metadata": about, "description": ask.description}
        if ask.save_method:
            intent["setup_future_usage"] = "off_session"
        product = {"name": ask.description}
        price = {"currency": ask.currency, "unit_amount": ask.cents, "product_data": product}
        params = {
            "mode": "payment",
            "customer": ask.customer_id,
            "client_reference_id": ask.ref,
            "metadata": about,
            "payment_intent_data": intent,
            "line_items": [{"quantity": 1, "price_data": price}],
            "success_url": ask.return_url + _DONE,
            "cancel_url": ask.return_url + _CANCELLED,
        }
        made = await self._ask(self._client.v1.checkout.sessions.create, params, ask.ref)
        return Checkout(str(made["id"]), str(made["url"]))

    async def new_setup(self, *, customer_id: str, return_url: str, ref: str) -> Checkout:
        params = {
            "mode": "setup",
            "currency": "usd",
            "customer": customer_id,
            "success_url": return_url + _DONE,
            "cancel_url": return_url + _CANCELLED,
        }
        made = await self._ask(self._client.v1.checkout.sessions.create, params, ref)
        return Checkout(str(made["id"]), str(made["url"]))

    async def charge(self, ask: ChargeAsk) -> Charged:
        params = {
            "amount": ask.cents,
            "currency": ask.currency,
            "customer": ask.customer_id,
            "payment_method": ask.method_id,
            "confirm": True,
            "off_session": True,
            "description": ask.description,
            "metadata": {"payment_id": ask.ref, "kind": "recharge"},
        }
        try:
            made = await self._ask(self._client.v1.payment_intents.create, params, ask.ref)
        except ProcessorRefused as error:
            return Charged(PaymentState.FAILED, None, reason=error.message)
        cents, currency = int(made["amount_received"]), str(made["currency"])
        if made["status"] == "succeeded":
            return Charged(PaymentState.PAID, str(made["id"]), cents, currency)
        if made["status"] == "processing":
            return Charged(PaymentState.OPEN, str(made["id"]))
        # Whoever must confirm it is not there.
        return Charged(PaymentState.FAILED, str(made["id"]), reason=str(made["status"]))

    async def refund(self, *, intent_id: str, cents: int, ref: str) -> str:
        params = {"payment_intent": intent_id, "amount": cents, "metadata": {"refund_id": ref}}
        made = await self._ask(self._client.v1.refunds.create, params, ref)
        if made["status"] in ("failed", "canceled"):
            raise ProcessorRefused("the processor refused the refund")
        return str(made["id"])

    async def forget_method(self, method_id: str) -> None:
        await self._ask(lambda _, __: self._client.v1.payment_methods.detach(method_id), {}, "")

    def event(self, payload: bytes, signature: str) -> ProcessorEvent:
        assert self._webhook_secret is not None, "events are not taken without a secret"
        try:
            self._stripe.WebhookSignature.verify_header(
                payload.decode(), signature, self._webhook_secret, _TOLERANCE_S
            )
            return event_of(json.loads(payload))
        except (self._stripe.SignatureVerificationError, ValueError, KeyError, TypeError):
            raise ForgedEvent("this is no event of the payment processor's") from None

    async def _ask(self, call: Callable[..., Any], params: dict[str, Any], ref: str) -> Any:
        options = {"idempotency_key": ref}
        async with self._room:
            try:
                return await asyncio.to_thread(call, params, options)
            except self._stripe.StripeError as error:
                raise self._told(error) from None

    def _told(self, error: Any) -> ProcessorUnavailable | ProcessorRefused:
        # Messages may repeat what was sent; the code and the request's id say enough.
        status, code = getattr(error, "http_status", None), getattr(error, "code", None)
        log.warning("stripe_refused", status=status, code=code, request_id=error.request_id)
        if isinstance(error, self._stripe.CardError):
            return ProcessorRefused(f"the payment method was declined ({code or 'declined'})")
        if status is None or status == 409 or status == 429 or status >= 500:
            return ProcessorUnavailable(
                "the payment processor does not answer; try again", retry_after_s=5
            )
        if status in (401, 403):
            return ProcessorUnavailable("the payment processor does not take this zone's key")
        return ProcessorRefused(f"the payment processor refused this ({code or status})")
