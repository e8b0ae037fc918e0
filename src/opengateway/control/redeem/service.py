"""A code becomes credit: counted everywhere it counts and booked, in one transaction, or not at all."""

from __future__ import annotations

from collections.abc import Sequence

from opengateway.control.actor import Actor
from opengateway.control.identity.caller import Caller
from opengateway.control.newcomers.service import Newcomers
from opengateway.control.redeem.models import Redemption
from opengateway.control.redeem.repository import Attempt, RedeemRepository
from opengateway.control.scope import ControlScope
from opengateway.control.teams.service import TeamService
from opengateway.control.throttle.service import REDEEM, REDEEM_NETWORK, Throttle
from opengateway.control.users.repository import UserRepository
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.ledger import CreditKind, EntryKind
from opengateway.domain.redeem_codes import digest
from opengateway.ports.ledger_book import Ask, Credit


class CodeRefused(InvalidRequest):
    """Every reason there is, in the same words: else an answer would tell which codes exist."""

    code = "redeem_code_invalid"

    def __init__(self) -> None:
        super().__init__(
            "this code cannot be redeemed for this team; check it, or ask who gave it to you",
            param="code",
        )


class RedeemService:
    """The caller owns the transaction; the throttle commits before anything else is written."""

    def __init__(self, scope: ControlScope, actor: Actor) -> None:
        self._scope = scope
        self._actor = actor
        self._rows = RedeemRepository(scope.session)

    async def redeem(self, team_id: str, code: str, caller: Caller) -> Redemption:
        """Raises `CodeRefused`, `TooManyAttempts`."""
        throttle = Throttle(self._scope)
        entered = await throttle.enter((REDEEM, self._who), (REDEEM_NETWORK, caller.network))
        made = await self.attempt(team_id, code)
        await Newcomers(self._scope, self._actor).notice(team_id, caller)
        # After what others wait for, and before the audit's turn.
        await throttle.forgive(entered)
        await self._scope.audit(
            self._actor,
            "redeem.redeemed",
            object_id=made.id,
            after={
                "code_id": made.code_id,
                "campaign_id": made.campaign_id,
                "amount_nanos": made.amount_nanos,
            },
            team_id=team_id,
        )
        return made

    async def attempt(self, team_id: str, code: str) -> Redemption:
        """The same without the throttle: the same work for whatever `code` is. Raises `CodeRefused`."""
        scope = self._scope
        team = await TeamService(scope, self._actor).live(team_id)
        now_ns = scope.clock.now_ns()
        attempt = Attempt(
            digest=digest(code, scope.pepper.secret),
            zone=scope.zone,
            now_ns=now_ns,
            team_id=team_id,
            age_ns=now_ns - team.created_at_ns,
            who_id=self._who,
            is_person=self._actor.user_id is not None,
            domain=await self._domain(),
        )
        taken = await self._rows.take(attempt)
        if taken is None:
            raise CodeRefused
        expires_at_ns = None if taken.credit_ns is None else now_ns + taken.credit_ns
        credit = Credit(
            team_id=team_id,
            amount=taken.amount_nanos,
            kind=CreditKind.PROMO,
            source=EntryKind.REDEEM,
            source_id=taken.code_id,
            expires_at_ns=expires_at_ns,
        )
        # The ref says which use of the code it is: the ledger itself takes none of them twice.
        ask = Ask(f"{taken.code_id}:{taken.uses}", self._who, f"redeem code {taken.hint}")
        booked = await scope.ledger.credits.add(credit, ask)
        made = Redemption(
            id=scope.new_id("rdm_"),
            code_id=taken.code_id,
            campaign_id=taken.campaign_id,
            team_id=team_id,
            user_id=self._actor.user_id,
            key_id=self._actor.key_id,
            entry_id=booked.entry_id,
            grant_id=booked.grant_id,
            amount_nanos=taken.amount_nanos,
            expires_at_ns=expires_at_ns,
            taken_back_nanos=0,
            at_ns=now_ns,
        )
        await self._rows.add(made)
        return made

    async def of_team(self, team_id: str, *, after: str, limit: int) -> Sequence[Redemption]:
        return await self._rows.redemptions(team_id=team_id, after=after, limit=limit)

    @property
    def _who(self) -> str:
        return self._actor.user_id or self._actor.key_id or self._actor.kind.value

    async def _domain(self) -> str:
        """Of the person's address, where it was shown to be theirs."""
        if self._actor.user_id is None:
            return ""
        user = await UserRepository(self._scope.session).get(self._actor.user_id)
        if user is None or user.email_verified_at_ns is None:
            return ""
        return user.email.rpartition("@")[2]
