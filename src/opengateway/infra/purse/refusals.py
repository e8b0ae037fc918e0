"""Why a purse does not hold, in the words that the caller gets."""

from __future__ import annotations

from typing import Final

from opengateway.domain.errors import (
    BudgetExceeded,
    CapacityError,
    GatewayError,
    InsufficientFunds,
    NotAllowed,
    NotAuthenticated,
)
from opengateway.domain.money import nanos_to_usd
from opengateway.infra.purse.messages import Refusal

IS_FINAL: Final = frozenset(("team_frozen", "key_not_usable"))
"""Codes that refuse whatever the amount."""


def told_as(refusal: Refusal, needs: int, free: int) -> GatewayError:
    """`free` is what this gateway still has of the key's lease: it is available, too."""
    match refusal.code:
        case "insufficient_funds":
            left = max(0, refusal.available_nanos or 0) + max(0, free)
            error = InsufficientFunds(
                f"the request may cost up to {nanos_to_usd(needs)} US dollars and"
                f" {nanos_to_usd(left)} are available; ask for less output, or add credit"
            )
            error.available_nanos = left
            return error
        case "budget_exceeded":
            return BudgetExceeded(refusal.message)
        case "team_frozen":
            return NotAllowed(refusal.message, code="team_frozen")
        case _:
            return NotAllowed(refusal.message, code="key_not_usable")


def frozen() -> GatewayError:
    return NotAllowed("the team is frozen; ask support", code="team_frozen")


def no_longer_usable() -> GatewayError:
    return NotAuthenticated("the key was revoked or disabled", code="key_revoked")


def out_of_reach() -> GatewayError:
    return CapacityError(
        "the ledger does not answer, and what may be spent meanwhile is used up; try again",
        code="ledger_unreachable",
        retry_after_s=2.0,
    )


def too_slow() -> GatewayError:
    return CapacityError(
        "the ledger did not answer in time; try again", code="ledger_slow", retry_after_s=1.0
    )


def too_many_waiting() -> GatewayError:
    return CapacityError(
        "too many requests wait for the ledger; try again", code="ledger_busy", retry_after_s=1.0
    )


def stopping() -> GatewayError:
    return CapacityError("the gateway is stopping; try again", code="stopping", retry_after_s=1.0)
