"""What happens to leases besides requests: time passes, keys and teams change, the ledger recalls."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final

from opengateway.domain.principal import Principal, TeamState
from opengateway.infra.purse.desk import LeaseDesk
from opengateway.infra.purse.messages import Renewal
from opengateway.infra.purse.refusals import frozen, no_longer_usable, stopping
from opengateway.infra.purse.state import Account

IDLE_S: Final = 10.0
"""A lease that nobody used for so long goes back."""
FORGET_S: Final = 600.0
_LOOKS: Final = 10
"""In so many looks a lease shows what of it is never needed."""


class Upkeep:
    def __init__(self, desk: LeaseDesk) -> None:
        self._desk = desk
        self._looks = 0

    # --- time -------------------------------------------------------------------------------------

    def look(self) -> None:
        """Once a second: give back what is idle or too much, and end what has expired."""
        now, now_ns = self._desk.clock.monotonic(), self._desk.clock.now_ns()
        self._looks += 1
        forgotten: list[Account] = []
        for account in list(self._desk.accounts.values()):
            if account.uses != account.seen:
                account.seen, account.used_at = account.uses, now
            lease = account.lease
            if lease is None:
                if account.is_idle and now - account.used_at >= FORGET_S:
                    forgotten.append(account)
            elif now_ns >= lease.until_ns or (
                now - account.used_at >= IDLE_S and lease.open == 0 and not account.waiting
            ):
                self._desk.drain(account)
            elif lease.free > 0 and not account.waiting:
                self._trim(account, idle=now - account.used_at >= IDLE_S)
        if forgotten:
            # What runs on the allowance, or for nothing, is on no lease.
            running = {hold.account.key_id for hold in self._desk.holds.values()}
            for account in forgotten:
                if account.key_id not in running:
                    del self._desk.accounts[account.key_id]

    def _trim(self, account: Account, *, idle: bool) -> None:
        lease = account.lease
        assert lease is not None
        account.lowest = min(account.lowest, lease.free)
        if idle:
            self._desk.give_back(lease, lease.free)
        elif self._looks % _LOOKS == 0:
            surplus = account.lowest - 2 * max(account.reserve, account.mean)
            if surplus > 0:
                self._desk.give_back(lease, surplus)
            account.lowest = lease.free

    def to_renew(self) -> list[str]:
        return [lease.id for account in self._desk.accounts.values() for lease in account.leases]

    def renewed(self, lease_ids: Sequence[str], renewal: Renewal) -> None:
        gone = frozenset(renewal.gone)
        for lease_id in lease_ids:
            account = self._desk.lessees.get(lease_id)
            lease = account.lease if account is not None else None
            if account is None or lease is None or lease.id != lease_id:
                continue
            if lease_id in gone:
                self._desk.drain(account)
            else:
                lease.last_until(renewal.expires_at_ns)

    # --- news -------------------------------------------------------------------------------------

    def recall(self, lease_ids: Sequence[str]) -> None:
        """Others need it more: what is not in use goes back at once, and no more than needed is
        asked for."""
        for lease_id in lease_ids:
            account = self._desk.lessees.get(lease_id)
            lease = account.lease if account is not None else None
            if account is None or lease is None or lease.id != lease_id:
                continue
            account.direct = True
            if lease.open == 0 and not account.waiting:
                self._desk.drain(account)
            elif lease.free > 0:
                self._desk.give_back(lease, lease.free)

    def key_changed(self, key_id: str, principal: Principal | None) -> None:
        """`principal` as it is now; None: it is gone."""
        account = self._desk.accounts.get(key_id)
        if account is None:
            return
        account.usable = (
            principal is not None and principal.revoked_at_ns is None and not principal.disabled
        )
        if not account.usable:
            self._desk.shut(account, no_longer_usable())

    def keys_replaced(self, usable: Container[str]) -> None:
        """The whole table came anew: changes may have been missed."""
        for account in list(self._desk.accounts.values()):
            account.usable = account.key_id in usable
            if not account.usable:
                self._desk.shut(account, no_longer_usable())

    def team_changed(self, state: TeamState) -> None:
        self._desk.allowance(state.team_id).state = state
        if state.frozen:
            for account in list(self._desk.accounts.values()):
                if account.team_id == state.team_id:
                    self._desk.shut(account, frozen())

    def stop(self) -> None:
        """Nothing new is held. What runs may end; what is free goes back."""
        self._desk.stopping = True
        for account in self._desk.accounts.values():
            self._desk.shut(account, stopping())
