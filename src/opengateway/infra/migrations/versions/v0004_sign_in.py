"""Signing in: passwords, sessions, second factors, single sign-on, tokens sent by mail.

Revision: 0004, after 0003.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _passwords_and_sessions()
    _second_factors()
    _identities()
    _guards()
    _mail()


def _passwords_and_sessions() -> None:
    op.create_table(
        "password_credentials",
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(200), nullable=False),
        _time("changed_at_ns"),
        _of_user("password_credentials"),
        sa.PrimaryKeyConstraint("user_id", name="pk_password_credentials"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("token_digest", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("methods", sa.JSON(), nullable=False),
        _time("created_at_ns"),
        _time("seen_at_ns"),
        _time("expires_at_ns"),
        _time("step_up_at_ns", nullable=True),
        sa.Column("ip", sa.String(64), nullable=False),
        sa.Column("device", sa.String(120), nullable=False),
        _of_user("sessions"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("token_digest", name="uq_sessions_token_digest"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_at_ns", "sessions", ["expires_at_ns"])


def _second_factors() -> None:
    op.create_table(
        "totp_factors",
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        _time("created_at_ns"),
        _time("confirmed_at_ns", nullable=True),
        _of_user("totp_factors"),
        sa.PrimaryKeyConstraint("user_id", name="pk_totp_factors"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        _time("created_at_ns"),
        _time("used_at_ns", nullable=True),
        _of_user("recovery_codes"),
        sa.PrimaryKeyConstraint("digest", name="pk_recovery_codes"),
    )
    op.create_index("ix_recovery_codes_user_id", "recovery_codes", ["user_id"])
    op.create_table(
        "passkeys",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("credential_digest", sa.String(64), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("transports", sa.JSON(), nullable=False),
        sa.Column("backed_up", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        _time("created_at_ns"),
        _time("used_at_ns", nullable=True),
        _of_user("passkeys"),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.UniqueConstraint("credential_digest", name="uq_passkeys_credential_digest"),
    )
    op.create_index("ix_passkeys_user_id", "passkeys", ["user_id"])


def _identities() -> None:
    op.create_table(
        "oidc_identities",
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        _time("created_at_ns"),
        _time("used_at_ns"),
        _of_user("oidc_identities"),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_oidc_identities"),
    )
    op.create_index("ix_oidc_identities_user_id", "oidc_identities", ["user_id"])


def _guards() -> None:
    op.create_table(
        "sign_in_failures",
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("times_ns", sa.JSON(), nullable=False),
        _time("last_at_ns"),
        sa.PrimaryKeyConstraint("subject", name="pk_sign_in_failures"),
    )
    op.create_index("ix_sign_in_failures_last_at_ns", "sign_in_failures", ["last_at_ns"])
    op.create_table(
        "spent_challenges",
        sa.Column("digest", sa.String(64), nullable=False),
        _time("expires_at_ns"),
        sa.PrimaryKeyConstraint("digest", name="pk_spent_challenges"),
    )
    op.create_index("ix_spent_challenges_expires_at_ns", "spent_challenges", ["expires_at_ns"])


def _mail() -> None:
    op.create_table(
        "mail_tokens",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        _time("created_at_ns"),
        _time("expires_at_ns"),
        _time("used_at_ns", nullable=True),
        _of_user("mail_tokens"),
        sa.PrimaryKeyConstraint("digest", name="pk_mail_tokens"),
    )
    op.create_index("ix_mail_tokens_user_id", "mail_tokens", ["user_id"])
    op.create_index("ix_mail_tokens_expires_at_ns", "mail_tokens", ["expires_at_ns"])
    op.create_table(
        "mail_outbox",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        _time("created_at_ns"),
        _time("expires_at_ns"),
        _time("next_at_ns"),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mail_outbox"),
    )
    op.create_index("ix_mail_outbox_next_at_ns", "mail_outbox", ["next_at_ns"])


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_{table}_user_id_users")


def downgrade() -> None:
    """A downgrade would lose what was billed; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
