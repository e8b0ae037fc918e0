"""The tables of what is offered: models of the desk, what ends, and what is set of endpoints."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Float, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class ModelState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    REPLACED = "replaced"
    """By a later one of the same id. Kept: it says what was offered when."""
    WITHDRAWN = "withdrawn"


class DeskModel(Base):
    """A model beside the zone file's. Only a draft changes; `config` is a `ModelConfig`."""

    __tablename__ = "desk_models"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    model_id: Mapped[str] = mapped_column(String(256), index=True)
    state: Mapped[str] = mapped_column(String(16))
    config: Mapped[dict[str, Any]] = mapped_column(JSON)
    smoke: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at_ns: Mapped[int]
    published_at_ns: Mapped[int | None]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class


class ModelDeprecation(Base):
    """A model that ends at a time, and which one is meant to follow it."""

    __tablename__ = "model_deprecations"

    model_id: Mapped[str] = mapped_column(String(256), primary_key=True)
    successor: Mapped[str | None] = mapped_column(String(256))
    ends_at_ns: Mapped[int]
    note: Mapped[str] = mapped_column(String(500))
    created_at_ns: Mapped[int]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class


class EndpointSetting(Base):
    """What was set of one endpoint, whoever configured it. A row without a setting is removed."""

    __tablename__ = "endpoint_settings"

    endpoint_id: Mapped[str] = mapped_column(String(512), primary_key=True)
    drained: Mapped[bool]
    weight: Mapped[float | None] = mapped_column(Float)
    priority: Mapped[int | None]
    reason: Mapped[str] = mapped_column(String(500))
    updated_at_ns: Mapped[int]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class
