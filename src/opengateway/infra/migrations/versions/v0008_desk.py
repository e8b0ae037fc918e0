"""The operator's desk: providers, credentials, endpoints, models, approvals, announcements.

Revision: 0008, after 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _providers()
    _offers()
    _approvals()
    _announcements()


def _text(name: str, size: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(size), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _providers() -> None:
    op.create_table(
        "desk_providers",
        _text("id", 63),
        sa.Column("config", sa.JSON(), nullable=False),
        _flag("disabled"),
        _number("created_at_ns"),
        _number("updated_at_ns"),
        _number("version"),
        sa.PrimaryKeyConstraint("id", name="pk_desk_providers"),
    )
    op.create_table(
        "provider_credentials",
        _text("id", 64),
        _text("provider_id", 63),
        _text("owner", 64),
        _text("team_id", 64, nullable=True),
        _text("name", 80),
        _text("form", 32),
        _text("hint", 16),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        _flag("preferred"),
        _flag("disabled"),
        _number("spend_cap_nanos", nullable=True),
        _text("spend_cap_period", 16, nullable=True),
        _number("tested_at_ns", nullable=True),
        sa.Column("test_result", sa.JSON(), nullable=True),
        _number("created_at_ns"),
        _number("rotated_at_ns", nullable=True),
        _number("updated_at_ns"),
        _number("version"),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name="fk_provider_credentials_team_id_teams"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_provider_credentials"),
        sa.UniqueConstraint(
            "provider_id", "owner", "name", name="uq_provider_credentials_provider_id_owner_name"
        ),
    )
    op.create_index("ix_provider_credentials_team_id", "provider_credentials", ["team_id"])


def _offers() -> None:
    op.create_table(
        "endpoint_settings",
        _text("endpoint_id", 512),
        _flag("drained"),
        sa.Column("weight", sa.Float(), nullable=True),
        _number("priority", nullable=True),
        _text("reason", 500),
        _number("updated_at_ns"),
        _number("version"),
        sa.PrimaryKeyConstraint("endpoint_id", name="pk_endpoint_settings"),
    )
    op.create_table(
        "desk_models",
        _text("id", 64),
        _text("model_id", 256),
        _text("state", 16),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("smoke", sa.JSON(), nullable=True),
        _number("created_at_ns"),
        _number("published_at_ns", nullable=True),
        _number("version"),
        sa.PrimaryKeyConstraint("id", name="pk_desk_models"),
    )
    op.create_index("ix_desk_models_model_id", "desk_models", ["model_id"])
    op.create_table(
        "model_deprecations",
        _text("model_id", 256),
        _text("successor", 256, nullable=True),
        _number("ends_at_ns"),
        _text("note", 500),
        _number("created_at_ns"),
        _number("version"),
        sa.PrimaryKeyConstraint("model_id", name="pk_model_deprecations"),
    )


def _approvals() -> None:
    op.create_table(
        "approvals",
        _text("id", 64),
        _text("kind", 32),
        _text("team_id", 64),
        sa.Column("payload", sa.JSON(), nullable=False),
        _number("amount_nanos"),
        _text("reason", 500),
        _text("state", 16),
        _text("asked_by", 64),
        _number("asked_at_ns"),
        _number("expires_at_ns"),
        _text("decided_by", 64, nullable=True),
        _number("decided_at_ns", nullable=True),
        _text("entry_id", 64, nullable=True),
        _number("version"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name="fk_approvals_team_id_teams"),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
    )
    op.create_index("ix_approvals_state_id", "approvals", ["state", "id"])
    op.create_index("ix_approvals_asked_by_asked_at_ns", "approvals", ["asked_by", "asked_at_ns"])


def _announcements() -> None:
    op.create_table(
        "announcements",
        _text("id", 64),
        _text("level", 16),
        sa.Column("texts", sa.JSON(), nullable=False),
        _text("link", 2048, nullable=True),
        _number("starts_at_ns"),
        _number("ends_at_ns", nullable=True),
        _number("created_at_ns"),
        _number("version"),
        sa.PrimaryKeyConstraint("id", name="pk_announcements"),
    )


def downgrade() -> None:
    """A downgrade would lose secrets that are kept nowhere else."""
    raise NotImplementedError("restore a copy of the control store instead")
