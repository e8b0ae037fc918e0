"""Booking money for people: what was asked, in nanos, with who asked and an audit line."""

from __future__ import annotations

from typing import Any

from opengateway.control.actor import Actor
from opengateway.control.ledger.schemas import (
    NewAdjustment,
    NewChargeback,
    NewGrant,
    NewRefund,
    nanos_of,
)
from opengateway.control.scope import ControlScope
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.ledger import EntryKind
from opengateway.ports.ledger_book import Ask, Booked, Credit


class MoneyService:
    """The caller owns the transaction. `idempotency_key` stands in for a `ref` that was left out."""

    def __init__(self, scope: ControlScope, actor: Actor, idempotency_key: str | None) -> None:
        self._scope = scope
        self._actor = actor
        self._key = idempotency_key

    async def grant(self, team_id: str, wanted: NewGrant) -> Booked:
        """Raises `InvalidRequest`, `RefUsed`."""
        if wanted.source not in (EntryKind.GRANT, EntryKind.TOPUP):
            raise InvalidRequest("'source' must be 'grant' or 'topup'", param="source")
        expires = wanted.expires_at_ns
        if expires is not None and expires <= self._scope.clock.now_ns():
            raise InvalidRequest("'expires_at_ns' is in the past", param="expires_at_ns")
        topup = wanted.source is EntryKind.TOPUP
        credit = Credit(
            team_id=team_id,
            amount=nanos_of(wanted.usd),
            kind=wanted.kind,
            source=wanted.source,
            source_id=wanted.processor if topup else "",
            expires_at_ns=expires,
            fee=nanos_of(wanted.fee_usd, param="fee_usd"),
        )
        booked = await self._scope.ledger.credits.add(credit, self._ask(wanted.ref, wanted.note))
        return await self._noted("ledger.granted", team_id, booked, wanted)

    async def adjust(self, team_id: str, wanted: NewAdjustment) -> Booked:
        """Raises `InvalidRequest`, `RefUsed`, `InsufficientFunds`."""
        booked = await self._scope.ledger.credits.adjust(
            team_id,
            nanos_of(wanted.usd, signed=True),
            wanted.kind,
            wanted.expires_at_ns,
            self._ask(wanted.ref, wanted.note),
        )
        return await self._noted("ledger.adjusted", team_id, booked, wanted)

    async def refund(self, team_id: str, wanted: NewRefund) -> Booked:
        """Raises `InvalidRequest`, `RefUsed`, `NotFound`, `Conflict`, `InsufficientFunds`."""
        credits, amount = self._scope.ledger.credits, nanos_of(wanted.usd)
        ask = self._ask(wanted.ref, wanted.note)
        if wanted.grant_id is not None and wanted.request_id is None:
            booked = await credits.refund_payment(team_id, wanted.grant_id, amount, ask)
        elif wanted.request_id is not None and wanted.grant_id is None:
            booked = await credits.refund_charge(team_id, wanted.request_id, amount, ask)
        else:
            raise InvalidRequest("give either 'grant_id' or 'request_id'", param="grant_id")
        return await self._noted("ledger.refunded", team_id, booked, wanted)

    async def charge_back(self, team_id: str, wanted: NewChargeback) -> Booked:
        """Raises `InvalidRequest`, `RefUsed`, `NotFound`, `Conflict`."""
        booked = await self._scope.ledger.credits.charge_back(
            team_id,
            wanted.grant_id,
            nanos_of(wanted.usd),
            self._ask(wanted.ref, wanted.note),
        )
        return await self._noted("ledger.charged_back", team_id, booked, wanted)

    def _ask(self, ref: str | None, note: str) -> Ask:
        by = self._actor.user_id or self._actor.key_id or self._actor.kind.value
        return Ask(ref or self._key or self._scope.new_id("ref_"), by, note)

    async def _noted(self, action: str, team_id: str, booked: Booked, wanted: Any) -> Booked:
        if not booked.again:
            await self._scope.audit(
                self._actor,
                action,
                object_id=booked.entry_id,
                after=wanted.model_dump(mode="json", exclude={"note", "team"}),
                team_id=team_id,
                reason=wanted.note,
            )
        return booked
