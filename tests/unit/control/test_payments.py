"""Payments end to end on a stand-in for Stripe: money moves once or not at all."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from asgi_client import Reply, call
from control_plane import control_in
from opengateway.compose.selling_rules import PaymentAccess, SellingPlan
from opengateway.control.payments.jobs import PaymentJobs
from opengateway.control.payments.repository import PaymentRepository
from opengateway.domain.selling import Seller, SellingRules, Tax
from opengateway.http.unit_of_work import unit_of_work
from opengateway.infra.payments.stripe_events import event_of
from opengateway.kit.clock import SystemClock
from opengateway.policies.permissions import Role
from people import API, People
from stripe_stub import KEY, SECRET, StripeStub, signed, stripe_stub

USD = 10**9
WEBHOOK = "/payments/stripe/webhook"
RULES = SellingRules(
    seller=Seller("Acme Korea", ("Seoul",), "123-45-67890"), tax=Tax("부가가치세", 100_000)
)


class Till:
    def __init__(self, people: People, stub: StripeStub) -> None:
        self.people = people
        self.stub = stub
        house = people.house
        assert house.parts.selling.processor is not None

        def open_scope() -> Any:
            return unit_of_work(house.parts.database, house.parts.new_scope)

        self.jobs = PaymentJobs(open_scope, house.parts.selling.processor, SystemClock())

    async def begin(self) -> None:
        self.finance = await self.people.person(platform=Role.PLATFORM_FINANCE)
        self.owner = await self.people.person()
        self.team = await self.people.team("acme", owner=self.owner)

    async def tell(self, *events: dict[str, Any], expected: int = 200) -> list[Any]:
        replies = [await self.tell_one(*signed(event)) for event in events]
        assert [r.status for r in replies] == [expected] * len(events), [r.text for r in replies]
        return [reply.json() for reply in replies]

    async def tell_one(self, body: bytes, signature: str) -> Reply:
        headers = {"stripe-signature": signature, "content-type": "application/json"}
        app = self.people.house.public_app
        return await call(app, "POST", API + WEBHOOK, body=body, headers=headers)

    async def top_up(self, usd: str = "50", **how: Any) -> Any:
        wanted = {"usd": usd, **how}
        return await self.people.done(self.owner, "POST", f"/teams/{self.team}/topups", wanted)

    async def paid(self, usd: str = "50", **how: Any) -> tuple[str, str]:
        """A payment that is credit: its id and its intent's."""
        page = await self.top_up(usd, **how)
        await self.tell(*self.stub.pay())
        return page["id"], list(self.stub.intents)[-1]

    async def refund(self, payment_id: str, expected: int = 201, **how: Any) -> Any:
        path = f"/admin/teams/{self.team}/payments/{payment_id}/refunds"
        reply = await self.people.ask(self.finance, "POST", path, {"note": "n", **how})
        assert reply.status == expected, reply.text
        return reply.json()

    async def balance(self) -> tuple[int, int]:
        """Available and owed."""
        told = await self.people.done(self.owner, "GET", f"/teams/{self.team}/balance")
        return told["available_nanos"], told["debt_nanos"]

    async def payment(self) -> Any:
        told = await self.people.done(self.owner, "GET", f"/teams/{self.team}/payments")
        return told["data"][0]

    async def spend(self, usd: str) -> None:
        path = f"/admin/teams/{self.team}/adjustments"
        await self.people.done(self.finance, "POST", path, {"usd": f"-{usd}", "note": "spent"})

    async def age(self, table: str, column: str, seconds: int) -> None:
        """Everything of a table is older by so much."""
        older = text(f"UPDATE {table} SET {column} = {column} - {seconds * 10**9}")
        async with self.people.house.parts.database.write() as session:
            await session.execute(older)
            await session.commit()

    async def stuck(self) -> list[Any]:
        told = await self.people.done(self.finance, "GET", "/admin/dead-letters/payments")
        return list(told["data"])

    async def prove(self) -> None:
        """Every invariant of the ledger holds, and cash is what was credited."""
        async with self.people.house.parts.database.read() as session:
            scope = self.people.house.parts.new_scope(session, lambda _: None)
            assert [v async for v in scope.ledger.statements.verify()] == []


@pytest.fixture
async def till(tmp_path: Path, store_url: str) -> AsyncIterator[Till]:
    async with stripe_stub() as stub:
        plan = SellingPlan(RULES, PaymentAccess(stub.url, KEY, SECRET))
        async with control_in(tmp_path, store_url, selling=plan) as house:
            made = Till(People(house), stub)
            await made.begin()
            yield made
            await made.prove()


async def test_a_payment_becomes_credit_with_its_tax_beside_it(till: Till) -> None:
    page = await till.top_up("50")
    assert page["url"].startswith(till.stub.url)
    assert (await till.payment())["state"] == "open"
    assert await till.balance() == (0, 0)
    await till.tell(*till.stub.pay())
    payment = await till.payment()
    assert (payment["state"], payment["id"]) == ("paid", page["id"])
    assert (payment["net_cents"], payment["tax_cents"], payment["total_cents"]) == (5000, 500, 5500)
    assert await till.balance() == (50 * USD, 0)
    assert [path for path, _ in till.stub.calls] == ["customers", "checkout/sessions"]
    await till.top_up("5")
    assert [path for path, _ in till.stub.calls[2:]] == ["checkout/sessions"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_events_in_any_order_and_twice_move_money_once(
    till: Till, order: tuple[int, ...]
) -> None:
    await till.top_up("50", save_method=True)
    events = till.stub.pay()
    for place in order:
        await till.tell(events[place])
    assert all(told["again"] for told in await till.tell(*events))
    assert await till.balance() == (50 * USD, 0)
    settings = await till.people.done(till.owner, "GET", f"/teams/{till.team}/payment-settings")
    assert settings["has_method"]


async def test_a_hundred_deliveries_at_once_are_one_credit(till: Till) -> None:
    await till.top_up("50")
    events = till.stub.pay()
    bodies = [signed(events[n % 2]) for n in range(100)]
    replies = await asyncio.gather(*(till.tell_one(*body) for body in bodies))
    assert {reply.status for reply in replies} == {200}
    assert await till.balance() == (50 * USD, 0)


async def test_a_forged_or_stale_event_is_refused(till: Till) -> None:
    await till.top_up("50")
    event = till.stub.pay()[0]
    body, good = signed(event)
    stamp = good.partition(",")[0]
    for forged in ("", "nonsense", f"{stamp},v1=00", signed(event, "whsec_other")[1]):
        assert (await till.tell_one(body, forged)).status == 403
    assert (await till.tell_one(body.replace(b"5500", b"9900"), good)).status == 403
    assert (await till.tell_one(*signed(event, at=1_700_000_000))).status == 403
    assert (await till.tell_one(*signed({"object": "event"}))).status == 403
    assert await till.balance() == (0, 0)


async def test_another_amount_or_currency_is_no_credit(till: Till) -> None:
    await till.top_up("50")
    await till.tell(*till.stub.pay(cents=5499))
    assert (await till.payment())["state"] == "mismatched"
    assert await till.balance() == (0, 0)
    # Money that is nobody's credit: a person has to see it.
    await till.age("payments", "created_at_ns", 3601)
    (one,) = await till.stuck()
    assert (one["kind"], one["cents"]) == ("payment", 5500)
    assert "5499 usd" in one["told"]
    place = f"/admin/dead-letters/payments/{one['id']}"
    assert (await till.people.refused(till.finance, "POST", f"{place}/retry"))[0] == 409
    await till.people.done(till.finance, "DELETE", place)
    assert (await till.stuck(), (await till.payment())["state"]) == ([], "failed")


async def test_what_belongs_to_something_else_moves_nothing(till: Till) -> None:
    event = till.stub.event(
        "payment_intent.succeeded",
        {"id": "pi_x", "metadata": {}, "amount_received": 5, "currency": "usd"},
    )
    await till.tell(event, till.stub.event("customer.created", {"id": "cus_x"}))
    assert await till.balance() == (0, 0)


async def test_a_page_that_nobody_pays_on_expires(till: Till) -> None:
    page = await till.top_up("50")
    session = till.stub.sessions[list(till.stub.sessions)[-1]]
    await till.tell(till.stub.event("checkout.session.expired", session))
    assert (await till.payment())["state"] == "expired"
    # Paid all the same: what came in is credit.
    await till.tell(*till.stub.pay())
    assert ((await till.payment())["state"], page["id"]) == ("paid", (await till.payment())["id"])
    assert await till.balance() == (50 * USD, 0)


async def test_a_refund_gives_back_what_is_left_and_its_event_moves_nothing_more(
    till: Till,
) -> None:
    payment_id, _ = await till.paid("50")
    made = await till.refund(payment_id, usd="20")
    assert (made["state"], made["cents"], made["amount_nanos"]) == ("sent", 2200, 20 * USD)
    sent = till.stub.refunds[list(till.stub.refunds)[-1]]
    assert (sent["amount"], sent["metadata"]) == (2200, {"refund_id": made["id"]})
    await till.tell(
        till.stub.event("refund.created", sent), till.stub.event("refund.updated", sent)
    )
    assert await till.balance() == (30 * USD, 0)
    await till.spend("25")
    assert (await till.refund(payment_id, 409))["error"]["code"] == "conflict"
    await till.refund(payment_id, usd="5")
    assert await till.balance() == (0, 0)
    await till.refund(payment_id, 409, usd="1")


async def test_a_refund_that_the_processor_did_not_hear_of_is_asked_for_again(till: Till) -> None:
    payment_id, _ = await till.paid("50")
    till.stub.down = 1
    made = await till.refund(payment_id)
    assert made["state"] == "booked"
    assert await till.balance() == (0, 0)
    await till.age("payment_refunds", "created_at_ns", 120)
    await till.jobs.turn()
    ((state,),) = await till.people.rows("SELECT state FROM payment_refunds")
    assert (state, len(till.stub.refunds)) == ("sent", 1)


async def test_a_refund_that_fails_later_is_credit_again_once(till: Till) -> None:
    payment_id, _ = await till.paid("50")
    await till.refund(payment_id)
    sent = {**till.stub.refunds[list(till.stub.refunds)[-1]], "status": "failed"}
    await till.tell(till.stub.event("refund.failed", sent), till.stub.event("refund.updated", sent))
    assert await till.balance() == (50 * USD, 0)
    # It is a payment like any other again: refunded, or taken back by who paid it.
    till.stub.refunds.clear()
    assert (await till.refund(payment_id, usd="20"))["state"] == "sent"
    await till.tell(till.stub.dispute(sent["payment_intent"], "funds_withdrawn"))
    assert await till.balance() == (0, 0)


async def test_a_refund_without_an_answer_for_a_day_waits_for_a_person(till: Till) -> None:
    payment_id, _ = await till.paid("50")
    for usd in ("20", "30"):
        till.stub.down = 1
        assert (await till.refund(payment_id, usd=usd))["state"] == "booked"
    await till.age("payment_refunds", "created_at_ns", 24 * 3600)
    calls = len(till.stub.calls)
    await till.jobs.turn()
    # The processor's memory of the ref may be over: asked again, it could pay twice.
    assert len(till.stub.calls) == calls
    one, other = await till.stuck()
    assert (one["kind"], one["payment_id"], one["cents"], other["cents"]) == (
        *("refund", payment_id, 2200, 3300),
    )
    place = "/admin/dead-letters/payments/"
    assert await till.people.done(till.finance, "POST", f"{place}{one['id']}/retry") == {
        "done": True
    }
    await till.people.done(till.finance, "DELETE", place + other["id"])
    assert await till.balance() == (30 * USD, 0)
    assert await till.stuck() == []
    for what in (f"{place}{one['id']}/retry", f"{place}{other['id']}/retry"):
        assert (await till.people.refused(till.finance, "POST", what))[0] == 409


async def test_an_event_that_cannot_be_booked_waits_for_a_person(till: Till) -> None:
    payment_id, intent = await till.paid("50")
    await till.refund(payment_id, usd="20")
    sent = {**till.stub.refunds[list(till.stub.refunds)[-1]], "status": "failed"}
    await till.tell(till.stub.event("refund.failed", sent))
    # The part that came back is a credit of its own: which one a dispute takes is a person's to say.
    await till.tell(till.stub.dispute(intent, "funds_withdrawn"))
    assert await till.balance() == (50 * USD, 0)
    assert await till.stuck() == []
    await till.age("payment_events", "received_at_ns", 3601)
    (one,) = await till.stuck()
    assert (one["kind"], one["told"], one["cents"]) == (
        *("event", "charge.dispute.funds_withdrawn", 5500),
    )
    place = f"/admin/dead-letters/payments/{one['id']}"
    told = await till.people.done(till.finance, "POST", f"{place}/retry")
    assert (told, await till.balance()) == ({"done": False}, (50 * USD, 0))
    await till.people.done(till.finance, "DELETE", place)
    assert await till.stuck() == []
    assert (await till.people.refused(till.finance, "DELETE", place))[0] == 409
    assert (await till.people.refused(till.owner, "DELETE", place))[0] == 403


async def test_a_refund_from_the_processors_pages_is_booked_even_where_it_was_spent(
    till: Till,
) -> None:
    _, intent = await till.paid("50")
    await till.tell(till.stub.refund_outside(intent, 1100))
    assert await till.balance() == (40 * USD, 0)
    await till.spend("35")
    await till.tell(till.stub.refund_outside(intent, 4400))
    assert await till.balance() == (-35 * USD, 35 * USD)


async def test_parts_of_a_payment_are_together_the_whole_to_the_nano(till: Till) -> None:
    _, intent = await till.paid("49.99")
    for cents in (1, 777, 333, 4388):
        await till.tell(till.stub.refund_outside(intent, cents))
    total = (await till.payment())["total_cents"]
    assert total == 5499
    assert await till.balance() == (0, 0)


async def test_a_chargeback_takes_and_a_won_one_gives_back_in_any_order(till: Till) -> None:
    _, intent = await till.paid("50")
    await till.spend("10")
    won = till.stub.dispute(intent, "funds_reinstated")
    lost = till.stub.dispute(intent, "funds_withdrawn")
    await till.tell(won)
    assert await till.balance() == (40 * USD, 0)
    await till.tell(lost)
    assert await till.balance() == (40 * USD, 0)
    again = till.stub.dispute(intent, "funds_withdrawn", "dp_2")
    await till.tell(again)
    await till.tell(again)
    assert await till.balance() == (-10 * USD, 10 * USD)


async def test_what_overtakes_its_payment_waits_for_it(till: Till) -> None:
    await till.top_up("50")
    events = till.stub.pay()
    intent = list(till.stub.intents)[-1]
    await till.tell(till.stub.refund_outside(intent, 550))
    await till.tell(till.stub.dispute(intent, "funds_withdrawn", cents=1100))
    assert await till.balance() == (0, 0)
    await till.tell(events[1])
    assert await till.balance() == (35 * USD, 0)


async def test_an_event_that_came_in_the_same_moment_as_its_payment_is_not_left_behind(
    till: Till,
) -> None:
    """Neither saw the other, as two transactions at once do: it waits, and its payment is there."""
    _, intent = await till.paid("50")
    event = event_of(till.stub.refund_outside(intent, 1100))
    async with till.people.house.parts.database.write() as session:
        await PaymentRepository(session).keep_event(
            {
                "id": f"stripe:{event.id}",
                "type": event.type,
                "state": "waiting",
                "intent_id": intent,
                "facts": msgspec.to_builtins(event),
                "received_at_ns": SystemClock().now_ns(),
            }
        )
        await session.commit()
    for _ in range(2):
        await till.jobs.turn()
        assert await till.balance() == (40 * USD, 0)


async def test_a_low_balance_charges_the_saved_method_once(till: Till) -> None:
    await till.paid("20", save_method=True)
    path = f"/teams/{till.team}/auto-recharge"
    wanted = {"enabled": True, "below_usd": "10", "amount_usd": "30", "monthly_usd": "60"}
    await till.people.done(till.owner, "PUT", path, wanted)
    await till.jobs.turn()
    assert await till.balance() == (20 * USD, 0)
    await till.spend("15")
    till.stub.down = 1  # done, and the answer lost
    await till.jobs.turn()
    assert await till.balance() == (5 * USD, 0)
    await till.jobs.turn()
    await till.jobs.turn()
    assert await till.balance() == (35 * USD, 0)
    intent = till.stub.intents[list(till.stub.intents)[-1]]
    await till.tell(till.stub.event("payment_intent.succeeded", intent))
    assert await till.balance() == (35 * USD, 0)
    for _ in range(2):
        await till.spend("30")
        await till.jobs.turn()
    # The month's 60 dollars are used up.
    assert await till.balance() == (5 * USD, 0)
    kinds = [
        p["kind"]
        for p in (await till.people.done(till.owner, "GET", f"/teams/{till.team}/payments"))["data"]
    ]
    assert kinds == ["recharge", "recharge", "checkout"]


async def test_a_charge_without_an_answer_for_a_day_is_not_asked_for_again(till: Till) -> None:
    await till.paid("20", save_method=True)
    wanted = {"enabled": True, "below_usd": "30", "amount_usd": "30"}
    await till.people.done(till.owner, "PUT", f"/teams/{till.team}/auto-recharge", wanted)
    till.stub.down = 1
    await till.jobs.turn()
    await till.people.done(
        till.owner, "PUT", f"/teams/{till.team}/auto-recharge", {**wanted, "enabled": False}
    )
    await till.age("payments", "created_at_ns", 24 * 3600)
    calls = len(till.stub.calls)
    await till.jobs.turn()
    assert ((await till.payment())["state"], len(till.stub.calls)) == ("failed", calls)
    # It was done all the same, and its event comes at last.
    intent = till.stub.intents[list(till.stub.intents)[-1]]
    await till.tell(till.stub.event("payment_intent.succeeded", intent))
    assert await till.balance() == (50 * USD, 0)


async def test_two_processes_that_see_a_low_balance_charge_once(till: Till) -> None:
    await till.paid("20", save_method=True)
    wanted = {"enabled": True, "below_usd": "30", "amount_usd": "30"}
    await till.people.done(till.owner, "PUT", f"/teams/{till.team}/auto-recharge", wanted)
    await asyncio.gather(*(till.jobs.turn() for _ in range(6)))
    assert await till.balance() == (50 * USD, 0)
    assert len(till.stub.intents) == 2


async def test_a_method_that_is_declined_three_times_is_not_charged_again(till: Till) -> None:
    await till.paid("20", save_method=True)
    wanted = {"enabled": True, "below_usd": "30", "amount_usd": "30"}
    await till.people.done(till.owner, "PUT", f"/teams/{till.team}/auto-recharge", wanted)
    till.stub.declines = True
    for _ in range(5):
        await till.jobs.turn()
    settings = await till.people.done(till.owner, "GET", f"/teams/{till.team}/payment-settings")
    assert (settings["recharge"]["enabled"], settings["recharge"]["failures"]) == (False, 3)
    assert sum(path == "payment_intents" for path, _ in till.stub.calls) == 3
    told = await till.people.done(till.owner, "GET", f"/teams/{till.team}/notifications")
    assert [n["kind"] for n in told["data"]] == ["payment.failed"] * 3
    assert await till.balance() == (20 * USD, 0)


async def test_a_saved_method_is_forgotten_everywhere(till: Till) -> None:
    await till.paid("20", save_method=True)
    settings = await till.people.done(till.owner, "GET", f"/teams/{till.team}/payment-settings")
    assert settings["method"] == "visa 4242 07/2031"
    await till.people.done(till.owner, "DELETE", f"/teams/{till.team}/payment-method")
    assert till.stub.calls[-1][0].endswith("/detach")
    refused = await till.people.refused(
        till.owner,
        "PUT",
        f"/teams/{till.team}/auto-recharge",
        {"enabled": True, "below_usd": "1", "amount_usd": "30"},
    )
    assert refused == (409, "no_payment_method")


async def test_amounts_out_of_bounds_reach_nobody(till: Till) -> None:
    for usd in ("4.99", "10000.01", "5.001", "0"):
        path = f"/teams/{till.team}/topups"
        assert (await till.people.refused(till.owner, "POST", path, {"usd": usd}))[0] == 400
    assert till.stub.calls == []


async def test_a_processor_that_is_down_is_503_and_nothing_is_credit(till: Till) -> None:
    till.stub.down = 1
    path = f"/teams/{till.team}/topups"
    refused = await till.people.refused(till.owner, "POST", path, {"usd": "50"})
    assert refused == (503, "payments_unavailable")
    assert await till.balance() == (0, 0)


async def test_without_a_secret_there_is_no_address_for_events(tmp_path: Path) -> None:
    async with stripe_stub() as stub:
        for secret in (None, ""):
            plan = SellingPlan(RULES, PaymentAccess(stub.url, KEY, secret))
            async with control_in(tmp_path / str(secret), selling=plan) as house:
                till = Till(People(house), stub)
                await till.begin()
                await till.top_up("50")
                event = stub.pay()[0]
                for key in ("", SECRET):
                    assert (await till.tell_one(*signed(event, key))).status in (404, 405)
                assert await till.balance() == (0, 0)


async def test_a_zone_without_payments_says_so(tmp_path: Path) -> None:
    async with control_in(tmp_path) as house:
        people = People(house)
        owner = await people.person()
        team = await people.team(owner=owner)
        refused = await people.refused(owner, "POST", f"/teams/{team}/topups", {"usd": "5"})
        assert refused == (409, "payments_off")
        told = await people.done(owner, "GET", f"/teams/{team}/payment-settings")
        assert told["processor"] is None
