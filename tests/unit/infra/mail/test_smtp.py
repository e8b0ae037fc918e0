from __future__ import annotations

import asyncio
import email
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from contract.tls_material import Authority
from opengateway.infra.mail import smtp
from opengateway.infra.mail.none import NoMail
from opengateway.infra.mail.options import SmtpOptions, SmtpTls
from opengateway.infra.outbound import tls_context
from opengateway.kit.clock import ManualClock
from opengateway.ports.mail import Mail, MailDelayed, MailRefused

LETTER = Mail(
    "mina@example.com",
    "팀에 초대되었습니다",
    "링크: https://og.example.com/x#token=ogi_secret\n",
    "<p>링크</p>\n",
)
SECRET = "hunter2-canary"


class Sink:
    """A mail server that keeps what it is sent. `answer` refuses a recipient."""

    def __init__(self, answer: str = "250 OK") -> None:
        self.received: list[EmailMessage] = []
        self.answer = answer

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        found = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(found, EmailMessage)
        assert envelope.rcpt_tos == [found["to"]]
        self.received.append(found)
        return "250 kept"


@asynccontextmanager
async def serving(
    sink: Sink, *, tls: ssl.SSLContext | None = None, **terms: Any
) -> AsyncIterator[int]:
    """A server on a free port. `tls`: from the first byte."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(sink, loop=loop, enable_SMTPUTF8=True, **terms), "127.0.0.1", 0, ssl=tls
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


def mailer(
    port: int,
    tls: SmtpTls = SmtpTls.OFF,
    authority: Authority | None = None,
    host: str = "127.0.0.1",
    password: str | None = None,
    timeout_s: float = smtp.TIMEOUT_S,
) -> smtp.SmtpMailer:
    options = SmtpOptions(
        host=host,
        port=port,
        from_="OpenGateway <no-reply@example.com>",
        tls=tls,
        username="og" if password else None,
        password="env:X" if password else None,
    )
    context = tls_context(authority.file if authority else None)
    return smtp.SmtpMailer(options, password, context, ManualClock(), timeout_s=timeout_s)


async def test_a_letter_arrives_whole_in_two_forms() -> None:
    sink = Sink()
    async with serving(sink) as port:
        await mailer(port).deliver(LETTER)
    (got,) = sink.received
    assert got["from"] == "OpenGateway <no-reply@example.com>"
    assert (got["to"], got["subject"]) == ("mina@example.com", "팀에 초대되었습니다")
    assert got["date"].datetime.year == 2025
    assert got["auto-submitted"] == "auto-generated"
    assert got["message-id"].endswith("@example.com>")
    text, html = (got.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == LETTER.text
    assert html.get_content().replace("\r\n", "\n") == LETTER.html


@pytest.mark.parametrize("kind", [SmtpTls.STARTTLS, SmtpTls.TLS])
async def test_over_tls_the_server_must_be_the_one_that_is_named(
    tmp_path: Path, kind: SmtpTls
) -> None:
    authority = Authority(tmp_path)
    sink = Sink()
    ours, other = authority.server("127.0.0.1"), authority.server("mail.example.com")
    for context, good in ((ours, True), (other, False)):
        direct = {"tls": context} if kind is SmtpTls.TLS else {"tls_context": context}
        async with serving(sink, **direct) as port:
            if good:
                await mailer(port, kind, authority).deliver(LETTER)
                with pytest.raises(MailDelayed):  # an authority that nobody here knows
                    await mailer(port, kind).deliver(LETTER)
            else:
                with pytest.raises(MailDelayed):
                    await mailer(port, kind, authority).deliver(LETTER)
    assert len(sink.received) == 1


async def test_without_an_offer_of_tls_nothing_is_sent(tmp_path: Path) -> None:
    """Whoever sits between could have taken the offer out."""
    sink = Sink()
    async with serving(sink) as port:
        with pytest.raises(MailDelayed):
            await mailer(port, SmtpTls.STARTTLS, Authority(tmp_path), password=SECRET).deliver(
                LETTER
            )
    assert sink.received == []


async def test_it_signs_in_and_a_wrong_password_lets_the_letter_wait(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data.password == SECRET.encode())

    sink = Sink()
    terms = {"authenticator": check, "auth_required": True}
    async with serving(sink, tls_context=authority.server("127.0.0.1"), **terms) as port:
        await mailer(port, SmtpTls.STARTTLS, authority, password=SECRET).deliver(LETTER)
        with pytest.raises(MailDelayed) as told:
            await mailer(
                port, SmtpTls.STARTTLS, authority, password="other-canary", timeout_s=1.0
            ).deliver(LETTER)
    assert len(sink.received) == 1
    assert "canary" not in str(told.value)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("550 no such user", MailRefused),
        ("552 full", MailRefused),
        ("451 try later", MailDelayed),
        ("421 going down", MailDelayed),
    ],
)
async def test_a_refusal_for_good_is_told_from_one_for_now(
    answer: str, kind: type[Exception]
) -> None:
    async with serving(Sink(answer)) as port:
        with pytest.raises(kind) as told:
            await mailer(port).deliver(LETTER)
    assert answer[:3] in str(told.value)


async def test_a_server_that_is_silent_or_away_delays_the_letter() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(MailDelayed):
            await mailer(port, timeout_s=0.1).deliver(LETTER)
    with pytest.raises(MailDelayed):
        await mailer(port).deliver(LETTER)


async def test_what_people_typed_adds_no_header_and_no_recipient() -> None:
    sink = Sink()
    async with serving(sink) as port:
        for bad in (
            Mail("mina@example.com\r\nBcc: x@example.com", "s", "t", "h"),
            Mail("mina@example.com", "s\r\nBcc: x@example.com", "t", "h"),
            Mail("mina@example.com, x@example.com", "s", "t", "h"),
            Mail("no address", "s", "t", "h"),
        ):
            with pytest.raises(MailRefused):
                await mailer(port).deliver(bad)
    assert sink.received == []


async def test_no_mail_says_so() -> None:
    assert not NoMail().sends
    with pytest.raises(MailRefused, match=r"components\.mail"):
        await NoMail().deliver(LETTER)


def test_no_secret_is_in_a_repr() -> None:
    assert "ogi_secret" not in repr(LETTER)
    assert SECRET not in repr(mailer(1, password=SECRET))
