"""A team's papers over HTTP, whom they are made out to, and its ledger as a file."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from opengateway.control.access import permits
from opengateway.control.actor import CurrentActor
from opengateway.control.bodies import Page, example, input_example
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.csv_files import csv_reply, csv_text
from opengateway.control.documents.models import BillingProfile, Document
from opengateway.control.documents.papers import paper_of
from opengateway.control.documents.service import DocumentService
from opengateway.control.identity.emails import normal_email
from opengateway.control.ledger.schemas import LedgerEntryView
from opengateway.control.paging import After, Limit, cursor, next_page, number_of, place_of
from opengateway.control.scope import Scope
from opengateway.domain.errors import NotFound
from opengateway.domain.money import nanos_to_usd

router = APIRouter(prefix="/teams/{team_id}", tags=["documents"])
_EXPORTED: Final = 1_000
_NEWEST: Final = 2**62

Line = Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]


class DocumentView(BaseModel):
    """`subject_id` is the payment, the refund or the month. `total`: US dollars."""

    model_config = example(
        id="doc_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        kind="receipt",
        number="KR-R-2026-000017",
        subject_id="pay_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        issued_at_ns=1_764_000_000_000_000_000,
        total="55.00",
    )

    id: str
    kind: str
    number: str
    subject_id: str
    issued_at_ns: int
    total: str

    @classmethod
    def of(cls, row: Document) -> Self:
        own = cls.model_fields.keys() - {"total"}
        nanos = row.facts.get("nanos")
        cents = row.facts.get("total_cents", 0)
        total = f"{cents // 100}.{cents % 100:02}" if nanos is None else nanos_to_usd(nanos)
        return cls(**{name: getattr(row, name) for name in own}, total=total)


class NewInvoice(BaseModel):
    model_config = input_example(month="2026-10")

    month: str = Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="A month of UTC.")


class BillingProfileView(BaseModel):
    """Whom papers are made out to. `version` 0: nothing was set, and the team's name stands there."""

    model_config = example(
        name="Sample Co., Ltd.",
        address=["110 Sejong-daero", "Seoul"],
        registration_number="123-45-67890",
        email="billing@example.com",
        locale="ko",
        version=1,
    )

    name: str = ""
    address: list[str] = []
    registration_number: str = ""
    email: str = ""
    locale: str = "en"
    version: int = 0

    @classmethod
    def of(cls, row: BillingProfile | None) -> Self:
        if row is None:
            return cls()
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class NewBillingProfile(BaseModel):
    model_config = input_example(
        name="Sample Co., Ltd.",
        address=["110 Sejong-daero", "Seoul"],
        registration_number="123-45-67890",
        email="billing@example.com",
        locale="ko",
    )

    name: Annotated[Line, Field(min_length=1)]
    address: list[Line] = Field([], max_length=6)
    registration_number: Annotated[Line, Field(max_length=40)] = ""
    email: str = Field("", max_length=254)
    locale: Literal["en", "ko", "ja"] = "en"

    def values(self) -> dict[str, Any]:
        """Raises `InvalidRequest`."""
        email = normal_email(self.email) if self.email else ""
        return {**self.model_dump(), "email": email}


async def _documents(scope: Scope, actor: CurrentActor) -> DocumentService:
    return DocumentService(scope, actor)


Documents = Annotated[DocumentService, Depends(_documents)]


@router.get("/documents", openapi_extra=permits("billing.read"))
async def list_documents(
    team_id: str, documents: Documents, after: After = "", limit: Limit = 100
) -> Page[DocumentView]:
    """Receipts, credit notes and invoices, newest first."""
    rows = await documents.rows.of_team(team_id, before=place_of(after), limit=limit)
    return Page(
        data=[DocumentView.of(row) for row in rows], next=next_page(rows, limit, lambda r: r.id)
    )


@router.get(
    "/documents/{document_id}/pdf",
    openapi_extra=permits("billing.read"),
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}, "description": "The paper."}},
)
async def get_pdf(team_id: str, document_id: str, documents: Documents, scope: Scope) -> Response:
    """The paper itself, as it was issued."""
    found = await documents.rows.get(team_id, document_id)
    if found is None:
        raise NotFound(f"there is no document {document_id!r}", param="document_id")
    press = scope.selling.press
    if press is None:
        raise NotFound("this zone prints no papers")
    made = await asyncio.to_thread(press.pdf, paper_of(found))
    headers = {"content-disposition": f'inline; filename="{found.number}.pdf"'}
    return Response(made, media_type="application/pdf", headers=headers)


@router.post("/invoices", status_code=201, openapi_extra=permits("billing.topup"))
async def issue_invoice(team_id: str, wanted: NewInvoice, documents: Documents) -> DocumentView:
    """The invoice of a month that is over; asked for again it is the same one."""
    return DocumentView.of(await documents.invoice(team_id, wanted.month))


@router.get("/billing-profile", openapi_extra=permits("billing.read"))
async def get_billing_profile(
    team_id: str, documents: Documents, response: Response
) -> BillingProfileView:
    view = BillingProfileView.of(await documents.rows.profile(team_id))
    show_version(response, view.version)
    return view


@router.put("/billing-profile", openapi_extra=permits("billing.topup"))
async def set_billing_profile(
    team_id: str,
    wanted: NewBillingProfile,
    documents: Documents,
    response: Response,
    if_match: IfMatch = None,
) -> BillingProfileView:
    """Say whom papers are made out to, from the next one on."""
    profile = await documents.set_profile(team_id, wanted.values(), if_match)
    show_version(response, profile.version)
    return BillingProfileView.of(profile)


@router.get("/ledger.csv", openapi_extra=permits("billing.read"), response_class=Response)
async def export_ledger(team_id: str, scope: Scope, after: After = "") -> Response:
    """The ledger as a file, newest first, 1,000 entries at a time; the header `x-next` is the cursor
    of what follows. Amounts are exact US dollars."""
    found = await scope.ledger.statements.entries(
        team_id, before=number_of(after) or _NEWEST, limit=_EXPORTED
    )
    views = [LedgerEntryView.of(entry) for entry in found]
    names = ("id", "at_ns", "kind", "usd", "ref", "note", "subject_id")
    rows = [
        (v.id, v.at_ns, v.kind, Decimal(nanos_to_usd(v.amount_nanos)), v.ref, v.note, v.subject_id)
        for v in views
    ]
    reply = csv_reply(f"ledger-{team_id}.csv", csv_text(names, rows))
    if len(found) == _EXPORTED:
        reply.headers["x-next"] = cursor(found[-1].seq)
    return reply
