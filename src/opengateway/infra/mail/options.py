"""The zone file's `components.mail`. Read by every process; only control loads what sends."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

Reference = Annotated[
    str, msgspec.Meta(description="env:NAME or file:PATH", extra={"reference": True})
]


class SmtpTls(StrEnum):
    STARTTLS = "starttls"  # port 587; refused if the server does not offer it
    TLS = "tls"  # port 465
    OFF = "off"  # a relay on this machine or in a closed network


class SmtpOptions(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"from_": "from"}
):
    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253, description="a host name")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535, description="a port, 1 to 65535")] = 587
    from_: Annotated[
        str,
        msgspec.Meta(
            # A name may stand before the address, which then stands in angle brackets.
            pattern=r"^(?:[^<>@\r\n]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+)$",
            max_length=320,
            description="an address, such as OpenGateway <no-reply@example.com>",
        ),
    ]
    username: str | None = None
    password: Reference | None = None
    """Where it is, never the password itself."""
    tls: SmtpTls = SmtpTls.STARTTLS
