"""Issuing papers: a receipt for each payment, a credit note for each refund, an invoice for a month.

Everything that stands on one is written down when it is issued: it looks the same ever after, whatever
becomes of the seller's address, the team's name or an exchange rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Protocol

from sqlalchemy import select

from opengateway.control.actor import Actor
from opengateway.control.conditions import must_match
from opengateway.control.documents.models import BillingProfile, Document
from opengateway.control.documents.repository import DocumentRepository
from opengateway.control.prices.models import FxRateRow
from opengateway.control.scope import ControlScope
from opengateway.control.teams.repository import TeamRepository
from opengateway.domain.errors import Conflict, InvalidRequest

LOCALES: Final = ("en", "ko", "ja")
_ZONE_LOCALES: Final = {"kr": "ko", "jp": "ja"}
_DAY_NS: Final = 86_400 * 1_000_000_000
_SETTLING_DAYS: Final = 2
"""What a gateway that was cut off still sends of a month that is over is in the month's invoice."""


class PaidParts(Protocol):
    """A payment, as far as a paper tells of it."""

    id: str
    team_id: str
    net_cents: int
    tax_cents: int
    total_cents: int


class DocumentService:
    """The caller owns the transaction."""

    def __init__(self, scope: ControlScope, actor: Actor) -> None:
        self._scope = scope
        self._actor = actor
        self.rows = DocumentRepository(scope.session)

    async def receipt(self, payment: PaidParts) -> Document:
        """Of a payment that came in; once."""
        amounts = {
            "net_cents": payment.net_cents,
            "tax_cents": payment.tax_cents,
            "total_cents": payment.total_cents,
        }
        return await self._issue("receipt", payment.team_id, payment.id, amounts)

    async def credit_note(
        self, payment: PaidParts, refund_id: str, cents: int, others: Sequence[str] = ()
    ) -> Document:
        """Of a refund; once. Its tax is the payment's, by the rate of then and in proportion, rounded
        half up. `others` are refunds of the same payment: with theirs it is what the sum of all would
        have, so that the notes of a whole payment have its tax to the cent."""
        receipt = await self.rows.of_subject("receipt", payment.team_id, payment.id)
        before = await self.rows.of_subjects("credit_note", payment.team_id, others)
        gone = cents + sum(note.facts["total_cents"] for note in before)
        whole = payment.total_cents
        tax = (2 * payment.tax_cents * min(gone, whole) + whole) // (2 * whole)
        tax = min(max(0, tax - sum(note.facts["tax_cents"] for note in before)), cents)
        facts: dict[str, Any] = {
            "net_cents": cents - tax,
            "tax_cents": tax,
            "total_cents": cents,
            "of_number": receipt.number if receipt is not None else "",
        }
        if receipt is not None:
            facts["tax"] = receipt.facts["tax"]
        return await self._issue("credit_note", payment.team_id, refund_id, facts)

    async def invoice(self, team_id: str, month: str) -> Document:
        """Of what a month's requests cost; once. Raises `InvalidRequest`, `Conflict` too early."""
        first, after = span_of_month(month)
        today = self._scope.clock.now_ns() // _DAY_NS
        if today < after + _SETTLING_DAYS:
            raise Conflict(
                f"{month} can be invoiced from its end and {_SETTLING_DAYS} days on", param="month"
            )
        names = await self.rows.key_names(team_id)
        use = await self._scope.ledger.statements.use_by_key(team_id, first, after)
        lines = [
            {"key": names.get(key_id, key_id), "nanos": nanos, "requests": requests}
            for key_id, nanos, requests in use
            if nanos or requests
        ]
        facts = {"month": month, "lines": lines, "nanos": sum(line[1] for line in use)}
        return await self._issue("invoice", team_id, month, facts)

    async def set_profile(
        self, team_id: str, values: Mapping[str, Any], if_match: str | None
    ) -> BillingProfile:
        """Raises `PreconditionFailed`."""
        profile = await self.rows.profile(team_id)
        must_match(if_match, profile.version if profile is not None else 0)
        now_ns = self._scope.clock.now_ns()
        if profile is None:
            profile = BillingProfile(team_id=team_id, updated_at_ns=now_ns, **values)
            await self.rows.add(profile)
        else:
            for name, value in values.items():
                setattr(profile, name, value)
            profile.updated_at_ns = now_ns
            await self._scope.session.flush()
        # Names and addresses of people stay out of the audit log.
        await self._scope.audit(
            self._actor, "billing.profile_changed", object_id=team_id, team_id=team_id
        )
        return profile

    async def _issue(
        self, kind: str, team_id: str, subject_id: str, amounts: dict[str, Any]
    ) -> Document:
        scope, now_ns = self._scope, self._scope.clock.now_ns()
        series = f"{scope.zone.upper()}-{kind[0].upper()}-{day_of(now_ns).year}"
        # Whoever asks for the same at once waits here, and finds it then.
        await self.rows.hold(series)
        before = await self.rows.of_subject(kind, team_id, subject_id)
        if before is not None:
            return before
        number = f"{series}-{await self.rows.next_number(series):06}"
        facts = {**await self._parties(team_id), **amounts, "shown": await self._shown(amounts)}
        document = Document(
            id=scope.new_id("doc_"),
            kind=kind,
            number=number,
            team_id=team_id,
            subject_id=subject_id,
            issued_at_ns=now_ns,
            facts=facts,
        )
        await self.rows.add(document)
        await scope.audit(
            self._actor, f"document.{kind}_issued", object_id=document.id, team_id=team_id
        )
        return document

    async def _parties(self, team_id: str) -> dict[str, Any]:
        rules = self._scope.selling.rules
        seller, tax = rules.seller, rules.tax
        profile = await self.rows.profile(team_id)
        team = await TeamRepository(self._scope.session).get(team_id)
        name = team.name if team is not None else team_id
        locale = _ZONE_LOCALES.get(self._scope.zone, "en")
        buyer = {"name": name, "address": [], "registration_number": "", "email": ""}
        if profile is not None:
            buyer = {key: getattr(profile, key) for key in buyer}
            locale = profile.locale
        return {
            "locale": locale,
            "seller": {
                "name": seller.name or self._scope.zone,
                "address": list(seller.address),
                "registration_number": seller.registration_number,
                "email": seller.email,
            },
            "buyer": buyer,
            "tax": {"name": tax.name, "ppm": tax.ppm},
        }

    async def _shown(self, amounts: Mapping[str, Any]) -> dict[str, str] | None:
        """The total in the zone's currency, at the rate of the day. None where it is the same."""
        currency = self._scope.selling.rules.display_currency
        if currency == "USD":
            return None
        statement = (
            select(FxRateRow)
            .where(
                FxRateRow.currency == currency,
                FxRateRow.effective_from_ns <= self._scope.clock.now_ns(),
            )
            .order_by(FxRateRow.effective_from_ns.desc(), FxRateRow.id.desc())
            .limit(1)
        )
        rate = await self._scope.session.scalar(statement)
        if rate is None:
            return None
        nanos = amounts.get("nanos")
        if nanos is None:
            nanos = amounts["total_cents"] * 10_000_000
        return {
            "currency": currency,
            "usd_per_unit": rate.usd_per_unit,
            "since": rate.effective_from[:10],
            "nanos": str(nanos),
        }


def span_of_month(month: str) -> tuple[int, int]:
    """The first day of a month, and of the next, in days since 1970. Raises `InvalidRequest`."""
    try:
        first = date.fromisoformat(f"{month}-01")
        after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    except ValueError:
        raise InvalidRequest("'month' must be like 2026-10", param="month") from None
    epoch = date(1970, 1, 1)
    if first < date(2020, 1, 1):
        raise InvalidRequest("'month' is before there were any", param="month")
    return (first - epoch).days, (after - epoch).days


def day_of(at_ns: int) -> date:
    """UTC."""
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).date()
