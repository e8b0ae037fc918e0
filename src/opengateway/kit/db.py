"""SQLAlchemy plumbing shared by control slices and the event log."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Integer, MetaData
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

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


__all__ = ["SERIAL", "AsyncSession", "Base"]
