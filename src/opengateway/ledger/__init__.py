"""The rules of money, without a store: accounts in, entries out. Rows come through `ports/ledger_rows`."""
