"""What every `UpstreamTransport` must do, on the wire. Subclass it and say how to make one."""

from __future__ import annotations

from contract.transport_answers import AnswersContract
from contract.transport_authorizers import AuthorizersContract
from contract.transport_bounds import BoundsContract
from contract.transport_connections import ConnectionsContract
from contract.transport_pump import PumpContract


class TransportContract(
    AnswersContract, ConnectionsContract, BoundsContract, PumpContract, AuthorizersContract
):
    """The whole contract. `make` is all that a subclass has to give."""
