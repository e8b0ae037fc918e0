"""Sending mail. A request never waits for it: `control/mail` keeps what is to be sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Mail:
    """One letter to one person. `text` and `html` say the same; they may hold a link with a token."""

    to: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


class MailDelayed(Exception):
    """Not now: no connection, a time-out, a 4xx of the server. Trying again may help."""


class MailRefused(Exception):
    """Never: the server does not take this letter (5xx). Trying again does not help."""


class Mailer(Protocol):
    """Implementations: `infra/mail/none.py`, `infra/mail/smtp.py`."""

    sends: bool
    """False where the zone has no mail: links are then shown to whoever asked for them."""

    async def deliver(self, mail: Mail) -> None:
        """Hand the letter to the next server. Raises `MailDelayed`, `MailRefused`."""
        ...
