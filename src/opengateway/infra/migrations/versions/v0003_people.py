"""People: users, memberships, invitations, the audit log, idempotency keys; what a key may do.

Revision: 0003, after 0002.
"""

from __future__ import annotations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    """A downgrade would lose what was billed; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
