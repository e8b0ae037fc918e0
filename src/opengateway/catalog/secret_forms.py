"""The four forms of a provider's secret, and which wire takes which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from opengateway.domain.catalog import Wire

_SIGNING: Final = (Wire.BEDROCK, Wire.ANTHROPIC_BEDROCK, Wire.OPENAI)
_GOOGLES: Final = (Wire.GEMINI, Wire.ANTHROPIC_VERTEX, Wire.OPENAI)
FORMS: Final = ("api_key", "access_token", "service_account", "aws_access_key_id")


def form_problems(credential: Any, wire: Wire | None) -> Iterator[str]:
    """What is wrong with the form of a credential, whatever it holds.

    `credential` has the members of `FORMS`, and AWS's others.
    """
    given = [name for name in FORMS if getattr(credential, name) is not None]
    if len(given) != 1:
        yield f"give one of {', '.join(FORMS)}" + (f", not {' and '.join(given)}" if given else "")
        return
    if given == ["aws_access_key_id"]:
        if credential.aws_secret_access_key is None:
            yield "aws_secret_access_key is missing"
        if wire not in _SIGNING:
            yield f"the wire {wire} does not sign requests; give an api_key"
    elif credential.aws_secret_access_key is not None or credential.aws_session_token is not None:
        yield "aws_access_key_id is missing"
    if given == ["service_account"] and wire not in _GOOGLES:
        yield f"the wire {wire} knows no service accounts; give an api_key"


def is_word(secret: str) -> bool:
    """Whether it can stand in a header: a key holds no spaces and no line breaks."""
    return bool(secret) and secret.isascii() and secret.isprintable() and " " not in secret
