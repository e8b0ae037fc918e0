"""Alerts, webhooks and the snapshot that follows the prices, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from control_plane import settings_in
from opengateway.catalog.desk import DeskState
from opengateway.catalog.price_book import PricesNow
from opengateway.compose.control import open_control
from opengateway.control.desk_state import read_desk
from opengateway.control.notifications.alerts import Alerts
from opengateway.control.notifications.announcer import Announcer
from opengateway.control.notifications.chores import NotificationChores
from opengateway.control.prices.publisher import Compiled, PricePublisher
from opengateway.control.snapshots.board import SignedSnapshot
from opengateway.control.webhooks.models import Webhook
from opengateway.control.webhooks.sender import MAX_ATTEMPTS, WebhookSender, pause_s
from opengateway.domain.announcements import EventKind
from opengateway.domain.budgets import BudgetMode
from opengateway.domain.catalog import Snapshot
from opengateway.domain.routing_rules import Routing
from opengateway.http.unit_of_work import unit_of_work
from opengateway.infra.http_client.transport import HttpClientTransport
from opengateway.kit.addresses import OutboundRules
from opengateway.kit.chance import seeded
from opengateway.kit.clock import ManualClock
from opengateway.policies.permissions import Role
from opengateway.ports.ledger_book import PeriodTouch, Settled, TeamTouch
from people import People, Person

USD = 1_000_000_000
DAY_S = 86_400


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def people(tmp_path: Path, store_url: str, clock: ManualClock) -> AsyncIterator[People]:
    settings = settings_in(tmp_path, store_url)
    long = replace(settings.sign_in.settings, idle_s=10**9, absolute_s=10**9)
    settings = replace(settings, clock=clock, sign_in=replace(settings.sign_in, settings=long))
    async with open_control(settings) as house:
        yield People(house)


@pytest.fixture
async def owner(people: People) -> Person:
    return await people.person()


@pytest.fixture
async def team_id(people: People, owner: Person) -> str:
    return await people.team(owner=owner)


def touch(team_id: str, after: int, limit: int = 100, period: str = "bud_1/day/1") -> PeriodTouch:
    return PeriodTouch(period, "bud_1", team_id, BudgetMode.ALERT, limit, 0, after)


async def settle(people: People, *touches: PeriodTouch | TeamTouch) -> int:
    settled = Settled(
        charged=0,
        overrun=0,
        teams=[t for t in touches if isinstance(t, TeamTouch)],
        periods=[t for t in touches if isinstance(t, PeriodTouch)],
    )
    async with unit_of_work(people.house.parts.database, people.house.parts.new_scope) as scope:
        return await Alerts(scope).look(settled)


async def told(people: People, owner: Person, team_id: str) -> list[tuple[str, Any]]:
    page = await people.done(owner, "GET", f"/teams/{team_id}/notifications")
    shown = [(row["kind"], row["data"]) for row in page["data"]]
    return [(kind, data.get("level", data.get("balance_nanos"))) for kind, data in shown]


# --- alerts -------------------------------------------------------------------------------------------
async def test_a_budget_is_told_of_at_80_and_at_100_per_cent_once_in_each_period(
    people: People, owner: Person, team_id: str
) -> None:
    for spent, alerts in ((79, 0), (80, 1), (81, 0), (99, 0), (100, 1), (140, 0)):
        assert await settle(people, touch(team_id, spent)) == alerts
    assert await told(people, owner, team_id) == [("budget.alert", 100), ("budget.alert", 80)]
    assert await settle(people, touch(team_id, 79, period="bud_1/day/2")) == 0
    assert await settle(people, touch(team_id, 80, period="bud_1/day/2")) == 1


async def test_a_leap_past_both_marks_is_told_of_once(
    people: People, owner: Person, team_id: str
) -> None:
    assert await settle(people, touch(team_id, 500)) == 1
    assert await settle(people, touch(team_id, 90)) == 0
    assert await told(people, owner, team_id) == [("budget.alert", 100)]


async def test_a_low_balance_is_told_of_again_only_after_it_had_risen(
    people: People, owner: Person, team_id: str
) -> None:
    for cents, alerts in ((501, 0), (500, 1), (499, 0), (520, 0), (499, 0), (600, 0), (500, 0)):
        assert await settle(people, TeamTouch(team_id, 0, cents * USD // 100)) == alerts, cents
    assert await settle(people, TeamTouch(team_id, 0, 601 * USD // 100)) == 0
    assert await settle(people, TeamTouch(team_id, 0, 500 * USD // 100)) == 1


async def test_an_empty_balance_is_told_of_as_empty_and_not_as_low_too(
    people: People, owner: Person, team_id: str
) -> None:
    assert await settle(people, TeamTouch(team_id, 0, -1)) == 1
    assert await settle(people, TeamTouch(team_id, 0, 1)) == 0
    assert await settle(people, TeamTouch(team_id, 0, -1)) == 1
    assert [kind for kind, _ in await told(people, owner, team_id)] == ["balance.empty"] * 2


async def test_a_team_that_wants_no_word_of_its_balance_gets_none(
    people: People, owner: Person, team_id: str
) -> None:
    place = f"/teams/{team_id}/alert-settings"
    await people.done(owner, "PUT", place, {"low_balance_nanos": None})
    assert await settle(people, TeamTouch(team_id, 0, USD)) == 0


async def test_reading_is_each_persons_own_and_never_goes_back(
    people: People, owner: Person, team_id: str
) -> None:
    billing = await people.person()
    await people.join(team_id, billing, Role.BILLING)
    await settle(people, touch(team_id, 80))
    await settle(people, touch(team_id, 100))
    place = f"/teams/{team_id}/notifications"
    newest, oldest = [row["id"] for row in (await people.done(owner, "GET", place))["data"]]
    await people.done(owner, "POST", f"{place}/read", {"up_to": newest})
    await people.done(owner, "POST", f"{place}/read", {"up_to": oldest})
    page = await people.done(owner, "GET", place)
    assert (page["unread"], [row["read"] for row in page["data"]]) == (0, [True, True])
    assert (await people.done(billing, "GET", place))["unread"] == 2


async def test_what_is_old_is_forgotten_but_not_that_a_balance_is_low(
    people: People, owner: Person, team_id: str, clock: ManualClock
) -> None:
    await settle(people, touch(team_id, 80), TeamTouch(team_id, 0, USD))
    clock.advance(500 * DAY_S)
    opened = partial(unit_of_work, people.house.parts.database, people.house.parts.new_scope)
    await NotificationChores(opened, clock, kept_days=400).turn()
    assert await told(people, owner, team_id) == []
    assert await people.rows("SELECT level FROM alert_states") == [("low",)]


# --- webhooks ------------------------------------------------------------------------------------------
@dataclass
class Receiver:
    """An HTTP server that keeps what it gets and answers with `status`."""

    status: int = 204
    body: bytes = b""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        pairs = (line.split(": ", 1) for line in lines if line)
        headers = {name.lower(): value for name, value in pairs}
        self.got.append((headers, await reader.readexactly(int(headers["content-length"]))))
        head = f"HTTP/1.1 {self.status} x\r\ncontent-length: {len(self.body)}\r\n"
        head += "location: http://127.0.0.1:1/\r\n\r\n"
        writer.write(head.encode() + self.body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def sending(
    people: People, clock: ManualClock, receiver: Receiver, *allow: str
) -> AsyncIterator[WebhookSender]:
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    rules = OutboundRules(allow)
    # The desk and the sender go by the same rules.
    people.house.public_app.state.outbound_rules = rules
    transport = HttpClientTransport(allow_address=rules.may_connect)
    parts = people.house.parts

    async def disabled(scope: Any, webhook: Webhook) -> None:
        told = {"webhook_id": webhook.id}
        await Announcer(scope).tell(webhook.team_id, EventKind.WEBHOOK_DISABLED, told)

    opened = partial(unit_of_work, parts.database, parts.new_scope)
    try:
        yield WebhookSender(opened, transport, rules, disabled, clock, seeded(1))
    finally:
        await transport.aclose()
        server.close()


async def webhook_for(people: People, owner: Person, team_id: str, receiver: Receiver) -> Any:
    url = f"http://127.0.0.1:{receiver.port}/hook"
    return await people.done(owner, "POST", f"/teams/{team_id}/webhooks", {"url": url})


def is_signed(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """The receiver's half of Standard Webhooks, written from its specification."""
    key = base64.b64decode(secret.split("_", 1)[1])
    signed = b".".join(
        (headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body)
    )
    wanted = base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()
    return f"v1,{wanted}" in headers["webhook-signature"].split(" ")


async def test_an_event_arrives_signed_and_its_answer_is_in_the_log(
    people: People, owner: Person, team_id: str, clock: ManualClock
) -> None:
    receiver = Receiver(status=200, body=b"thanks" + b"." * 5_000)
    async with sending(people, clock, receiver, "127.0.0.1") as sender:
        made = await webhook_for(people, owner, team_id, receiver)
        await settle(people, touch(team_id, 80))
        assert await sender.turn() == 1
        assert await sender.turn() == 0
    ((headers, body),) = receiver.got
    assert is_signed(headers, body, made["secret"])
    assert not is_signed(headers, body + b" ", made["secret"])
    assert int(headers["webhook-timestamp"]) == clock.now_ns() // 10**9
    event = json.loads(body)
    assert event["type"] == "budget.alert"
    assert event["data"]["team_id"] == team_id
    assert event["data"]["level"] == 80
    place = f"/teams/{team_id}/webhooks/{made['webhook']['id']}/deliveries"
    (delivery,) = (await people.done(owner, "GET", place))["data"]
    assert delivery["state"] == "delivered"
    assert delivery["event_id"] == headers["webhook-id"]
    (attempt,) = delivery["attempts"]
    assert (attempt["status"], attempt["body"]) == (200, "thanks" + "." * 1_018)


async def test_a_failure_is_tried_again_with_the_same_id_for_a_day_and_no_longer(
    people: People, owner: Person, team_id: str, clock: ManualClock
) -> None:
    receiver = Receiver(status=500)
    async with sending(people, clock, receiver, "127.0.0.1") as sender:
        made = await webhook_for(people, owner, team_id, receiver)
        began = clock.now_ns()
        await settle(people, touch(team_id, 80))
        place = f"/teams/{team_id}/webhooks/{made['webhook']['id']}/deliveries"
        for _ in range(MAX_ATTEMPTS):
            await sender.turn()
            (delivery,) = (await people.done(owner, "GET", place))["data"]
            if delivery["state"] != "pending":
                break
            clock.advance((delivery["next_attempt_ns"] - clock.now_ns()) / 1e9 + 0.001)
        assert delivery["state"] == "failed"
        assert 20 * 3600 < (clock.now_ns() - began) / 1e9 <= DAY_S
        assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
        stamps = [headers["webhook-timestamp"] for headers, _ in receiver.got]
        assert len(set(stamps)) == len(stamps) >= 12
        receiver.status = 204
        await people.done(owner, "POST", f"{place}/{delivery['id']}/redeliver")
        await sender.turn()
        (delivery,) = (await people.done(owner, "GET", place))["data"]
        assert delivery["state"] == "delivered"


def test_pauses_double_vary_and_have_an_end() -> None:
    chance = seeded(3)
    for attempts in range(1, 40):
        most = min(7200.0, 5.0 * 2 ** (attempts - 1))
        assert most / 2 <= pause_s(attempts, chance) <= most
    assert len({pause_s(5, chance) for _ in range(9)}) == 9


async def test_while_a_secret_is_replaced_both_sign(
    people: People, owner: Person, team_id: str, clock: ManualClock
) -> None:
    receiver = Receiver()
    async with sending(people, clock, receiver, "127.0.0.1") as sender:
        made = await webhook_for(people, owner, team_id, receiver)
        one = f"/teams/{team_id}/webhooks/{made['webhook']['id']}"
        renewed = await people.done(owner, "POST", f"{one}/rotate")
        await people.done(owner, "POST", f"{one}/test")
        await sender.turn()
        clock.advance(DAY_S + 1)
        await people.done(owner, "POST", f"{one}/test")
        await sender.turn()
    (during, after) = receiver.got
    assert is_signed(*during, made["secret"])
    assert is_signed(*during, renewed["secret"])
    assert not is_signed(*after, made["secret"])
    assert is_signed(*after, renewed["secret"])


async def test_an_address_that_became_private_is_not_called(
    people: People, owner: Person, team_id: str, clock: ManualClock
) -> None:
    receiver = Receiver()
    async with sending(people, clock, receiver, "127.0.0.1") as sender:
        made = await webhook_for(people, owner, team_id, receiver)
        one = f"/teams/{team_id}/webhooks/{made['webhook']['id']}"
        await people.done(owner, "POST", f"{one}/test")
    async with sending(people, clock, Receiver()) as sender:
        # The name passes the first look; what it leads to does not pass the second.
        for url in (f"http://127.0.0.1:{receiver.port}/", "https://rebound.example/"):
            async with people.house.parts.database.write() as session:
                (await session.get_one(Webhook, made["webhook"]["id"])).url = url
                await session.commit()
            await people.done(owner, "POST", f"{one}/test")
            await sender.turn()
    deliveries = (await people.done(owner, "GET", f"{one}/deliveries"))["data"]
    assert {d["state"] for d in deliveries} == {"failed"}
    assert {a["status"] for d in deliveries for a in d["attempts"]} == {0}
    assert receiver.got == []


async def test_a_redirect_is_not_followed_and_one_that_is_gone_is_disabled_and_told_of(
    people: People, owner: Person, team_id: str, clock: ManualClock
) -> None:
    receiver = Receiver(status=302)
    async with sending(people, clock, receiver, "127.0.0.1") as sender:
        made = await webhook_for(people, owner, team_id, receiver)
        one = f"/teams/{team_id}/webhooks/{made['webhook']['id']}"
        await people.done(owner, "POST", f"{one}/test")
        await sender.turn()
        (delivery,) = (await people.done(owner, "GET", f"{one}/deliveries"))["data"]
        assert (delivery["state"], delivery["attempts"][0]["status"]) == ("failed", 302)
        receiver.status = 410
        await people.done(owner, "POST", f"{one}/test")
        await sender.turn()
    assert (await people.done(owner, "GET", one))["disabled"]
    assert [kind for kind, _ in await told(people, owner, team_id)] == ["webhook.disabled"]


# --- the snapshot follows -------------------------------------------------------------------------------
async def test_a_price_is_in_force_from_its_very_moment(people: People, clock: ManualClock) -> None:
    finance = await people.person(platform=Role.PLATFORM_FINANCE)
    versions: list[str] = []

    def compile_(prices: PricesNow, now_ns: int, desk: DeskState) -> Compiled:
        version = ",".join(entry.effective_from for entry in prices.prices)
        versions.append(version)
        bare = Snapshot(version, "test", now_ns, {}, {}, {}, Routing())
        return Compiled(SignedSnapshot(version, b""), bare)

    parts = people.house.parts
    publisher = PricePublisher(parts.board, compile_, parts.database.read, clock, read_desk)
    people.house.public_app.state.price_publisher = publisher
    job = asyncio.create_task(publisher.run())
    try:
        wanted = {"side": "sell", "pattern": "*", "source": "desk", "percent": "1"}
        for since in ("2026-01-01", "2025-11-25T00:00:00Z"):
            body = {**wanted, "effective_from": since}
            await people.done(finance, "POST", "/admin/prices", body)
        await until(lambda: bool(versions))
        assert set(versions) <= {"", "2025-11-25T00:00:00Z"}
        clock.advance(60 * DAY_S)
        publisher.changed()
        await until(lambda: parts.board.current.version == "2026-01-01")
        assert (await people.done(finance, "GET", "/admin/prices/in-force")) == {"data": []}
    finally:
        job.cancel()


async def until(holds: Any) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about in 5 s")
