"""Budgets, prices, notifications, webhooks.

Revision: 0005, after 0004.
"""

from __future__ import annotations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    """A downgrade would lose what was billed; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
