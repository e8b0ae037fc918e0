"""Canaries: what is secret in signing in is in no log, no error, no audit entry, no column."""

from __future__ import annotations

from base64 import b32decode
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from authenticator import Device
from opengateway.control.second_factors import totp
from opengateway.domain.sign_up import SignUp
from opengateway.kit.db import Base
from sign_in_desk import EMAIL, Browser, Desk, desk_in

PASSWORD = "canary heron in shallow water 1"
SECOND = "canary heron in shallow water 2"
WRONG = "canary heron that was mistyped 3"


@pytest.fixture
async def desk(tmp_path: Path, store_url: str) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path, store_url, signup=SignUp.OPEN) as made:
        yield made


class Gathered:
    """Secrets, and everything that was said while they were used."""

    def __init__(self) -> None:
        self.secrets: set[str] = {PASSWORD, SECOND, WRONG}
        self.errors = ""

    async def ask(self, browser: Browser, method: str, path: str, payload: object = None) -> dict:
        reply = await browser.ask(method, path, payload)
        self.secrets |= set(browser.jar.values())
        if reply.status >= 400:
            self.errors += reply.text + str(reply.headers)
        self.secrets.add(browser.csrf or PASSWORD)
        return reply.json() if reply.body else {}


async def everything(desk: Desk, said: Gathered) -> None:
    browser = desk.browser()
    wanted = {"email": EMAIL, "password": PASSWORD}
    await said.ask(browser, "POST", "/auth/sign-up", wanted)
    token = await desk.token_sent()
    said.secrets.add(token)
    await said.ask(browser, "POST", "/auth/verify-email", {"token": token})
    await said.ask(browser, "POST", "/auth/verify-email", {"token": token})
    await said.ask(browser, "POST", "/auth/sign-in", {**wanted, "password": WRONG})
    await said.ask(browser, "POST", "/auth/sign-in", {**wanted, "password": WRONG, "x": WRONG})
    await said.ask(browser, "POST", "/auth/sign-in", {"email": WRONG, "password": [PASSWORD]})
    await said.ask(browser, "POST", "/auth/sign-in", wanted)
    begun = await said.ask(browser, "POST", "/me/totp")
    said.secrets.add(begun["secret"])
    raw = parse_qs(urlsplit(begun["uri"]).query)["secret"][0]
    secret = b32decode(raw + "=" * (-len(raw) % 8))
    said.secrets |= {secret.hex(), begun["uri"]}
    code = totp.code_at(secret, desk.clock.now_ns() // 10**9 // 30)
    await said.ask(browser, "POST", "/me/totp/confirm", {"code": "000000"})
    told = await said.ask(browser, "POST", "/me/totp/confirm", {"code": code})
    said.secrets |= set(told["recovery_codes"])
    told = await said.ask(browser, "POST", "/me/passkeys/options")
    made = {"credential": Device().create(told), "name": "Laptop"}
    await said.ask(browser, "POST", "/me/passkeys", made)
    await said.ask(browser, "POST", "/me/passkeys", made)
    other = desk.browser()
    await said.ask(other, "POST", "/auth/sign-in", wanted)
    await said.ask(other, "POST", "/auth/sign-in/totp", {"code": "999999"})
    first = min(s for s in said.secrets if s.count("-") == 3)
    await said.ask(other, "POST", "/auth/sign-in/totp", {"code": first})
    await said.ask(other, "POST", "/auth/sign-in/totp", {"code": first})
    await said.ask(browser, "POST", "/me/step-up", {"password": PASSWORD})
    await said.ask(browser, "POST", "/me/password", {"current": WRONG, "password": SECOND})
    await said.ask(browser, "POST", "/me/password", {"current": PASSWORD, "password": SECOND})
    await said.ask(browser, "POST", "/auth/password-reset", {"email": EMAIL})
    reset = await desk.token_sent()
    said.secrets.add(reset)
    weak = {"token": reset, "password": "canary"}
    await said.ask(browser, "POST", "/auth/password-reset/confirm", weak)
    good = {"token": reset, "password": PASSWORD}
    await said.ask(browser, "POST", "/auth/password-reset/confirm", good)
    await said.ask(browser, "POST", "/auth/password-reset/confirm", good)


async def test_no_secret_is_in_a_log_an_error_the_audit_log_or_any_column(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    said = Gathered()
    await everything(desk, said)
    assert len(said.secrets) > 25
    out, err = capfd.readouterr()
    assert "sign_in_failed" in out + err  # the log was listened to
    rows = ""
    async with desk.house.parts.database.read() as session:
        for table in Base.metadata.sorted_tables:
            found = (await session.execute(text(f'SELECT * FROM "{table.name}"'))).all()
            for row in found:
                rows += " ".join(
                    bytes(v).decode("latin-1") if isinstance(v, bytes | memoryview) else str(v)
                    for v in row
                )
    assert "password.changed" in rows
    for where, told in (("log", out + err), ("errors", said.errors), ("store", rows)):
        for secret in said.secrets:
            assert secret not in told, (where, secret)
            assert secret.replace("-", "") not in told, (where, secret)


async def test_the_audit_log_names_each_deed_and_no_address(desk: Desk) -> None:
    await everything(desk, Gathered())
    entries = await desk.people.rows('SELECT action, actor, "before", "after" FROM audit_log')
    assert {row[0] for row in entries} >= {
        *("user.created", "session.created", "totp.added", "passkey.added"),
        *("password.changed", "password.reset"),
    }
    assert EMAIL not in str([tuple(row) for row in entries])
