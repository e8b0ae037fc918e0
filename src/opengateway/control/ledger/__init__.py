"""A team's balance and ledger, and what the platform's people may do to it."""
