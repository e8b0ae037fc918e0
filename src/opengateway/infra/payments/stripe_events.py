"""Stripe's events in our words: a pure mapping. What has no meaning for us is `other`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from opengateway.domain.payments import ProcessorEvent, ToldKind

_Fields = dict[str, Any]


def event_of(event: Mapping[str, Any]) -> ProcessorEvent:
    """Raises `KeyError`, `TypeError` or `ValueError` for what is no event."""
    if event["object"] != "event":
        raise ValueError("no event")
    told, type_ = event["data"]["object"], str(event["type"])
    make = _MAKERS.get(type_)
    fields = make(told, event) if make is not None else {"kind": ToldKind.OTHER}
    return ProcessorEvent(id=str(event["id"]), type=type_, **fields)


def _id(value: Any) -> str | None:
    """Of an object that may stand there whole."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def _session(kind: ToldKind) -> Callable[[Any, Any], _Fields]:
    def make(session: Mapping[str, Any], _event: Any) -> _Fields:
        if session["mode"] != "payment":
            return {"kind": ToldKind.OTHER}
        paid = session["payment_status"] == "paid"
        return {
            "kind": ToldKind.PENDING if kind is ToldKind.PAID and not paid else kind,
            "payment_id": _id(session.get("client_reference_id")),
            "session_id": _id(session),
            "intent_id": _id(session.get("payment_intent")),
            "customer_id": _id(session.get("customer")),
            "cents": int(session["amount_total"] or 0),
            "currency": str(session["currency"]),
        }

    return make


def _intent_paid(intent: Mapping[str, Any], _event: Any) -> _Fields:
    keeps = intent.get("setup_future_usage") == "off_session"
    return {
        "kind": ToldKind.PAID,
        "payment_id": _id((intent.get("metadata") or {}).get("payment_id")),
        "intent_id": _id(intent),
        "customer_id": _id(intent.get("customer")),
        "method_id": _id(intent.get("payment_method")) if keeps else None,
        "cents": int(intent["amount_received"]),
        "currency": str(intent["currency"]),
    }


def _intent_failed(intent: Mapping[str, Any], _event: Any) -> _Fields:
    about = intent.get("metadata") or {}
    if about.get("kind") != "recharge":
        return {"kind": ToldKind.OTHER}  # on a page one may try again
    return {
        "kind": ToldKind.FAILED,
        "payment_id": _id(about.get("payment_id")),
        "intent_id": _id(intent),
    }


def _refund(refund: Mapping[str, Any], _event: Any) -> _Fields:
    failed = refund.get("status") in ("failed", "canceled")
    return {
        "kind": ToldKind.REFUND_FAILED if failed else ToldKind.REFUNDED,
        "object_id": _id(refund),
        "refund_id": _id((refund.get("metadata") or {}).get("refund_id")),
        "intent_id": _id(refund.get("payment_intent")),
        "cents": int(refund["amount"]),
        "currency": str(refund["currency"]),
    }


def _dispute(kind: ToldKind) -> Callable[[Any, Any], _Fields]:
    def make(dispute: Mapping[str, Any], _event: Any) -> _Fields:
        return {
            "kind": kind,
            "object_id": _id(dispute),
            "intent_id": _id(dispute.get("payment_intent")),
            "cents": int(dispute["amount"]),
            "currency": str(dispute["currency"]),
        }

    return make


def _setup(setup: Mapping[str, Any], _event: Any) -> _Fields:
    return {
        "kind": ToldKind.METHOD_SAVED,
        "customer_id": _id(setup.get("customer")),
        "method_id": _id(setup.get("payment_method")),
    }


def _attached(method: Mapping[str, Any], _event: Any) -> _Fields:
    return {
        "kind": ToldKind.METHOD_KNOWN,
        "customer_id": _id(method.get("customer")),
        "method_id": _id(method),
        "method_label": _label(method),
    }


def _detached(method: Mapping[str, Any], _event: Any) -> _Fields:
    return {"kind": ToldKind.METHOD_GONE, "method_id": _id(method)}


def _label(method: Mapping[str, Any]) -> str:
    """What a person knows it by: never more of a number than its last four digits."""
    card = method.get("card")
    if not isinstance(card, Mapping):
        return str(method.get("type", "other"))[:40]
    brand, last4 = str(card.get("brand", "card"))[:20], str(card.get("last4", "----"))[:4]
    return f"{brand} {last4} {int(card['exp_month']):02}/{int(card['exp_year'])}"


_MAKERS: Final[Mapping[str, Callable[[Any, Any], _Fields]]] = {
    "checkout.session.completed": _session(ToldKind.PAID),
    "checkout.session.async_payment_succeeded": _session(ToldKind.PAID),
    "checkout.session.async_payment_failed": _session(ToldKind.FAILED),
    "checkout.session.expired": _session(ToldKind.EXPIRED),
    "payment_intent.succeeded": _intent_paid,
    "payment_intent.payment_failed": _intent_failed,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.dispute.funds_withdrawn": _dispute(ToldKind.DISPUTED),
    "charge.dispute.funds_reinstated": _dispute(ToldKind.REINSTATED),
    "setup_intent.succeeded": _setup,
    "payment_method.attached": _attached,
    "payment_method.detached": _detached,
}
