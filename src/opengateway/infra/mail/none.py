"""A zone without mail."""

from __future__ import annotations

from opengateway.ports.mail import Mail, MailRefused


class NoMail:
    """Sends nothing. Invitations and resets are shown as links to the admin who asked."""

    sends = False

    async def deliver(self, mail: Mail) -> None:
        raise MailRefused("this zone has no mail server (components.mail)")
