from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opengateway.control.actor import SYSTEM
from opengateway.control.identity.hashing import Hasher
from opengateway.control.passwords.service import PasswordService
from opengateway.control.scope import ControlScope
from opengateway.control.users.models import UserStatus
from opengateway.control.users.service import UserService
from sign_in_desk import EMAIL, OTHER, PASSWORD, Desk, desk_in

WRONG = "three herons in deeper water"


@pytest.fixture
async def desk(tmp_path: Path, store_url: str) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path, store_url) as made:
        yield made


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Desk]:
    """On SQLite alone, for what no store decides."""
    async with desk_in(tmp_path) as made:
        yield made


def wrong(email: str = EMAIL) -> dict[str, str]:
    return {"email": email, "password": WRONG}


async def test_a_right_password_begins_a_session_and_the_cookie_is_closed(desk: Desk) -> None:
    user_id = await desk.account()
    browser = desk.browser()
    reply = await browser.ask(
        "POST", "/auth/sign-in", {"email": " MINA@Example.com ", "password": PASSWORD}
    )
    assert reply.json()["status"] == "signed_in"
    (cookie,) = reply.cookies
    assert cookie.startswith("og_session=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert reply.headers["cache-control"] == "no-store"
    told = await browser.done("GET", "/me")
    assert (told["user"]["id"], told["user"]["email"]) == (user_id, EMAIL)
    assert told["csrf_token"] == browser.csrf
    (actions,) = await desk.people.rows(
        "SELECT actor FROM audit_log WHERE action = 'session.created'"
    )
    assert user_id in actions[0]


async def test_over_tls_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    async with desk_in(tmp_path, public_url="https://og.example.com") as desk:
        await desk.account()
        reply = await desk.browser().ask(
            "POST", "/auth/sign-in", {"email": EMAIL, "password": PASSWORD}
        )
        (cookie,) = reply.cookies
        assert cookie.startswith("__Host-og_session=")
        assert "Secure" in cookie.split("; ")


async def test_nothing_tells_an_unknown_address_from_a_wrong_password(small: Desk) -> None:
    """Status, words, and the work: each refusal costs one hash."""
    await small.account()
    bare = await small.account("bare@example.com")

    async def without_password(scope: ControlScope, _: object) -> None:
        await PasswordService(scope).remove(bare)

    await small.within(without_password)
    told = set()
    for email in (EMAIL, "bare@example.com", "nobody@example.com", "no address at all"):
        before = small.house.sign_in.tools.hasher.hashed
        reply = await small.browser().ask("POST", "/auth/sign-in", wrong(email))
        assert small.house.sign_in.tools.hasher.hashed == before + 1
        error = reply.json()["error"]
        told.add((reply.status, error["code"], error["message"], tuple(sorted(reply.headers))))
    assert len(told) == 1
    assert next(iter(told))[:2] == (401, "wrong_credentials")


async def test_a_suspended_account_is_told_only_to_whoever_knows_its_password(small: Desk) -> None:
    user_id = await small.account()
    browser = small.browser()
    await browser.sign_in()

    async def suspend(scope: ControlScope, _: object) -> None:
        users = UserService(scope, SYSTEM)
        await users.set_status(await users.locked(user_id), UserStatus.SUSPENDED)

    await small.within(suspend)
    assert await browser.refused("GET", "/me") == (401, "not_signed_in")
    again = small.browser()
    right = {"email": EMAIL, "password": PASSWORD}
    assert await again.refused("POST", "/auth/sign-in", right) == (403, "account_suspended")
    assert await again.refused("POST", "/auth/sign-in", wrong()) == (401, "wrong_credentials")


async def test_a_hash_of_other_parameters_is_renewed_at_sign_in(small: Desk) -> None:
    user_id = await small.account()
    weak = await Hasher(memory_kib=8, time_cost=1).hash(PASSWORD)

    async def put(scope: ControlScope, _: object) -> None:
        await PasswordService(scope).store(user_id, weak)

    await small.within(put)
    await small.browser().sign_in()
    ((now,),) = await small.people.rows("SELECT hash FROM password_credentials")
    assert now.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await small.browser().sign_in()


async def test_the_same_letters_typed_otherwise_are_the_same_password(small: Desk) -> None:
    composed = "\ud558\uc580 \uad6c\ub984 \uc544\ub798 \ubc14\ub2e4"  # NFC
    taken = "\u1112\u1161\u110b\u1163\u11ab \u1100\u116e\u1105\u1173\u11b7 \u110b\u1161\u1105\u1162"
    hasher = small.house.sign_in.tools.hasher
    import unicodedata

    assert await hasher.verify(await hasher.hash(composed), unicodedata.normalize("NFD", composed))
    assert not await hasher.verify(await hasher.hash(composed), taken)


# --- guessing ------------------------------------------------------------------------------------


async def test_after_five_failures_an_account_waits_longer_each_time(desk: Desk) -> None:
    await desk.account()
    for _ in range(5):
        assert (await desk.browser().refused("POST", "/auth/sign-in", wrong()))[0] == 401
    waits = []
    for _ in range(4):
        # The right password too: whoever guesses must not learn that it was the one.
        reply = await desk.browser().ask(
            "POST", "/auth/sign-in", {"email": EMAIL, "password": PASSWORD}
        )
        assert (reply.status, reply.json()["error"]["code"]) == (429, "too_many_attempts")
        waits.append(int(reply.headers["retry-after"]))
        desk.clock.advance(waits[-1])
        assert (await desk.browser().refused("POST", "/auth/sign-in", wrong()))[0] == 401
    assert waits == [15, 30, 60, 120]
    desk.clock.advance(240)
    await desk.browser().sign_in()
    # And a success clears the slate.
    for _ in range(5):
        assert (await desk.browser().refused("POST", "/auth/sign-in", wrong()))[0] == 401


async def test_a_hundred_guesses_at_once_are_five(desk: Desk) -> None:
    await desk.account()
    before = desk.house.sign_in.tools.hasher.hashed
    replies = await asyncio.gather(
        *(desk.browser(ip=f"198.51.{n}.1").ask("POST", "/auth/sign-in", wrong()) for n in range(30))
    )
    assert sorted(r.status for r in replies) == [401] * 5 + [429] * 25
    assert desk.house.sign_in.tools.hasher.hashed == before + 5


@pytest.mark.parametrize(
    ("addresses", "elsewhere"),
    [
        (["192.0.2.1", "192.0.2.250"], "192.0.3.1"),
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff::9"], "2001:db8:1:3::1"),
        (["::ffff:192.0.2.1", "192.0.2.9"], "::ffff:192.0.3.1"),
    ],
)
async def test_a_network_has_thirty_guesses(
    small: Desk, addresses: list[str], elsewhere: str
) -> None:
    await small.account()
    for n in range(30):
        browser = small.browser(ip=addresses[n % 2])
        found = await browser.refused("POST", "/auth/sign-in", wrong(f"p{n}@example.com"))
        assert found[0] == 401
    blocked = small.browser(ip=addresses[0])
    right = {"email": EMAIL, "password": PASSWORD}
    assert await blocked.refused("POST", "/auth/sign-in", right) == (429, "too_many_attempts")
    await small.browser(ip=elsewhere).sign_in()
    small.clock.advance(901)
    await blocked.sign_in()


async def test_good_sign_ins_of_one_network_are_not_guesses(small: Desk) -> None:
    await small.account()
    for _ in range(31):
        await small.browser().sign_in()


async def test_a_forged_address_is_not_believed(small: Desk) -> None:
    """The gateway writes x-forwarded-for; of several values the last one is its own."""
    await small.account()
    for n in range(30):
        browser = small.browser(ip=f"198.51.100.{n}, 192.0.2.1")
        await browser.refused("POST", "/auth/sign-in", wrong(f"p{n}@example.com"))
    forged = small.browser(ip="203.0.113.99, 192.0.2.1")
    assert (await forged.refused("POST", "/auth/sign-in", wrong()))[0] == 429


# --- sessions ------------------------------------------------------------------------------------


async def test_a_cookie_that_was_planted_never_becomes_a_session(desk: Desk) -> None:
    await desk.account()
    attacker = desk.browser()
    await attacker.sign_in()
    planted = "A" * 43
    for cookie in (planted, attacker.session):
        victim = desk.browser(jar={"og_session": cookie})
        await victim.sign_in()
        assert victim.session != cookie
        assert len(victim.session) == 43
    assert await desk.browser(jar={"og_session": planted}).refused("GET", "/me") == (
        401,
        "not_signed_in",
    )


async def test_the_store_has_no_cookie_that_could_be_used(desk: Desk) -> None:
    browser = await desk.signed_in()
    ((digest,),) = await desk.people.rows("SELECT token_digest FROM sessions")
    assert browser.session not in digest
    assert await desk.browser(jar={"og_session": digest}).refused("GET", "/me") == (
        401,
        "not_signed_in",
    )


async def test_signing_out_ends_the_session_in_the_store(desk: Desk) -> None:
    browser = await desk.signed_in()
    stolen = desk.browser(jar=dict(browser.jar), csrf=browser.csrf)
    await browser.done("POST", "/auth/sign-out")
    assert browser.jar == {}
    assert await stolen.refused("GET", "/me") == (401, "not_signed_in")


async def test_a_session_ends_when_idle_and_at_its_absolute_end(desk: Desk) -> None:
    browser = await desk.signed_in()
    desk.clock.advance(1_799)
    await browser.done("GET", "/me")
    desk.clock.advance(1_799)  # a use that only reads keeps it too
    await browser.done("GET", "/me")
    desk.clock.advance(1_801)
    assert await browser.refused("GET", "/me") == (401, "not_signed_in")
    busy = desk.browser()
    await busy.sign_in()
    for _ in range(43):
        desk.clock.advance(1_000)
        await busy.done("GET", "/me")
    desk.clock.advance(201)
    assert await busy.refused("GET", "/me") == (401, "not_signed_in")


async def test_uses_are_written_in_time_and_what_is_over_is_removed(desk: Desk) -> None:
    browser = await desk.signed_in()
    chores = desk.house.jobs[0].__self__  # type: ignore[attr-defined]
    desk.clock.advance(1_000)
    await browser.done("GET", "/me")
    await chores.write_seen()
    ((seen, created),) = await desk.people.rows("SELECT seen_at_ns, created_at_ns FROM sessions")
    assert seen - created == 1_000 * 10**9
    await chores.prune()
    assert len(await desk.people.rows("SELECT id FROM sessions")) == 1
    desk.clock.advance(3_601)
    await chores.prune()
    assert await desk.people.rows("SELECT id FROM sessions") == []
    assert await desk.people.rows("SELECT subject FROM sign_in_failures") == []


async def test_devices_are_listed_and_ended_one_by_one_or_all_others(desk: Desk) -> None:
    first = await desk.signed_in()
    phone = desk.browser(agent="Mozilla/5.0 (iPhone; CPU) CriOS/140 Safari/604", ip="192.0.2.5")
    tool = desk.browser(agent="curl/8.5.0")
    for other in (phone, tool):
        await other.sign_in()
    rows = (await first.done("GET", "/me/sessions"))["data"]
    assert {(r["device"], r["ip"], r["current"]) for r in rows} == {
        ("Chrome, Linux", "203.0.113.7", True),
        ("Chrome, iPhone", "192.0.2.5", False),
        ("curl", "203.0.113.7", False),
    }
    (of_phone,) = [r["id"] for r in rows if r["device"] == "Chrome, iPhone"]
    await first.done("DELETE", f"/me/sessions/{of_phone}")
    assert (await phone.refused("GET", "/me"))[0] == 401
    await first.done("DELETE", "/me/sessions")
    assert (await tool.refused("GET", "/me"))[0] == 401
    await first.done("GET", "/me")


async def test_nobody_ends_another_persons_session(desk: Desk) -> None:
    mine = await desk.signed_in()
    other = await desk.signed_in("other@example.com")
    (row,) = (await other.done("GET", "/me/sessions"))["data"]
    found = await mine.refused("DELETE", f"/me/sessions/{row['id']}")
    assert found == (404, "session_not_found")
    await other.done("GET", "/me")


async def test_a_person_has_at_most_twenty_sessions(small: Desk) -> None:
    first = await small.signed_in()
    for _ in range(20):
        small.clock.advance(1)
        last = small.browser()
        await last.sign_in()
    assert (await first.refused("GET", "/me"))[0] == 401
    assert len((await last.done("GET", "/me/sessions"))["data"]) == 20


# --- a new password ------------------------------------------------------------------------------


async def test_a_new_password_ends_every_other_session_and_renews_this_one(desk: Desk) -> None:
    mine = await desk.signed_in()
    other = desk.browser()
    await other.sign_in()
    before = mine.session
    told = await mine.done("POST", "/me/password", {"current": PASSWORD, "password": OTHER})
    assert mine.session != before
    assert told["csrf_token"] == mine.csrf
    await mine.done("GET", "/me")
    old = desk.browser(jar={"og_session": before})
    for out in (other, old):
        assert (await out.refused("GET", "/me"))[0] == 401
    assert (await desk.browser().refused("POST", "/auth/sign-in", wrong()))[0] == 401
    await desk.browser().sign_in(password=OTHER)
    assert [s for _, s, _ in await desk.letters()] == ["Your password was changed"]


async def test_a_new_password_needs_the_one_before_and_must_be_good(small: Desk) -> None:
    mine = await small.signed_in()
    for current, password, code in (
        (WRONG, OTHER, "wrong_credentials"),
        (None, OTHER, "wrong_credentials"),
        (PASSWORD, "short", "weak_password"),
        (PASSWORD, "mina@example.com", "weak_password"),
    ):
        payload = {"current": current, "password": password}
        assert (await mine.refused("POST", "/me/password", payload))[1] == code
    await small.browser().sign_in()


async def test_without_passwords_in_the_zone_nobody_signs_in_with_one(tmp_path: Path) -> None:
    async with desk_in(tmp_path, password=False) as desk:
        await desk.account()
        right = {"email": EMAIL, "password": PASSWORD}
        found = await desk.browser().refused("POST", "/auth/sign-in", right)
        assert found == (403, "password_sign_in_off")
        told = await desk.browser().done("GET", "/auth/options")
        assert told == {
            "zone": "test",
            "password": False,
            "sign_up": "invite",
            "passkeys": True,
            "oidc": None,
            "mail": True,
        }


async def test_many_who_come_in_at_once_are_all_let_in(desk: Desk) -> None:
    """Each success clears the account's slate while others count on it."""
    await desk.account()
    right = {"email": EMAIL, "password": PASSWORD}
    for _ in range(3):
        replies = await asyncio.gather(
            *(desk.browser().ask("POST", "/auth/sign-in", right) for _ in range(5))
        )
        assert [r.status for r in replies] == [200] * 5
