"""Secrets go in by every door; after a busy run none of them is in anything that comes out: logs, the
journal, the store, caches, metrics, answers to those who may not know."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import signal
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from e2e.conftest import CHAT, FAST, small_zone
from e2e.operating import Servers, Team, chat, flood, new_team, operator, servers
from e2e.product import Product, Simulator, Zone, http, product, run, until
from opengateway.control.second_factors import totp
from stores import apart

pytestmark = pytest.mark.slow
EMAIL = "canary@example.com"
TEAM = "canaries"


def canary(name: str) -> str:
    """A text that stands nowhere else. Letters and digits only: no encoder changes them."""
    return f"canary{name}{secrets.token_hex(12)}"


class LoopbackZone(Zone):
    """Its pages are at a loopback address: a session's cookie goes over plain HTTP."""

    def write(self, port: int, metrics_port: int) -> Path:
        path = super().write(port, metrics_port)
        document = yaml.safe_load(path.read_text())
        document["listen"]["public_url"] = f"http://localhost:{port}"
        path.write_text(yaml.safe_dump(document))
        return path


@dataclass
class Browser:
    product: Product
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""
    answers: list[bytes] = field(default_factory=list)
    """Bodies of refusals."""

    def ask(self, method: str, path: str, payload: object = None) -> Any:
        origin = f"http://localhost:{self.product.port}"
        status, raw, headers = http(
            f"{origin}/api/v1{path}",
            method=method,
            body=None if payload is None else json.dumps(payload).encode(),
            headers={
                "origin": origin,
                "sec-fetch-site": "same-origin",
                "content-type": "application/json",
                "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
                "x-csrf-token": self.csrf,
            },
        )
        if status >= 400:
            self.answers.append(raw)
            return status
        for name, morsel in SimpleCookie(headers.get("set-cookie", "")).items():
            self.cookies[name] = morsel.value
        told = json.loads(raw) if raw else {}
        self.csrf = told.get("csrf_token") or self.csrf
        return told


class _Letters(socketserver.StreamRequestHandler):
    """As much of SMTP as one client needs. Takes letters from whoever knows the password."""

    server: _MailServer

    def handle(self) -> None:
        self._say("220 mail.example.com")
        while line := self.rfile.readline().strip():
            word = line.split()[0].upper()
            if word == b"EHLO":
                self._say("250-mail.example.com", "250 AUTH PLAIN")
            elif word == b"AUTH":
                told = base64.b64decode(line.split()[2]).split(b"\0")[2].decode()
                self.server.known = told == self.server.password
                self._say("235 welcome" if self.server.known else "535 no")
            elif word == b"DATA":
                self._say("354 go on")
                while self.rfile.readline() != b".\r\n":
                    pass
                self.server.letters += 1
                self._say("250 kept")
            else:
                self._say("221 bye" if word == b"QUIT" else "250 ok")

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


class _MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, password: str) -> None:
        super().__init__(("127.0.0.1", 0), _Letters)
        self.password = password
        self.known = False
        self.letters = 0


@contextmanager
def mail_server(password: str) -> Iterator[_MailServer]:
    with _MailServer(password) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Story:
    """`hidden`: what may be found nowhere, by name. `told`: bodies and pages that came out."""

    product: Product
    provider: Simulator
    hidden: dict[str, bytes] = field(default_factory=dict)
    told: list[bytes] = field(default_factory=list)

    def hide(self, name: str, secret: str | bytes) -> None:
        self.hidden[name] = secret if isinstance(secret, bytes) else secret.encode()

    def new(self, name: str) -> str:
        made = canary(name)
        self.hide(name, made)
        return made

    def refusals(self, answers: Any) -> None:
        self.told += [a.body for a in answers if a.status != 200]

    # --- by every door -------------------------------------------------------------------------

    def keys(self) -> Team:
        team = new_team(self.product, TEAM, "100")
        for name, secret in (("key", team.key), ("management key", team.manager)):
            # Its last characters are shown as a hint; the rest is the secret.
            self.hide(name, secret.removeprefix("og_live_").removeprefix("og_mgmt_")[:28])
        limited = team.new_key(rpm=1_000, tpm=1_000_000)
        turned = team.done("POST", f"/keys/{limited['id']}/rotate", {"overlap_s": 60})
        self.hide("key before", limited["key"].removeprefix("og_live_")[:28])
        self.hide("key after", turned["key"].removeprefix("og_live_")[:28])
        hook = team.done("POST", "/webhooks", {"url": "https://hooks.example.com/opengateway"})
        self.hide("webhook secret", hook["secret"].partition("_")[2] or hook["secret"])
        team.done("POST", f"/webhooks/{hook['webhook']['id']}/test")
        return team

    def person(self) -> Browser:
        """An administrator, signed in."""
        zone = ("--zone", str(self.product.zone_file))
        made = json.loads(run("admin", "create", *zone, "--email", EMAIL, "--json").stdout)
        self.hide("first password", made["password"])
        browser = Browser(self.product)
        wrong = self.new("wrongpassword")
        assert browser.ask("POST", "/auth/sign-in", {"email": EMAIL, "password": wrong}) == 401
        browser.ask("POST", "/auth/sign-in", {"email": EMAIL, "password": made["password"]})
        password = self.new("password")
        change = {"current": made["password"], "password": password}
        assert isinstance(browser.ask("POST", "/me/password", change), dict)
        begun = browser.ask("POST", "/me/totp")
        secret = base64.b32decode(begun["secret"] + "=" * (-len(begun["secret"]) % 8))
        self.hide("totp text", begun["secret"])
        self.hide("totp bytes", secret)
        code = totp.code_at(secret, int(time.time()) // totp.STEP_S)
        on = browser.ask("POST", "/me/totp/confirm", {"code": code})
        for number, recovery in enumerate(on["recovery_codes"]):
            self.hide(f"recovery code {number}", recovery)
        again = Browser(self.product)
        again.ask("POST", "/auth/sign-in", {"email": EMAIL, "password": password})
        again.ask("POST", "/auth/sign-in/totp", {"code": on["recovery_codes"][0]})
        for name in ("og_session",):
            self.hide("session", browser.cookies[name])
            self.hide("other session", again.cookies[name])
        # Mail is sent, with the server's password; its link holds a token.
        Browser(self.product).ask("POST", "/auth/password-reset", {"email": EMAIL})
        again.ask("POST", "/auth/sign-in", {"email": EMAIL, "password": password, "x": wrong})
        self.told += browser.answers + again.answers
        return again

    def bodies(self, team: Team, admin: Browser) -> None:
        """A prompt that is kept is read by whoever may, and lies nowhere unsealed."""
        prompt, secret = self.new("keptprompt"), self.new("keptsecret")
        key = team.new_key(body_logging=True)["key"]
        asked = {"role": "user", "content": f"echo {prompt} api_key={secret}"}
        body = {"model": CHAT, "max_tokens": 50, "messages": [asked], "stream": True}

        def sent(**headers: str) -> str:
            given = {"authorization": f"Bearer {key}", **headers}
            status, _, told = self.product.chat(body, given)
            assert status == 200
            return f"/logs/{told['x-request-id']}/body?team_id={team.id}"

        unheard, heard = sent(**{"x-opengateway-log-body": "false"}), sent()
        shown = until(lambda: (b := admin.ask("GET", heard)) != 404 and b, 20, every_s=0.1)
        assert prompt in shown["request"]["text"]
        assert secret not in shown["request"]["text"]
        answer = json.loads(shown["response"]["text"])["choices"][0]["message"]
        assert prompt in answer["content"]
        assert secret not in answer["content"]
        found = admin.ask("GET", f"/logs/bodies?team_id={team.id}&text={prompt.upper()}")
        assert [f["where"] for f in found["data"]] == ["request"]
        assert admin.ask("GET", unheard) == 404

    def calls(self, team: Team) -> None:
        prompt = self.new("prompt")
        words = {"model": FAST, "max_tokens": 50}
        good = {**words, "messages": [{"role": "user", "content": prompt}]}
        url = self.product.url
        self.refusals(flood([url], team.key, json.dumps(good).encode(), 40))
        stream = json.dumps({**good, "model": CHAT, "stream": True}).encode()
        self.refusals(flood([url], team.key, stream, 10))
        for wrong in (
            {**good, "model": "lab/none"},
            {**good, "temperature": prompt},
            {**good, "messages": [{"role": "user", "content": prompt, "name": 7}]},
            {**good, "messages": prompt},
        ):
            self.refusals(flood([url], team.key, json.dumps(wrong).encode(), 1))
        self.refusals(flood([url], team.key, json.dumps(good).encode()[:-20], 1))
        self.refusals(flood([url], self.new("wrongkey"), json.dumps(good).encode(), 1))
        self.idempotent(team, good)
        self.faults(team, good)
        query = self.new("query")
        for path in ("/v1/models", "/v1/none", "/api/v1/none"):
            status, raw, _ = http(f"{url}{path}?key={query}&authorization={query}")
            assert status >= 400
            self.told.append(raw)

    def idempotent(self, team: Team, good: dict[str, Any]) -> None:
        text = self.new("idempotent")
        body = {**good, "model": CHAT, "messages": [{"role": "user", "content": f"echo {text}"}]}
        headers = {"authorization": f"Bearer {team.key}", "idempotency-key": secrets.token_hex(8)}
        for _ in range(2):
            status, _, told = self.product.chat(body, headers)
            assert status == 200
        assert told["x-opengateway-idempotent-replay"] == "true"
        name = secrets.token_hex(8)
        wish = {"url": f"https://hooks.example.com/{secrets.token_hex(4)}"}
        hook = team.done("POST", "/webhooks", wish, idempotency_key=name)
        self.hide("second webhook secret", hook["secret"].partition("_")[2] or hook["secret"])
        made = team.done("POST", "/keys", {"name": "kept"}, idempotency_key=name + "k")
        self.hide("kept key", made["key"].removeprefix("og_live_")[:28])

    def faults(self, team: Team, good: dict[str, Any]) -> None:
        """A provider that echoes what it was sent, its credential too."""
        leaked = os.environ["OG_CANARY_PROVIDER"]
        body = json.dumps(good).encode()
        echo = json.dumps({"error": {"message": f"wrong key {leaked}", "code": leaked}})
        for fault in (
            {"status": 401, "body": echo},
            {"status": 500, "body": echo},
            {"status": 429, "body": leaked},
            {"status": 400, "body": echo},
            {"drop": True},
            {"cut_after_bytes": 60},
        ):
            self.provider.faults({"fault": fault})
            self.refusals(flood([self.product.url], team.key, body, 2))
            self.provider.reset()

    def shop(self, team: Team) -> None:
        """Of the desk: providers' credentials, a team's own, codes, and what payments are asked with."""
        place = {"wire": "openai", "base_url": f"{self.provider.url}/as/vllm/v1"}
        self.operate("POST", "/admin/providers", {"id": "later", **place})
        held = "/admin/providers/later/credentials"
        wish = {"name": "main", "secret": {"api_key": self.new("desk")}}
        made = self.operate("POST", held, wish)
        turned = {"secret": {"api_key": self.new("rotated")}}
        self.operate("POST", f"/admin/credentials/{made['id']}/rotate", turned)
        self.operate("POST", "/admin/providers/later/test", {"credential": "main"})
        own = {"provider": "later", "name": "ours", "secret": {"api_key": self.new("own")}}
        self.operate("POST", f"/teams/{team.id}/credentials", own)
        campaign = self.operate("POST", "/admin/campaigns", {"name": "c", "usd": "1"})
        codes = f"/admin/campaigns/{campaign['id']}"
        for code in operator(self.product, "POST", f"{codes}/batches", {"count": 2})["codes"]:
            self.hide(f"code {code[:8]}", code[9:])  # the first characters are shown as a hint
            wish = json.dumps({"code": code, "team_id": team.id}).encode()
            (answer,) = flood([self.product.url], team.manager, wish, 1, "/api/v1/redeem")
            assert answer.status == 201, answer
            self.told.append(answer.body)
        for path in (held, f"/teams/{team.id}/credentials", f"{codes}/codes", "/admin/audit"):
            self.operate("GET", path)
        # The processor's address is somebody else's here: it refuses, and hears the zone's key.
        assert team.manage("POST", "/topups", {"usd": "50"})[0] >= 400
        self.told.append(json.dumps(team.done("GET", "/payment-settings")).encode())
        url = f"{self.product.url}/api/v1/payments/stripe/webhook"
        forged = {"stripe-signature": f"t=1,v1={self.new('signature')}"}
        status, raw, _ = http(url, method="POST", body=b"{}", headers=forged)
        assert status == 403
        self.told.append(raw)

    def operate(self, method: str, path: str, payload: object = None) -> Any:
        made = operator(self.product, method, path, payload)
        self.told.append(json.dumps(made).encode())
        return made

    def crash(self, team: Team) -> None:
        """What a dying process leaves is looked at, too."""
        body = json.dumps({"model": FAST, "messages": [{"role": "user", "content": "go"}]}).encode()
        for child in ("control", "gateway"):
            with suppress(ProcessLookupError):
                os.kill(self.product.pid(child), signal.SIGKILL)
            until(lambda: asyncio.run(chat(self.product.url, team.key, body)).status == 200, 30)

    # --- what came out ---------------------------------------------------------------------------

    def outputs(self, stores: Servers | None) -> Iterator[tuple[str, bytes]]:
        """Called when the product has stopped. The zone's own secrets are where they belong."""
        home = self.product.zone_file.parent
        yield "log", self.product.log.read_bytes()
        for path in sorted((home / "var").rglob("*")):
            if path.is_file() and path.parent.name != "secrets":
                yield str(path.relative_to(home)), path.read_bytes()
        for number, raw in enumerate(self.told):
            yield f"answer {number}", raw
        if stores is not None:
            for path in sorted((stores.postgres.folder).rglob("*")):
                if path.is_file() and "packages" not in path.parts:
                    yield f"postgres {path.name}", path.read_bytes()
            yield "every row", apart(_rows(stores))
            yield "valkey", _dump(stores)


async def _rows(stores: Servers) -> bytes:
    """All of PostgreSQL's tables as text, whatever is compressed in its files."""
    connection = await asyncpg.connect(stores.postgres.url("postgres"))
    try:
        names = await connection.fetch(
            "select tablename from pg_tables where schemaname = 'public' order by 1"
        )
        found: list[str] = []
        for (name,) in names:
            found += [row[0] for row in await connection.fetch(f'select t::text from "{name}" t')]
        return "\n".join(found).encode()
    finally:
        await connection.close()


def _dump(stores: Servers) -> bytes:
    import redis

    with redis.Redis.from_url(stores.valkey.url()) as client:
        parts = []
        for key in client.scan_iter():
            parts += [key, client.dump(key) or b""]
        return b"\n".join(parts)


def forms(secret: bytes) -> set[bytes]:
    """As it is, and as somebody may have written it."""
    return {secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"=")[:-1]}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["embedded", "servers"])
def test_no_secret_comes_out_again(
    kind: str,
    provider: Simulator,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    credential, password = canary("provider"), canary("smtp")
    monkeypatch.setenv("OG_CANARY_PROVIDER", credential)
    monkeypatch.setenv("OG_CANARY_SMTP", password)
    paying = {"OG_CANARY_STRIPE": canary("stripe"), "OG_CANARY_STRIPE_EVENTS": canary("events")}
    for name, secret in paying.items():
        monkeypatch.setenv(name, secret)
    with ExitStack() as stack:
        mail = stack.enter_context(mail_server(password))
        stores = stack.enter_context(servers()) if kind == "servers" else None
        plain = small_zone(provider, tmp_path_factory)
        zone = LoopbackZone(provider, plain.home, plain.providers, plain.models)
        for one in zone.providers.values():
            one["credentials"] = [{"name": "main", "api_key": "env:OG_CANARY_PROVIDER"}]
        zone.outbound = {"allow": ["127.0.0.1"]}
        zone.components = {
            "billing": {"use": "ledger"},
            "payments": {
                "use": "stripe",
                "secret_key": "env:OG_CANARY_STRIPE",
                "webhook_secret": "env:OG_CANARY_STRIPE_EVENTS",
                "api_url": provider.url,
            },
            "mail": {
                "use": "smtp",
                "host": "127.0.0.1",
                "port": mail.server_address[1],
                "tls": "off",
                "from": "no-reply@example.com",
                "username": "canary",
                "password": "env:OG_CANARY_SMTP",
            },
            **(stores.components if stores else {}),
        }
        with product(zone) as running:
            story = Story(running, provider)
            story.hide("provider credential", credential)
            story.hide("smtp password", password)
            for name, secret in paying.items():
                story.hide(name, secret)
            team = story.keys()
            admin = story.person()
            story.bodies(team, admin)
            story.calls(team)
            story.shop(team)
            story.crash(team)
            story.told.append(http(f"http://127.0.0.1:{running.metrics_port}/metrics")[1])
            running.records()
            until(lambda: mail.letters and mail.known, 20)
        for path in (zone.home / "var/secrets").iterdir():
            text = path.read_text().strip()
            if path.suffix != ".pub":
                story.hide(path.name, text)
                story.hide(f"{path.name} bytes", bytes.fromhex(text))
        seen = list(story.outputs(stores))
        found = [
            (name, where)
            for name, secret in story.hidden.items()
            for form in forms(secret)
            for where, raw in seen
            if form in raw
        ]
    assert found == []
    size = sum(len(raw) for _, raw in seen)
    print(f"\n{len(story.hidden)} secrets, {len(seen)} outputs of {size:,} bytes: 0 matches")
    # It would be found: what is no secret is.
    assert any(TEAM.encode() in raw for _, raw in seen)
