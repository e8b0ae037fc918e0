"""The ledger: accounts, entries, postings, grants, leases, settlements.

Revision: 0002, after 0001.
"""

from __future__ import annotations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    """A downgrade would lose what was billed; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
