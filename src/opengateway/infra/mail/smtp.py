"""Mail over SMTP, with TLS from the first byte or after STARTTLS."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import parseaddr
from typing import Final

import aiosmtplib

from opengateway.infra.mail.options import SmtpOptions, SmtpTls
from opengateway.kit.chance import random_bytes
from opengateway.kit.clock import Clock
from opengateway.ports.mail import Mail, MailDelayed, MailRefused

TIMEOUT_S: Final = 15.0


class SmtpMailer:
    """One connection a letter: letters are few, and a kept connection goes stale."""

    sends = True

    def __init__(
        self,
        options: SmtpOptions,
        password: str | None,
        context: ssl.SSLContext | None,
        clock: Clock,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`context` verifies the server; None only where `tls` is off."""
        self._clock = clock
        self._timeout_s = timeout_s
        self._options = options
        self._password = password
        self._context = context
        name, address = parseaddr(options.from_)
        self._from = Address(display_name=name, addr_spec=address)

    async def deliver(self, mail: Mail) -> None:
        options = self._options
        try:
            await aiosmtplib.send(
                self._message(mail),
                hostname=options.host,
                port=options.port,
                username=options.username,
                password=self._password,
                use_tls=options.tls is SmtpTls.TLS,
                # True, not "if offered": an attacker on the way could take the offer out.
                start_tls=options.tls is SmtpTls.STARTTLS,
                tls_context=self._context,
                timeout=self._timeout_s,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = {refused.code for refused in error.recipients}
            raise _told(min(codes, default=550)) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _told(error.code) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            # Names the kind alone: a server's words may repeat what we sent.
            raise MailDelayed(type(error).__name__) from None
        except (MessageError, ValueError, UnicodeError):
            raise MailRefused("the letter cannot be written as mail") from None

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"] = self._from
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = mail.subject
        message["Date"] = datetime.fromtimestamp(self._clock.now_ns() / 1e9, UTC)
        message["Message-ID"] = f"<{random_bytes(16).hex()}@{self._from.domain or 'localhost'}>"
        # Keeps out-of-office notes from being answered to us (RFC 3834, 5).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text, charset="utf-8")
        message.add_alternative(mail.html, subtype="html", charset="utf-8")
        return message


def _told(code: int) -> MailDelayed | MailRefused:
    if 500 <= code < 600 and code not in (530, 534, 535, 538):
        return MailRefused(f"the mail server answered {code}")
    # Of our own account's trouble (53x) the letter is innocent: it waits until that is mended.
    return MailDelayed(f"the mail server answered {code}")
