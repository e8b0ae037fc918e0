"""Implementations of `ports.purse.Purse`.

    UnlimitedPurse  billing is off
    LeasedPurse     spends what the ledger has leased to this gateway

`state` is what the latter knows, `desk` what it does with it, without waiting or asking anybody;
`leased` asks and waits; `allowance` is what is left while the ledger is out of reach.
"""

from opengateway.infra.purse.client import ControlLeases
from opengateway.infra.purse.leased import LeasedPurse
from opengateway.infra.purse.unlimited import UnlimitedPurse

__all__ = ["ControlLeases", "LeasedPurse", "UnlimitedPurse"]
