"""Where a request goes: filters, health, order, and the bounds on trying again."""
