"""SQLAlchemy plumbing shared by control slices and the event log."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from sqlalchemy import BigInteger, Integer, MetaData, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Session

# Constraints have names from the first table on: a later migration must be able to say which one
# it drops, and databases make up different names.
_NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

SERIAL: Final = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit counter as a primary key: SQLite counts up only what is declared INTEGER there."""


class Base(DeclarativeBase):
    """What every table is declared on. Times are Unix nanoseconds, in 64-bit integers."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {int: BigInteger}  # noqa: RUF012 - SQLAlchemy reads it off the class


class Turn(IntEnum):
    """What only one transaction at a time may do, where the store has several writers.

    A stored number: processes of different versions share one store. Who takes several takes them
    in this order, or two could wait for each other.
    """

    MIGRATION = 1
    JOURNAL = 2  # settle a push, and number the records that came in
    CHANGES = 3  # number a change
    AUDIT = 4  # number an entry of the audit log; taken as the transaction commits


_TURNS: Final = 0x4F47
"""Ours among the advisory locks of a database: "OG"."""
_LOCK: Final = text("SELECT pg_advisory_xact_lock(:ours, :turn)")


async def take_turn(session: AsyncSession, turn: Turn) -> None:
    """Wait until no other transaction is at `turn`; ours it stays until this transaction ends.

    Numbers that readers follow are drawn in a turn: a sequence alone hands out 7 before 8 but lets 8
    be committed first, and a reader that saw 8 would never see 7. On SQLite every write
    transaction has its turn from its start, and this does nothing. Taking one twice is taking it
    once. Raises `DBAPIError` when the store's lock timeout passes first.
    """
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(_LOCK, {"ours": _TURNS, "turn": turn.value})


def take_turn_now(session: Session, turn: Turn) -> None:
    """The same, from within a commit."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_LOCK, {"ours": _TURNS, "turn": turn.value})


__all__ = ["SERIAL", "AsyncSession", "Base", "Turn", "take_turn", "take_turn_now"]
