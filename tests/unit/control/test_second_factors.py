from __future__ import annotations

import asyncio
from base64 import b32decode
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from opengateway.control.second_factors import totp
from sign_in_desk import EMAIL, OTHER, PASSWORD, Browser, Desk, desk_in


@pytest.fixture
async def desk(tmp_path: Path, store_url: str) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path, store_url) as made:
        yield made


class App:
    """An authenticator app: it knows the secret as the picture tells it, and the time."""

    def __init__(self, desk: Desk, uri: str) -> None:
        query = parse_qs(urlsplit(uri).query)
        text = query["secret"][0]
        self.secret = b32decode(text + "=" * (-len(text) % 8))
        self._desk = desk

    def code(self, steps: int = 0) -> str:
        return totp.code_at(self.secret, self._desk.clock.now_ns() // 10**9 // 30 + steps)


async def enrol(desk: Desk, browser: Browser) -> tuple[App, list[str]]:
    begun = await browser.done("POST", "/me/totp")
    app = App(desk, begun["uri"])
    told = await browser.done("POST", "/me/totp/confirm", {"code": app.code()})
    desk.clock.advance(60)
    return app, told["recovery_codes"]


async def begin(desk: Desk, password: str = PASSWORD) -> Browser:
    browser = desk.browser()
    told = await browser.sign_in(password=password)
    assert told["status"] == "second_factor"
    return browser


@pytest.mark.parametrize(
    ("at_s", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(at_s: int, code: str) -> None:
    """RFC 6238, appendix B, SHA-1; its eight digits cut to six."""
    assert totp.code_at(b"12345678901234567890", at_s // 30) == code


def test_a_code_is_good_a_step_early_and_late_and_never_again() -> None:
    secret, now = totp.new_secret(), 1_764_000_000
    step = now // 30
    for skew, good in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        code = totp.code_at(secret, step + skew)
        assert (totp.matching_step(secret, code, now, -1) is not None) is good
        assert totp.matching_step(secret, code, now, step + skew) is None
    for odd in ("", "12345", "1234567", "12345a", "１２３４５６", " 12345"):
        assert totp.matching_step(secret, odd, now, -1) is None


async def test_the_app_is_asked_for_once_it_was_confirmed_and_the_session_is_new(
    desk: Desk,
) -> None:
    browser = await desk.signed_in()
    begun = await browser.done("POST", "/me/totp")
    app = App(desk, begun["uri"])
    # Begun is not yet in force.
    assert (await desk.browser().sign_in())["status"] == "signed_in"
    assert (await browser.refused("POST", "/me/totp/confirm", {"code": "000000"}))[1] == (
        "wrong_code"
    )
    before = browser.session
    told = await browser.done("POST", "/me/totp/confirm", {"code": app.code()})
    assert len(set(told["recovery_codes"])) == 10
    assert browser.session != before
    assert (await browser.done("GET", "/me"))["user"]["factors"] == ["totp", "recovery_code"]
    desk.clock.advance(60)

    waiting = await begin(desk)
    half = waiting.session
    assert await waiting.refused("GET", "/me") == (401, "not_signed_in")
    await waiting.done("POST", "/auth/sign-in/totp", {"code": app.code()})
    assert waiting.session != half
    await waiting.done("GET", "/me")
    assert (await desk.browser(jar={"og_session": half}).refused("GET", "/me"))[0] == 401
    ((sealed,),) = await desk.people.rows("SELECT sealed_secret FROM totp_factors")
    assert app.secret not in bytes(sealed)
    assert totp.text_of(app.secret).encode() not in bytes(sealed)


async def test_a_code_that_was_used_is_refused_and_so_is_one_of_two_at_once(desk: Desk) -> None:
    app, _ = await enrol(desk, await desk.signed_in())
    code = {"code": app.code()}
    browsers = [await begin(desk) for _ in range(3)]
    replies = await asyncio.gather(*(b.ask("POST", "/auth/sign-in/totp", code) for b in browsers))
    assert sorted(r.status for r in replies) == [200, 401, 401]
    late = await begin(desk)
    assert await late.refused("POST", "/auth/sign-in/totp", code) == (401, "wrong_code")
    # An older step of the window is a replay too.
    older = {"code": app.code(-1)}
    assert await late.refused("POST", "/auth/sign-in/totp", older) == (401, "wrong_code")
    await late.done("POST", "/auth/sign-in/totp", {"code": app.code(1)})


async def test_codes_are_guessed_a_few_times_only_whoever_tries(desk: Desk) -> None:
    app, _ = await enrol(desk, await desk.signed_in())
    found = []
    for n in range(6):
        browser = await begin(desk)
        browser.ip = f"198.51.{n}.1"
        found.append((await browser.refused("POST", "/auth/sign-in/totp", {"code": "000000"}))[0])
    assert found == [401] * 5 + [429]
    right = await (await begin(desk)).refused("POST", "/auth/sign-in/totp", {"code": app.code()})
    assert right == (429, "too_many_attempts")


async def test_a_half_session_ends_after_ten_minutes(desk: Desk) -> None:
    app, _ = await enrol(desk, await desk.signed_in())
    browser = await begin(desk)
    desk.clock.advance(601)
    found = await browser.refused("POST", "/auth/sign-in/totp", {"code": app.code()})
    assert found == (401, "not_signed_in")


async def test_a_recovery_code_serves_once_of_two_at_once_too(desk: Desk) -> None:
    _, codes = await enrol(desk, await desk.signed_in())
    stored = {digest for (digest,) in await desk.people.rows("SELECT digest FROM recovery_codes")}
    assert not any(code in digest for code in codes for digest in stored)
    shown = {"code": codes[0].upper()}
    browsers = [await begin(desk) for _ in range(3)]
    replies = await asyncio.gather(*(b.ask("POST", "/auth/sign-in/totp", shown) for b in browsers))
    assert sorted(r.status for r in replies) == [200, 401, 401]
    again = await begin(desk)
    assert (await again.refused("POST", "/auth/sign-in/totp", shown))[1] == "wrong_code"
    await again.done("POST", "/auth/sign-in/totp", {"code": codes[1].replace("-", "")})


async def test_new_recovery_codes_void_the_old_and_go_with_the_last_factor(desk: Desk) -> None:
    browser = await desk.signed_in()
    assert (await browser.refused("POST", "/me/recovery-codes"))[0] == 400
    _, old = await enrol(desk, browser)
    new = (await browser.done("POST", "/me/recovery-codes"))["recovery_codes"]
    waiting = await begin(desk)
    assert (await waiting.refused("POST", "/auth/sign-in/totp", {"code": old[0]}))[0] == 401
    await waiting.done("POST", "/auth/sign-in/totp", {"code": new[0]})
    await browser.done("DELETE", "/me/totp")
    assert (await desk.browser().sign_in())["status"] == "signed_in"
    assert await desk.people.rows("SELECT digest FROM recovery_codes") == []


async def test_what_needs_a_proof_asks_again_after_ten_minutes(desk: Desk) -> None:
    browser = await desk.signed_in()
    desk.clock.advance(601)
    for method, path in (
        ("POST", "/me/totp"),
        ("DELETE", "/me/totp"),
        ("POST", "/me/passkeys/options"),
        ("DELETE", "/me"),
    ):
        assert await browser.refused(method, path) == (403, "step_up_required")
    wrong = {"password": OTHER}
    assert (await browser.refused("POST", "/me/step-up", wrong))[1] == "wrong_credentials"
    assert (await browser.refused("POST", "/me/totp"))[1] == "step_up_required"
    await browser.done("POST", "/me/step-up", {"password": PASSWORD})
    await browser.done("POST", "/me/totp")


async def test_whoever_has_a_second_factor_proves_that_one(desk: Desk) -> None:
    browser = await desk.signed_in()
    app, _ = await enrol(desk, browser)
    found = await browser.refused("POST", "/me/step-up", {"password": PASSWORD})
    assert found == (400, "wrong_code")
    both = {"password": PASSWORD, "code": "000000"}
    assert (await browser.refused("POST", "/me/step-up", both))[0] == 400
    given = {"code": app.code()}
    replies = await asyncio.gather(*(browser.ask("POST", "/me/step-up", given) for _ in range(4)))
    assert sorted(r.status for r in replies) == [200, 401, 401, 401]
    (told,) = [r.json() for r in replies if r.status == 200]
    assert (await browser.done("GET", "/me"))["step_up_at_ns"] == told["step_up_at_ns"]
    code = {"code": app.code()}
    assert await browser.refused("POST", "/me/step-up", code) == (401, "wrong_code")


async def test_a_second_app_is_not_laid_over_the_first(desk: Desk) -> None:
    browser = await desk.signed_in()
    app, _ = await enrol(desk, browser)
    assert await browser.refused("POST", "/me/totp") == (409, "totp_already_on")
    code = {"code": app.code()}
    assert await browser.refused("POST", "/me/totp/confirm", code) == (409, "totp_already_on")
    told = [subject for who, subject, _ in await desk.letters() if who == EMAIL]
    assert told == ["How you sign in was changed"]
