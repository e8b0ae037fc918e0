"""What gateways send. Answers are the ledger's own structs (`ports/ledger_book.py`)."""

from __future__ import annotations

from typing import Annotated, Final, TypeVar

import msgspec
from fastapi import Request

from opengateway.domain.errors import InvalidRequest
from opengateway.ports.ledger_book import LeaseReturn

MAX_ITEMS: Final = 500
Id = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
GatewayId = Annotated[str, msgspec.Meta(pattern="^gw_[0-9a-f]{32}$")]

_T = TypeVar("_T", bound=msgspec.Struct)


class Wanted(msgspec.Struct, frozen=True):
    """`least` is granted or refused; `amount` is what the gateway would like."""

    ask_id: Id
    key_id: Id
    amount: Annotated[int, msgspec.Meta(ge=1)]
    least: Annotated[int, msgspec.Meta(ge=1)]
    lease_id: Id | None = None


class Asks(msgspec.Struct, frozen=True):
    gateway: GatewayId
    asks: Annotated[list[Wanted], msgspec.Meta(max_length=MAX_ITEMS)]


class Returns(msgspec.Struct, frozen=True):
    gateway: GatewayId
    returns: Annotated[list[LeaseReturn], msgspec.Meta(max_length=MAX_ITEMS)]


class Renewals(msgspec.Struct, frozen=True):
    gateway: GatewayId
    lease_ids: Annotated[list[Id], msgspec.Meta(max_length=MAX_ITEMS)]


class Recall(msgspec.Struct, frozen=True):
    """The row of a change of kind `recall`: give back of these what is not in use."""

    lease_ids: list[str]


async def read(request: Request, kind: type[_T]) -> _T:
    """Raises `InvalidRequest` for what is not of this shape."""
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"the body is not as agreed: {error}") from None
