from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from authenticator import Device
from opengateway.control.mail_tokens.service import MailTokens, Purpose
from opengateway.control.scope import ControlScope
from opengateway.domain.sign_up import SignUp
from opengateway.policies.permissions import Role
from sign_in_desk import EMAIL, OTHER, PASSWORD, Browser, Desk, desk_in

WANTED = {"email": EMAIL, "password": PASSWORD, "name": "Mina", "locale": "ko"}
CHECK = {"status": "check_mail"}


@pytest.fixture
async def desk(tmp_path: Path, store_url: str) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path, store_url, signup=SignUp.OPEN) as made:
        yield made


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path, signup=SignUp.OPEN) as made:
        yield made


async def count(desk: Desk, table: str) -> int:
    ((found,),) = await desk.people.rows(f"SELECT count(*) FROM {table}")
    return int(found)


async def test_an_account_is_made_when_its_link_is_opened_and_not_before(desk: Desk) -> None:
    browser = desk.browser()
    assert await browser.done("POST", "/auth/sign-up", WANTED) == CHECK
    assert await count(desk, "users") == 0
    right = {"email": EMAIL, "password": PASSWORD}
    assert await browser.refused("POST", "/auth/sign-in", right) == (401, "wrong_credentials")
    ((to, subject, text),) = await desk.letters()
    assert (to, subject) == (EMAIL, "이메일 주소를 확인해 주세요")
    assert "http://localhost:8080/verify-email#token=ogt_" in text
    await browser.done("POST", "/auth/verify-email", {"token": await desk.token_sent()})
    assert browser.jar == {}  # whoever opens a link need not know the password
    await browser.sign_in()
    user = (await browser.done("GET", "/me"))["user"]
    assert (user["name"], user["locale"], user["email_verified"]) == ("Mina", "ko", True)


async def test_a_link_serves_once_of_two_at_once_too(desk: Desk) -> None:
    await desk.browser().done("POST", "/auth/sign-up", WANTED)
    token = {"token": await desk.token_sent()}
    replies = await asyncio.gather(
        *(desk.browser().ask("POST", "/auth/verify-email", token) for _ in range(4))
    )
    assert sorted(r.status for r in replies)[:2] == [200, 400]
    assert {r.json()["error"]["code"] for r in replies if r.status != 200} == {"link_not_valid"}
    assert await count(desk, "users") == 1


async def test_a_link_serves_for_an_hour_for_its_purpose_and_until_the_next(small: Desk) -> None:
    browser = small.browser()
    await browser.done("POST", "/auth/sign-up", WANTED)
    first = await small.token_sent()
    reset = {"token": first, "password": OTHER}
    gone = (400, "link_not_valid")
    assert await browser.refused("POST", "/auth/password-reset/confirm", reset) == gone
    await browser.done("POST", "/auth/sign-up", {**WANTED, "password": OTHER})
    second = await small.token_sent()
    assert await browser.refused("POST", "/auth/verify-email", {"token": first}) == gone
    small.clock.advance(3_601)
    assert await browser.refused("POST", "/auth/verify-email", {"token": second}) == gone
    for odd in ("x", "ogt_" + "x" * 43, "ogt_" + "é" * 43, "ogt_" + "'" * 43):
        assert await browser.refused("POST", "/auth/verify-email", {"token": odd}) == gone


async def test_whoever_signs_up_twice_gets_the_password_of_the_link_that_is_opened(
    small: Desk,
) -> None:
    """A stranger who signs up with somebody's address cannot slip their password under the link
    that the owner asked for: each link carries its own, and the newest alone is good."""
    await small.browser().done("POST", "/auth/sign-up", {**WANTED, "password": OTHER})
    await small.browser().done("POST", "/auth/sign-up", WANTED)
    await small.browser().done("POST", "/auth/verify-email", {"token": await small.token_sent()})
    wrong = {"email": EMAIL, "password": OTHER}
    assert (await small.browser().refused("POST", "/auth/sign-in", wrong))[0] == 401
    await small.browser().sign_in()


async def test_nothing_tells_whose_address_has_an_account(small: Desk) -> None:
    """Status, body, headers, and the hash that is computed; the letter alone differs."""
    await small.account()
    hasher = small.house.sign_in.tools.hasher
    told: dict[str, set[Any]] = {"/auth/sign-up": set(), "/auth/password-reset": set()}
    for email in (EMAIL, "nobody@example.com"):
        for path, payload in (
            ("/auth/sign-up", {**WANTED, "email": email}),
            ("/auth/password-reset", {"email": email}),
        ):
            before = hasher.hashed
            reply = await small.browser().ask("POST", path, payload)
            told[path].add(
                (reply.status, reply.body, tuple(sorted(reply.headers)), hasher.hashed - before)
            )
    assert {path: [found[:2] for found in seen] for path, seen in told.items()} == {
        path: [(202, b'{"status":"check_mail"}')] for path in told
    }
    assert [(who, subject) for who, subject, _ in await small.letters()] == [
        (EMAIL, "You already have an account"),
        (EMAIL, "Choose a new password"),
        ("nobody@example.com", "이메일 주소를 확인해 주세요"),
    ]


async def test_an_address_is_sent_few_letters(desk: Desk) -> None:
    await desk.account()
    for _ in range(3):
        await desk.browser().done("POST", "/auth/password-reset", {"email": EMAIL})
    reply = await desk.browser().ask("POST", "/auth/password-reset", {"email": EMAIL})
    assert (reply.status, reply.headers["retry-after"]) == (429, "300")
    assert len(await desk.letters()) == 3


async def test_a_reset_sets_the_password_once_and_ends_every_session(desk: Desk) -> None:
    signed_in = await desk.signed_in()
    await desk.browser().done("POST", "/auth/password-reset", {"email": EMAIL})
    token = await desk.token_sent()
    assert not any(token in str(row) for row in await desk.people.rows("SELECT * FROM mail_tokens"))
    weak = {"token": token, "password": "short"}
    found = await desk.browser().refused("POST", "/auth/password-reset/confirm", weak)
    assert found == (400, "weak_password")
    good = {"token": token, "password": OTHER}
    replies = await asyncio.gather(
        *(desk.browser().ask("POST", "/auth/password-reset/confirm", good) for _ in range(3))
    )
    assert sorted(r.status for r in replies) == [200, 400, 400]
    assert (await signed_in.refused("GET", "/me"))[0] == 401
    await desk.browser().sign_in(password=OTHER)
    assert (await desk.letters())[-1][1] == "Your password was changed"


async def test_a_reset_leaves_the_second_factor(small: Desk) -> None:
    browser = await small.signed_in()
    told = await browser.done("POST", "/me/passkeys/options")
    await browser.done("POST", "/me/passkeys", {"credential": Device().create(told)})
    await small.browser().done("POST", "/auth/password-reset", {"email": EMAIL})
    good = {"token": await small.token_sent(), "password": OTHER}
    await small.browser().done("POST", "/auth/password-reset/confirm", good)
    assert (await small.browser().sign_in(password=OTHER))["status"] == "second_factor"


# --- who may sign up -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signup", "email", "status"),
    [
        (SignUp.OPEN, "a@anywhere.example", 202),
        (SignUp.DOMAINS, "a@example.com", 202),
        (SignUp.DOMAINS, "a@EXAMPLE.com", 202),
        (SignUp.DOMAINS, "a@sub.example.com", 403),
        (SignUp.DOMAINS, "a@example.com.evil.example", 403),
        (SignUp.DOMAINS, "a@notexample.com", 403),
        (SignUp.INVITE, "a@example.com", 403),
    ],
)
async def test_the_zone_says_who_may_sign_up(
    tmp_path: Path, signup: SignUp, email: str, status: int
) -> None:
    async with desk_in(tmp_path, signup=signup, domains=("example.com",)) as desk:
        reply = await desk.browser().ask("POST", "/auth/sign-up", {**WANTED, "email": email})
        assert reply.status == status
        if status == 403:
            assert reply.json()["error"]["code"] == "sign_up_closed"
        assert len(await desk.letters()) == (status == 202)


async def test_without_mail_nobody_signs_up_by_themselves(tmp_path: Path) -> None:
    async with desk_in(tmp_path, mail=False, signup=SignUp.OPEN) as desk:
        found = await desk.browser().refused("POST", "/auth/sign-up", WANTED)
        assert found == (403, "sign_up_closed")


async def invited(desk: Desk) -> tuple[str, str]:
    """A team, and the token of an invitation into it."""
    owner = await desk.people.person()
    team_id = await desk.people.team("Research", owner=owner)
    wanted = {"email": EMAIL, "role": "member"}
    made = await desk.people.done(owner, "POST", f"/teams/{team_id}/invitations", wanted)
    link = made.get("link") or ""
    if not link:
        (text,) = [text for who, _, text in await desk.letters() if who == EMAIL]
        link = next(word for word in text.split() if "invit" in word and "ogi_" in word)
    return team_id, link[link.index("ogi_") :]


@pytest.mark.parametrize("mail", [True, False])
async def test_an_invitation_makes_the_account_and_the_member_at_once(
    tmp_path: Path, mail: bool
) -> None:
    async with desk_in(tmp_path, mail=mail, signup=SignUp.INVITE) as desk:
        team_id, token = await invited(desk)
        other = {**WANTED, "email": "other@example.com", "invitation": token}
        assert await desk.browser().refused("POST", "/auth/sign-up", other) == (
            403,
            "sign_up_closed",
        )
        browser = desk.browser()
        reply = await browser.ask("POST", "/auth/sign-up", {**WANTED, "invitation": token})
        assert (reply.status, reply.json()["status"]) == (201, "signed_in")
        told = await browser.done("GET", "/me")
        assert [(t["id"], t["role"]) for t in told["teams"]] == [(team_id, "member")]
        # A link that an admin passed on by hand proves nothing of a mailbox.
        assert told["user"]["email_verified"] is mail
        again = await desk.browser().refused(
            "POST", "/auth/sign-up", {**WANTED, "invitation": token}
        )
        assert again[1] == "invitation_not_valid"


async def test_in_a_zone_without_mail_an_admin_is_shown_the_reset_link(tmp_path: Path) -> None:
    async with desk_in(tmp_path, mail=False) as desk:
        user_id = await desk.account()
        await desk.browser().done("POST", "/auth/password-reset", {"email": EMAIL})
        assert await desk.letters() == []
        admin = await desk.people.person(platform=Role.PLATFORM_ADMIN)
        support = await desk.people.person(platform=Role.PLATFORM_SUPPORT)
        path = f"/admin/users/{user_id}/password-reset"
        assert (await desk.people.refused(support, "POST", path))[1] == "permission_missing"
        told = await desk.people.done(admin, "POST", path)
        token = told["link"].partition("#token=")[2]
        good = {"token": token, "password": OTHER}
        await desk.browser().done("POST", "/auth/password-reset/confirm", good)
        await desk.browser().sign_in(password=OTHER)
        desk.clock.advance(601)
        assert (await desk.people.refused(admin, "POST", path))[1] == "step_up_required"


async def test_with_mail_the_admin_does_not_see_the_link(small: Desk) -> None:
    user_id = await small.account()
    admin = await small.people.person(platform=Role.PLATFORM_ADMIN)
    path = f"/admin/users/{user_id}/password-reset"
    assert await small.people.done(admin, "POST", path) == {"status": "sent", "link": None}
    assert (await small.letters())[-1][0] == EMAIL


# --- leaving -------------------------------------------------------------------------------------


async def test_a_deleted_account_leaves_no_way_in(desk: Desk) -> None:
    browser: Browser = await desk.signed_in()
    other = desk.browser()
    await other.sign_in()
    await desk.browser().done("POST", "/auth/password-reset", {"email": EMAIL})
    token = await desk.token_sent()
    begun = await browser.done("POST", "/me/totp")
    assert begun["secret"]
    await browser.done("DELETE", "/me")
    assert browser.jar == {}
    assert (await other.refused("GET", "/me"))[0] == 401
    for table in ("sessions", "password_credentials", "totp_factors", "recovery_codes", "passkeys"):
        assert await count(desk, table) == 0
    right = {"email": EMAIL, "password": PASSWORD}
    assert (await desk.browser().refused("POST", "/auth/sign-in", right))[0] == 401
    good = {"token": token, "password": OTHER}
    found = await desk.browser().refused("POST", "/auth/password-reset/confirm", good)
    assert found == (400, "link_not_valid")


async def test_tokens_and_challenges_that_are_over_are_removed(desk: Desk) -> None:
    async def issue(scope: ControlScope, _: object) -> None:
        await MailTokens(scope).issue(Purpose.VERIFY, EMAIL, kept=b"x")

    await desk.within(issue)
    chores = desk.house.jobs[0].__self__  # type: ignore[attr-defined]
    await chores.prune()
    assert await count(desk, "mail_tokens") == 1
    desk.clock.advance(3_601)
    await chores.prune()
    assert await count(desk, "mail_tokens") == 0
