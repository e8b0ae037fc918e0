"""A stand-in for Stripe, made from its API reference (docs.stripe.com/api, read 2026-11): objects, error
bodies, idempotency, and events with their signatures. It refuses what Stripe refuses."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiohttp import web

KEY = "sk_test_stub_0123456789"
SECRET = "whsec_stub_0123456789"
_PART = re.compile(r"\[([^\]]*)\]")


def decoded(form: Any) -> dict[str, Any]:
    """`a[b][0][c]=v` as Stripe reads it."""
    found: dict[str, Any] = {}
    for name, value in form.items():
        first = name.partition("[")[0]
        path = [first, *_PART.findall(name)]
        place = found
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value
    return found


def signed(
    event: dict[str, Any], secret: str = SECRET, at: float | None = None
) -> tuple[bytes, str]:
    """The body of an event and its `Stripe-Signature`."""
    body = json.dumps(event, indent=2).encode()
    stamp = int(time.time() if at is None else at)
    made = hmac.new(secret.encode(), b"%d.%s" % (stamp, body), hashlib.sha256).hexdigest()
    return body, f"t={stamp},v1={made}"


class StripeStub:
    def __init__(self) -> None:
        self.url = ""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.sessions: dict[str, dict[str, Any]] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.declines = False
        self.down = 0
        """So many calls are done and answered with 500."""
        self._numbers = itertools.count(1)
        self._answers: dict[str, tuple[str, int, dict[str, Any]]] = {}

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):06}"

    # --- the API ---------------------------------------------------------------------------------
    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return _error(401, "invalid_request_error", None, "Invalid API Key provided")
        params = decoded(await request.post())
        path = request.path.removeprefix("/v1/")
        self.calls.append((path, params))
        key = request.headers.get("idempotency-key", "")
        asked = f"{path} {json.dumps(params, sort_keys=True)}"
        if key and key in self._answers:
            before, status, body = self._answers[key]
            if before != asked:
                return _error(400, "idempotency_error", None, "Keys for idempotent requests ...")
            return web.json_response(body, status=status)
        status, body = self._do(path, params)
        if key:
            self._answers[key] = (asked, status, body)
        if self.down:
            self.down -= 1
            return _error(500, "api_error", None, "Something went wrong on Stripe's end")
        return web.json_response(body, status=status)

    def _do(self, path: str, params: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "customers":
            return 200, {"id": self._id("cus"), "object": "customer", **params}
        if path == "checkout/sessions":
            return 200, self._new_session(params)
        if path == "payment_intents":
            return self._new_intent(params)
        if path == "refunds":
            return self._new_refund(params)
        if path.startswith("payment_methods/") and path.endswith("/detach"):
            return 200, {"id": path.split("/")[1], "object": "payment_method", "customer": None}
        return 404, _body("invalid_request_error", None, f"Unrecognized request URL: {path}")

    def _new_session(self, params: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {
            "id": self._id("cs_test"),
            "object": "checkout.session",
            "mode": params["mode"],
            "status": "open",
            "payment_status": "unpaid",
            "customer": params["customer"],
            "client_reference_id": params.get("client_reference_id"),
            "metadata": params.get("metadata", {}),
            "payment_intent": None,
            "currency": "usd",
            "amount_total": None,
            "url": f"{self.url}/c/pay/{len(self.sessions)}",
        }
        if params["mode"] == "payment":
            price = params["line_items"]["0"]["price_data"]
            made["amount_total"] = int(price["unit_amount"])
            made["currency"] = price["currency"]
            made["_intent"] = params["payment_intent_data"]
        self.sessions[str(made["id"])] = made
        return _shown(made)

    def _new_intent(self, params: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.declines:
            return 402, _body("card_error", "card_declined", "Your card was declined.")
        made = self._intent(
            int(params["amount"]), params["currency"], params["customer"], params["metadata"]
        )
        made["payment_method"] = params["payment_method"]
        return 200, made

    def _intent(
        self, cents: int, currency: str, customer: str, about: dict[str, Any]
    ) -> dict[str, Any]:
        made = {
            "id": self._id("pi"),
            "object": "payment_intent",
            "amount": cents,
            "amount_received": cents,
            "currency": currency,
            "customer": customer,
            "metadata": about,
            "payment_method": None,
            "setup_future_usage": None,
            "status": "succeeded",
        }
        self.intents[made["id"]] = made
        return made

    def _new_refund(self, params: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        intent = self.intents.get(params["payment_intent"])
        if intent is None:
            return 404, _body("invalid_request_error", "resource_missing", "No such payment_intent")
        gone = sum(
            r["amount"] for r in self.refunds.values() if r["payment_intent"] == intent["id"]
        )
        if gone + int(params["amount"]) > intent["amount_received"]:
            return 400, _body("invalid_request_error", "charge_already_refunded", "too much")
        made = {
            "id": self._id("re"),
            "object": "refund",
            "amount": int(params["amount"]),
            "currency": intent["currency"],
            "payment_intent": intent["id"],
            "metadata": params.get("metadata", {}),
            "status": "succeeded",
        }
        self.refunds[made["id"]] = made
        return 200, made

    # --- what people and banks do ----------------------------------------------------------------
    def event(self, type_: str, told: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": self._id("evt"),
            "object": "event",
            "api_version": "2026-10-29.clover",
            "created": int(time.time()),
            "type": type_,
            "data": {"object": json.loads(json.dumps(_shown(told)))},
        }

    def pay(self, session_id: str | None = None, cents: int | None = None) -> list[dict[str, Any]]:
        """Somebody pays on the page: the events that Stripe sends of it, as a rule in this order."""
        session = self.sessions[session_id or list(self.sessions)[-1]]
        wanted = session["_intent"]
        total = session["amount_total"] if cents is None else cents
        intent = self._intent(total, session["currency"], session["customer"], wanted["metadata"])
        intent["setup_future_usage"] = wanted.get("setup_future_usage")
        intent["payment_method"] = self._id("pm")
        session |= {"status": "complete", "payment_status": "paid", "payment_intent": intent["id"]}
        session["amount_total"] = total
        events = [
            self.event("payment_intent.succeeded", intent),
            self.event("checkout.session.completed", session),
        ]
        if intent["setup_future_usage"]:
            method = {
                "id": intent["payment_method"],
                "object": "payment_method",
                "type": "card",
                "customer": session["customer"],
                "card": {"brand": "visa", "last4": "4242", "exp_month": 7, "exp_year": 2031},
            }
            events.insert(0, self.event("payment_method.attached", method))
        return events

    def dispute(
        self, intent_id: str, type_: str, id_: str = "dp_1", cents: int | None = None
    ) -> dict[str, Any]:
        intent = self.intents[intent_id]
        told = {
            "id": id_,
            "object": "dispute",
            "amount": intent["amount"] if cents is None else cents,
            "currency": intent["currency"],
            "payment_intent": intent_id,
        }
        return self.event(f"charge.dispute.{type_}", told)

    def refund_outside(self, intent_id: str, cents: int) -> dict[str, Any]:
        _, made = self._new_refund({"payment_intent": intent_id, "amount": cents})
        return self.event("refund.created", made)


def _shown(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if not name.startswith("_")}


def _body(type_: str, code: str | None, message: str) -> dict[str, Any]:
    return {"error": {"type": type_, "code": code, "message": message}}


def _error(status: int, type_: str, code: str | None, message: str) -> web.Response:
    return web.json_response(_body(type_, code, message), status=status)


@asynccontextmanager
async def stripe_stub() -> AsyncIterator[StripeStub]:
    stub = StripeStub()
    app = web.Application()
    app.router.add_route("POST", "/v1/{tail:.*}", stub.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield stub
    finally:
        await runner.cleanup()


@contextmanager
def stripe_stub_apart() -> Iterator[StripeStub]:
    """The stub in a loop and thread of its own, for a product that is another process."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = stripe_stub()
    try:
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
