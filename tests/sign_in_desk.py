"""A zone to sign in to, and browsers that do, for tests. Time stands still until it is moved."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from sqlalchemy import select

from asgi_client import Reply, call
from control_plane import settings_in
from opengateway.compose.control import ControlHouse, open_control
from opengateway.compose.sign_in import SmtpAccess
from opengateway.control.actor import SYSTEM
from opengateway.control.changes.service import ChangeLog
from opengateway.control.mail.models import OutgoingMail
from opengateway.control.passwords.service import PasswordService
from opengateway.control.scope import ControlScope
from opengateway.control.users.service import UserService
from opengateway.infra.mail.options import SmtpOptions
from opengateway.kit import json
from opengateway.kit.clock import Clock, ManualClock
from people import People

API = "/api/v1"
PASSWORD = "a heron waits in shallow water"
OTHER = "two lanterns above the harbour"
EMAIL = "mina@example.com"


@dataclass
class Browser:
    """Keeps cookies as a browser does, and the csrf token as our page does."""

    house: ControlHouse
    ip: str = "203.0.113.7"
    agent: str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36"
    jar: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    async def ask(self, method: str, path: str, payload: object = None, **headers: str) -> Reply:
        sent = {
            "user-agent": self.agent,
            "x-forwarded-for": self.ip,
            "sec-fetch-site": "same-origin",
            "cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items()),
            "x-csrf-token": self.csrf,
        }
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        target = path if path.startswith("/api") else API + path
        reply = await call(self.house.public_app, method, target, payload=payload, headers=sent)
        for text in reply.cookies:
            for name, morsel in SimpleCookie(text).items():
                self.jar.pop(name, None)
                if morsel["max-age"] != "0":
                    self.jar[name] = morsel.value
        if reply.body and reply.headers.get("content-type") == "application/json":
            told = reply.json()
            if isinstance(told, dict) and told.get("csrf_token"):
                self.csrf = told["csrf_token"]
        return reply

    async def done(self, method: str, path: str, payload: object = None, **headers: str) -> Any:
        reply = await self.ask(method, path, payload, **headers)
        assert reply.status < 300, reply.text
        return reply.json() if reply.body else None

    async def refused(
        self, method: str, path: str, payload: object = None, **headers: str
    ) -> tuple[int, str]:
        reply = await self.ask(method, path, payload, **headers)
        assert reply.status >= 400, reply.text
        return reply.status, reply.json()["error"]["code"]

    async def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> Any:
        return await self.done("POST", "/auth/sign-in", {"email": email, "password": password})

    @property
    def session(self) -> str:
        return self.jar["og_session"]


@dataclass
class Desk:
    house: ControlHouse
    clock: ManualClock
    people: People

    def browser(self, **differs: Any) -> Browser:
        return Browser(self.house, **differs)

    async def account(self, email: str = EMAIL, *, verified: bool = True, **terms: Any) -> str:
        """An account with `PASSWORD`; its id."""

        async def make(scope: ControlScope, _: ChangeLog) -> str:
            passwords = PasswordService(scope)
            made = await passwords.make(PASSWORD)
            user = await UserService(scope, SYSTEM).make(email, verified=verified, **terms)
            await passwords.store(user.id, made)
            return user.id

        return await self.within(make)

    async def within(self, work: Any) -> Any:
        return await self.people._within(work)

    async def signed_in(self, email: str = EMAIL) -> Browser:
        browser = self.browser()
        await self.account(email)
        await browser.sign_in(email)
        return browser

    async def letters(self) -> list[tuple[str, str, str]]:
        """To whom, subject and text of what waits to be sent, oldest first."""
        async with self.house.parts.database.read() as session:
            rows = (await session.scalars(select(OutgoingMail).order_by(OutgoingMail.id))).all()
        opened = [self.house.sign_in.secret_box.open(r.sealed, f"mail:{r.id}") for r in rows]
        return [
            (row.recipient, *json.loads(plain)[:2]) for row, plain in zip(rows, opened, strict=True)
        ]

    async def token_sent(self, to: str = EMAIL) -> str:
        """The token in the newest letter to somebody."""
        texts = [text for who, _, text in await self.letters() if who == to]
        found = re.search(r"#token=(\S+)", texts[-1])
        assert found, texts[-1]
        return found[1]


@asynccontextmanager
async def desk_in(
    home: Path,
    store: str | None = None,
    *,
    mail: bool = True,
    clock: Clock | None = None,
    provider: Any = None,
    **differs: Any,
) -> AsyncIterator[Desk]:
    """`differs`: fields of `SignInSettings`. With `mail` letters wait in the outbox, unsent."""
    settings = settings_in(home, store)
    if store is None:
        import shutil

        from stores import migrated_store

        shutil.copy(migrated_store(), settings.paths.control_db)
    clock = clock or ManualClock()
    smtp = SmtpAccess(SmtpOptions(host="127.0.0.1", port=1, from_="og@example.com"), None)
    plan = replace(
        settings.sign_in,
        settings=replace(settings.sign_in.settings, **differs),
        smtp=smtp if mail else None,
        provider=provider,
    )
    async with open_control(replace(settings, sign_in=plan, clock=clock)) as house:
        yield Desk(house, clock, People(house))  # type: ignore[arg-type]
