"""Receipts, credit notes and invoices: numbers without gaps, amounts to the cent, as issued for ever."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from control_plane import control_in
from opengateway.compose.selling_rules import SellingPlan
from opengateway.control.actor import SYSTEM
from opengateway.control.documents.papers import paper_of
from opengateway.control.documents.service import DocumentService
from opengateway.control.prices.models import FxRateRow
from opengateway.domain.errors import Conflict
from opengateway.domain.paper import Paper
from opengateway.domain.selling import Seller, SellingRules, Tax
from opengateway.http.unit_of_work import unit_of_work
from opengateway.kit.clock import ManualClock
from opengateway.policies.permissions import Role
from people import People

RULES = SellingRules(
    seller=Seller("주식회사 에이크미", ("서울특별시",), "123-45-67890"),
    tax=Tax("부가가치세", 100_000),
    display_currency="KRW",
)
DAY_NS = 86_400 * 10**9


class Office:
    def __init__(self, people: People) -> None:
        self.people = people

    async def begin(self) -> None:
        self.owner = await self.people.person()
        self.team = await self.people.team("acme", owner=self.owner)

    async def within(self, work: Any, at_ns: int | None = None) -> Any:
        parts = self.people.house.parts
        async with unit_of_work(parts.database, parts.new_scope) as scope:
            if at_ns is not None:
                scope = replace(scope, clock=ManualClock(at_ns))
            return await work(scope)

    def payment(self, number: int = 1, **changes: Any) -> Any:
        facts = {"net_cents": 5000, "tax_cents": 500, "total_cents": 5500, **changes}
        return SimpleNamespace(id=f"pay_{number}", team_id=self.team, **facts)

    async def receipt(self, number: int = 1) -> Any:
        async def issue(scope: Any) -> Any:
            return await DocumentService(scope, SYSTEM).receipt(self.payment(number))

        return await self.within(issue)


@pytest.fixture
async def office(tmp_path: Path, store_url: str) -> AsyncIterator[Office]:
    async with control_in(tmp_path, store_url, selling=SellingPlan(RULES)) as house:
        made = Office(People(house))
        await made.begin()
        yield made


def words(paper: Paper) -> str:
    lines = [paper.title, *paper.notes]
    for party in paper.parties:
        lines += party.lines
    for table in paper.tables:
        lines += [" ".join(row) for row in table.rows]
    return "\n".join([*lines, *(" ".join(t) for t in (*paper.facts, *paper.totals))])


async def test_a_receipt_has_the_tax_the_number_and_both_parties(office: Office) -> None:
    profile = {
        "name": "株式会社サンプル",
        "address": ["東京都"],
        "registration_number": "T1234567890123",
        "locale": "ko",
    }
    path = f"/teams/{office.team}"
    await office.people.done(office.owner, "PUT", f"{path}/billing-profile", profile)

    async def rate(scope: Any) -> None:
        row = FxRateRow(
            id="fx_1",
            name="KRW@1",
            currency="KRW",
            effective_from="2026-01-01",
            effective_from_ns=1,
            source="test",
            usd_per_unit="0.00073",
            created_at_ns=1,
        )
        scope.session.add(row)

    await office.within(rate)
    said = words(paper_of(await office.receipt()))
    for part in (
        "영수증",
        "주식회사 에이크미",
        "사업자등록번호 123-45-67890",
        "株式会社サンプル",
        "사업자등록번호 T1234567890123",
        "부가가치세 10 % $5.00",
        "합계 $55.00",
        "75,342 KRW",
    ):
        assert part in said, said


async def test_numbers_have_no_gap_and_a_payment_one_receipt(office: Office) -> None:
    made = await asyncio.gather(*(office.receipt(number) for number in range(12)))
    again = await office.receipt(3)
    assert again.number == made[3].number
    numbers = sorted(int(d.number.rpartition("-")[2]) for d in made)
    assert numbers == list(range(1, 13))
    assert made[0].number.startswith("TEST-R-20")


async def test_a_credit_note_names_its_receipt_and_its_part_of_the_tax(office: Office) -> None:
    receipt = await office.receipt()

    async def issue(scope: Any) -> Any:
        return await DocumentService(scope, SYSTEM).credit_note(office.payment(), "rfd_1", 1099)

    note = await office.within(issue)
    said = words(paper_of(note))
    assert "-$10.99" in said
    assert "-$1.00" in said
    assert receipt.number in said


@pytest.mark.parametrize(
    ("tax", "total", "parts"),
    [(2, 4, (1, 1, 1, 1)), (500, 5499, (1, 777, 333, 4388)), (1, 9, (3,) * 3)],
)
async def test_the_notes_of_a_whole_payment_have_its_tax_to_the_cent(
    office: Office, tax: int, total: int, parts: tuple[int, ...]
) -> None:
    payment = office.payment(net_cents=total - tax, tax_cents=tax, total_cents=total)

    async def issue(scope: Any) -> list[int]:
        papers, made = DocumentService(scope, SYSTEM), []
        for number, cents in enumerate(parts):
            others = [f"rfd_{n}" for n in range(number)]
            note = await papers.credit_note(payment, f"rfd_{number}", cents, others)
            made.append(note.facts["tax_cents"])
        return made

    made = await office.within(issue)
    assert (sum(made), min(made) >= 0) == (tax, True)


async def test_a_credit_note_has_the_rate_of_its_receipt(office: Office) -> None:
    await office.receipt()

    async def issue(scope: Any) -> Any:
        later = replace(scope.selling, rules=replace(RULES, tax=Tax("VAT", 120_000)))
        papers = DocumentService(replace(scope, selling=later), SYSTEM)
        return await papers.credit_note(office.payment(), "rfd_1", 1100)

    assert "부가가치세 10 % -$1.00" in words(paper_of(await office.within(issue)))


async def test_an_invoice_that_many_ask_for_at_once_is_one(office: Office) -> None:
    async def issue(scope: Any) -> Any:
        return await DocumentService(scope, SYSTEM).invoice(office.team, "2026-10")

    at_ns = 20760 * DAY_NS
    made = await asyncio.gather(*(office.within(issue, at_ns) for _ in range(6)))
    assert {document.number for document in made} == {"TEST-I-2026-000001"}
    assert await office.people.rows("SELECT last FROM document_series") == [(1,)]


async def test_an_invoice_is_what_the_ledger_says_of_the_month(office: Office) -> None:
    """October 2026 is days 20727 to 20757."""

    async def use(scope: Any) -> None:
        from sqlalchemy import text

        for key, day, nanos in (
            ("key_a", 20726, 7),
            ("key_a", 20727, 1_500_000_001),
            ("key_a", 20757, 20),
            ("key_b", 20740, 3),
            ("key_b", 20758, 9),
        ):
            await scope.session.execute(
                text("INSERT INTO ledger_usage VALUES (:k, :d, :t, NULL, :n, 2)"),
                {"k": key, "d": day, "t": office.team, "n": nanos},
            )

    await office.within(use)

    async def issue(scope: Any) -> Any:
        return await DocumentService(scope, SYSTEM).invoice(office.team, "2026-10")

    with pytest.raises(Conflict):
        await office.within(issue, 20759 * DAY_NS)
    invoice = await office.within(issue, 20760 * DAY_NS)
    said = words(paper_of(invoice))
    assert "$1.500000024" in said
    assert "key_a" in said
    assert "$1.500000021" in said
    again = await office.within(issue, 20790 * DAY_NS)
    assert again.number == invoice.number


async def test_papers_are_read_as_pdf_by_who_may_see_the_bills(office: Office) -> None:
    await office.receipt()
    path = f"/teams/{office.team}/documents"
    listed = await office.people.done(office.owner, "GET", path)
    (row,) = listed["data"]
    assert (row["kind"], row["total"]) == ("receipt", "55.00")
    reply = await office.people.ask(office.owner, "GET", f"{path}/{row['id']}/pdf")
    assert reply.body.startswith(b"%PDF-1.7")
    assert row["number"] in reply.headers["content-disposition"]
    stranger = await office.people.person()
    assert (await office.people.refused(stranger, "GET", f"{path}/{row['id']}/pdf"))[0] == 404
    other = await office.people.team("other", owner=stranger)
    theirs = f"/teams/{other}/documents/{row['id']}/pdf"
    assert (await office.people.refused(stranger, "GET", theirs))[0] == 404


async def test_a_paper_looks_as_it_did_when_it_was_issued(office: Office) -> None:
    receipt = await office.receipt()
    before = words(paper_of(receipt))
    path = f"/teams/{office.team}/billing-profile"
    await office.people.done(office.owner, "PUT", path, {"name": "Renamed", "locale": "ja"})

    async def look(scope: Any) -> Any:
        return await DocumentService(scope, SYSTEM).rows.get(office.team, receipt.id)

    assert words(paper_of(await office.within(look))) == before


async def test_the_ledger_is_exported_to_the_nano_and_runs_nothing(office: Office) -> None:
    finance = await office.people.person(platform=Role.PLATFORM_FINANCE)
    body = {"usd": "12.000000001", "note": "=HYPERLINK(1)"}
    path = f"/admin/teams/{office.team}"
    await office.people.done(finance, "POST", f"{path}/grants", body)
    wanted = {"usd": "-2", "note": "n"}
    await office.people.done(finance, "POST", f"{path}/adjustments", wanted)
    reply = await office.people.ask(office.owner, "GET", f"/teams/{office.team}/ledger.csv")
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [(r["kind"], r["usd"]) for r in rows] == [
        ("adjustment", "-2"),
        ("grant", "12.000000001"),
    ]
    assert rows[1]["note"] == "'=HYPERLINK(1)"
