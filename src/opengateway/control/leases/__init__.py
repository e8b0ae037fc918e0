"""What gateways may spend, and how they give it back: the ledger's leases over the internal socket."""
