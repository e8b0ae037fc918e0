"""The ledger's rows in the control store, on SQLite and PostgreSQL alike."""
