"""What the ledger is told of requests that ended, in the settler's own transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.exc import IntegrityError

from opengateway.control.budgets.rows import BudgetRows
from opengateway.control.keys.repository import KeyRepository
from opengateway.control.notifications.alerts import Alerts
from opengateway.control.scope import ControlScope
from opengateway.domain.budgets import BudgetRow, BudgetSubject
from opengateway.domain.records import CloseRecord
from opengateway.kit.log import get_logger
from opengateway.ports.ledger_book import Charge, Settled

log = get_logger(__name__)


class Booking:
    """Settles records that are new to the event log. With `billing: off` it does nothing."""

    def __init__(self, scope: ControlScope) -> None:
        self._scope = scope

    def charges_of(self, fresh: Sequence[CloseRecord]) -> list[Charge]:
        """What is to be booked of them: every opened request."""
        if not self._scope.billing:
            return []
        return [charge_of(record) for record in fresh if record.opened]

    async def book(self, charges: Sequence[Charge], ref: str) -> None:
        """One settlement for each. `ref` names this batch, once for ever. A batch costs as much as
        100 charges besides, so it is to be large."""
        if not charges:
            return
        settled = await self._scope.ledger.settlements.settle(charges, ref, self._budgets_of)
        if settled.overrun:
            log.warning("charged_past_leases", nanos=settled.overrun, batch=ref)
        await self._alert(settled, ref)

    async def _alert(self, settled: Settled, ref: str) -> None:
        """What is told of money never stops money: a row that does not fit is dropped, and logged."""
        try:
            async with self._scope.session.begin_nested():
                await Alerts(self._scope).look(settled)
        except IntegrityError as error:
            log.error("alerts_failed", batch=ref, error=str(error.orig))

    async def finish(self, gateway: str) -> None:
        """The gateway is dead and all it wrote is booked: what its leases have left goes back."""
        if self._scope.billing:
            await self._scope.ledger.leases.close_gateway(gateway)

    async def _budgets_of(self, charges: Sequence[Charge]) -> Mapping[str, Sequence[BudgetRow]]:
        """The budgets of what no lease names, in the periods in which the requests began."""
        began: dict[str, int] = {}
        for charge in charges:
            began[charge.key_id] = max(began.get(charge.key_id, 0), charge.started_at_ns)
        found = await KeyRepository(self._scope.session).of_ids(began)
        rows, now_ns = BudgetRows(self._scope.session), self._scope.clock.now_ns()
        return {
            key.id: await rows.rows_for(
                BudgetSubject(
                    key.id, key.team_id, key.created_by, key.limit_nanos, key.limit_reset
                ),
                min(began[key.id], now_ns),
            )
            for key in found
        }


def charge_of(record: CloseRecord) -> Charge:
    return Charge(
        record.id,
        record.team_id,
        record.key_id,
        record.user_id,
        record.lease_id,
        record.cost_nanos,
        record.fee_nanos,
        record.provider,
        record.provider_cost_nanos,
        record.provider_cost_known,
        record.ending.value,
        record.started_at_ns,
    )
