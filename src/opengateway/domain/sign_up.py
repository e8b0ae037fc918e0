"""Who may make an account."""

from __future__ import annotations

from enum import StrEnum


class SignUp(StrEnum):
    OPEN = "open"  # whoever can read mail at the address that they give
    DOMAINS = "domains"  # the same, at addresses of listed domains
    INVITE = "invite"  # whoever was invited into a team
