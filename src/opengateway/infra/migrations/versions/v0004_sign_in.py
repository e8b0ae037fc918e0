"""Signing in: passwords, sessions, second factors, single sign-on, tokens sent by mail.

Revision: 0004, after 0003.
"""

from __future__ import annotations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    """A downgrade would lose what was billed; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
