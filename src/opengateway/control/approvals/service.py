"""Credit above a limit: one person asks, another decides. What is below it is counted by the day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select

from opengateway.control.actor import Actor, ActorKind
from opengateway.control.approvals.models import Approval, ApprovalState
from opengateway.control.ledger.schemas import NewAdjustment, NewGrant, nanos_of
from opengateway.control.ledger.service import MoneyService
from opengateway.control.scope import ControlScope
from opengateway.control.users.repository import UserRepository
from opengateway.domain.errors import Conflict, NotAllowed, NotFound
from opengateway.ports.ledger_book import Booked

DAY_NS: Final = 24 * 3600 * 10**9
LASTS_NS: Final = 7 * DAY_NS
_PERMISSION: Final = {"grant": "ledger.grant", "adjustment": "ledger.adjust"}


class ApprovalNotFound(NotFound):
    code = "approval_not_found"


class OwnApproval(NotAllowed):
    code = "own_approval"


class Decided(Conflict):
    code = "approval_decided"


class ApprovalService:
    """The caller owns the transaction. `above_nanos`: what one person alone may move in a day."""

    def __init__(
        self,
        scope: ControlScope,
        actor: Actor,
        money: MoneyService,
        above_nanos: int,
        ref: str | None = None,
    ) -> None:
        self._session = scope.session
        self._scope = scope
        self._actor = actor
        self._money = money
        self._above = above_nanos
        self._ref = ref

    async def grant(self, team_id: str, wanted: NewGrant) -> Booked | Approval:
        """Give at once, or ask for a second person. Raises what the ledger raises."""
        return await self._done("grant", team_id, wanted)

    async def adjust(self, team_id: str, wanted: NewAdjustment) -> Booked | Approval:
        """Give or take at once, or ask for a second person. Raises what the ledger raises."""
        return await self._done("adjustment", team_id, wanted)

    async def page(self, state: str, *, before: str, limit: int) -> Sequence[Approval]:
        """Newest first; an empty state is every one that somebody had to decide."""
        statement = select(Approval).where(Approval.state != ApprovalState.SINGLE.value)
        if state:
            statement = statement.where(Approval.state == state)
        if before:
            statement = statement.where(Approval.id < before)
        statement = statement.order_by(Approval.id.desc()).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def get(self, approval_id: str) -> Approval:
        """Nobody else decides it until this transaction ends. Raises `ApprovalNotFound`."""
        statement = (
            select(Approval)
            .where(Approval.id == approval_id, Approval.state != ApprovalState.SINGLE.value)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        row = await self._session.scalar(statement)
        if row is None:
            raise ApprovalNotFound(f"there is no approval {approval_id!r}", param="approval_id")
        return row

    async def approve(self, approval_id: str) -> Approval:
        """Book it. Not by who asked. Raises `OwnApproval`, `Decided`, and what the ledger raises."""
        row = await self._pending(approval_id)
        if row.asked_by == self._name():
            raise OwnApproval("somebody else must approve what you asked for")
        self._actor.must(_PERMISSION[row.kind])
        booked = await self._book(row.kind, row.team_id, row.payload)
        row.entry_id = booked.entry_id
        return await self._decided(row, ApprovalState.APPROVED, "approval.approved")

    async def reject(self, approval_id: str) -> Approval:
        """Also by who asked: they take it back. Raises `ApprovalNotFound`, `Decided`."""
        row = await self._pending(approval_id)
        return await self._decided(row, ApprovalState.REJECTED, "approval.rejected")

    async def _done(
        self, kind: str, team_id: str, wanted: NewGrant | NewAdjustment
    ) -> Booked | Approval:
        amount = abs(nanos_of(wanted.usd, signed=kind == "adjustment"))
        if self._actor.kind is not ActorKind.USER:
            return await self._booked(kind, team_id, wanted)
        assert self._actor.user_id is not None
        # Two calls of one person at once must see each other's amounts.
        await UserRepository(self._session).locked(self._actor.user_id)
        now_ns = self._scope.clock.now_ns()
        if amount + await self._moved_since(now_ns - DAY_NS) > self._above:
            row = await self._asked(kind, team_id, wanted, amount, ApprovalState.PENDING)
            after = {"kind": kind, "amount_nanos": amount}
            await self._note("approval.asked", row, after)
            return row
        booked = await self._booked(kind, team_id, wanted)
        if not booked.again:
            row = await self._asked(kind, team_id, wanted, amount, ApprovalState.SINGLE)
            row.entry_id = booked.entry_id
        return booked

    async def _moved_since(self, since_ns: int) -> int:
        statement = select(func.coalesce(func.sum(Approval.amount_nanos), 0)).where(
            Approval.asked_by == self._name(),
            Approval.asked_at_ns >= since_ns,
            Approval.state == ApprovalState.SINGLE.value,
        )
        return int(await self._session.scalar(statement) or 0)

    async def _asked(
        self,
        kind: str,
        team_id: str,
        wanted: NewGrant | NewAdjustment,
        amount: int,
        state: ApprovalState,
    ) -> Approval:
        now_ns = self._scope.clock.now_ns()
        payload = wanted.model_dump(mode="json")
        row = Approval(
            id=self._scope.new_id("apr_"),
            kind=kind,
            team_id=team_id,
            payload=payload,
            amount_nanos=amount,
            reason=wanted.note,
            state=state.value,
            asked_by=self._name(),
            asked_at_ns=now_ns,
            expires_at_ns=now_ns + LASTS_NS,
        )
        # The same call again, approved or not, is one booking.
        row.payload = {**payload, "ref": payload["ref"] or self._ref or row.id}
        self._session.add(row)
        await self._session.flush()
        return row

    async def _booked(self, kind: str, team_id: str, wanted: NewGrant | NewAdjustment) -> Booked:
        return await self._book(kind, team_id, wanted.model_dump(mode="json"))

    async def _book(self, kind: str, team_id: str, payload: dict[str, object]) -> Booked:
        if kind == "grant":
            return await self._money.grant(team_id, NewGrant.model_validate(payload, strict=False))
        wanted = NewAdjustment.model_validate(payload, strict=False)
        return await self._money.adjust(team_id, wanted)

    async def _pending(self, approval_id: str) -> Approval:
        row = await self.get(approval_id)
        if row.state != ApprovalState.PENDING.value:
            raise Decided(f"{approval_id!r} is {row.state} already")
        if self._scope.clock.now_ns() >= row.expires_at_ns:
            raise Decided(f"{approval_id!r} waited for seven days and is over; ask again")
        return row

    async def _decided(self, row: Approval, state: ApprovalState, action: str) -> Approval:
        row.state = state.value
        row.decided_by, row.decided_at_ns = self._name(), self._scope.clock.now_ns()
        await self._session.flush()
        await self._note(action, row, {"kind": row.kind, "amount_nanos": row.amount_nanos})
        return row

    def _name(self) -> str:
        return self._actor.user_id or self._actor.key_id or self._actor.kind.value

    async def _note(self, action: str, row: Approval, after: object) -> None:
        await self._scope.audit(
            self._actor,
            action,
            object_id=row.id,
            after=after,
            team_id=row.team_id,
            reason=row.reason,
        )
