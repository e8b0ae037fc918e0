"""What admits a request, by the zone's choices: the purse, the limits, the idempotency keys.

With `billing: off` nothing is held; with `shared_state: valkey` limits and idempotency keys hold over
all gateways of the zone, else over this one.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from opengateway.compose.stores import deadline_s_of
from opengateway.compose.zone import Zone
from opengateway.gateway.idempotency import Idempotency
from opengateway.gateway.keepsakes import KEPT_S as THOUGHTS_KEPT_S
from opengateway.gateway.limits import Rates
from opengateway.infra.control_client import ControlClient
from opengateway.infra.journal.writer import FileJournal
from opengateway.infra.key_table import KeyChange, KeyTable
from opengateway.infra.purse import UnlimitedPurse
from opengateway.infra.purse.client import ControlLeases
from opengateway.infra.purse.leased import LeasedPurse
from opengateway.infra.secret_box import AesSecretBox
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.ports.idempotency import IdempotencyStore
from opengateway.ports.limits import RateBook
from opengateway.ports.purse import Purse
from opengateway.ports.response_store import KEPT_S as RESPONSES_KEPT_S
from opengateway.ports.response_store import ResponseStore
from opengateway.ports.secret_box import SecretBox

_LAST_RETURNS_S: Final = 2.0
_BESIDE_S: Final = 1.0

OnBug = Callable[[str, BaseException], None]


@dataclass(frozen=True, slots=True)
class Admission:
    """`tasks` run beside the server. `leased` is the purse where the zone bills."""

    purse: Purse
    leased: LeasedPurse | None
    book: RateBook
    store: IdempotencyStore
    rates: Rates
    idempotency: Idempotency
    responses: ResponseStore
    thoughts: ResponseStore
    box: SecretBox
    tasks: tuple[tuple[str, Coroutine[Any, Any, None]], ...]
    closers: tuple[Callable[[], Coroutine[Any, Any, None]], ...]

    def heard(self, change: KeyChange) -> None:
        """A change that the key feed brought."""
        purse = self.leased
        if purse is None:
            return
        if change.kind == "key":
            purse.key_changed(change.id, change.row)
        elif change.kind == "team" and change.team is not None:
            purse.team_changed(change.team)
        elif change.kind == "recall":
            purse.recall(change.leases)

    def replaced(self, table: KeyTable) -> None:
        """The whole table came anew: changes may have been missed."""
        if self.leased is not None:
            self.leased.keys_replaced({row.key_id for row in table.rows()})
            for team in table.teams.values():
                self.leased.team_changed(team)

    async def settle_up(self) -> None:
        """The server stopped: give back what is held of the ledger, while `tasks` still run."""
        if self.leased is not None:
            await self.leased.aclose(_LAST_RETURNS_S)

    async def aclose(self) -> None:
        for close in self.closers:
            await close()


def new_admission(
    zone: Zone,
    *,
    gateway_id: str,
    client: ControlClient,
    journal: FileJournal,
    table: KeyTable,
    data_keys: dict[int, bytes],
    clock: Clock,
    new_id: NewId,
    on_bug: OnBug,
) -> Admission:
    """Make it within the running loop."""
    leased = None
    tasks: list[tuple[str, Coroutine[Any, Any, None]]] = []
    if zone.components.billing.use != "off":
        leased = LeasedPurse(
            ControlLeases(client, gateway_id),
            clock,
            new_id,
            lambda: (journal.bytes_written, journal.bytes_acked),
            on_bug,
        )
        tasks.append(("purse", leased.run()))
    book, store, kept, shared_tasks, closers = _shared(zone, gateway_id, clock)
    box = AesSecretBox(data_keys)
    return Admission(
        purse=leased or UnlimitedPurse(),
        leased=leased,
        book=book,
        store=store,
        rates=Rates(book, table.teams),
        idempotency=Idempotency(store, box),
        responses=kept(RESPONSES_KEPT_S),
        thoughts=kept(THOUGHTS_KEPT_S),
        box=box,
        tasks=(*tasks, *shared_tasks),
        closers=closers,
    )


def _shared(
    zone: Zone, gateway_id: str, clock: Clock
) -> tuple[
    RateBook,
    IdempotencyStore,
    Callable[[float], ResponseStore],
    tuple[tuple[str, Coroutine[Any, Any, None]], ...],
    tuple[Callable[[], Coroutine[Any, Any, None]], ...],
]:
    if not zone.stores.shared_state:
        from opengateway.infra.idempotency.memory import MemoryIdempotencyStore
        from opengateway.infra.limits.memory import MemoryRateBook
        from opengateway.infra.response_store.memory import MemoryResponseStore

        book, store = MemoryRateBook(clock), MemoryIdempotencyStore(clock)

        def kept(seconds: float) -> ResponseStore:
            return MemoryResponseStore(clock, kept_s=seconds)

        return book, store, kept, (), ()
    # Loaded only where it is chosen: redis is 30 ms of a start.
    from opengateway.infra.idempotency.valkey import ValkeyIdempotencyStore
    from opengateway.infra.limits.valkey import ValkeyRateBook
    from opengateway.infra.response_store.valkey import ValkeyResponseStore
    from opengateway.infra.shared_state.valkey import Valkey

    deadline_s = deadline_s_of(zone.components.shared_state)
    shared = Valkey(zone.stores.shared_state, clock, deadline_s=deadline_s)
    beside = Valkey(zone.stores.shared_state, clock, deadline_s=_BESIDE_S)
    shared_book = ValkeyRateBook(
        beside, gateway_id, clock, gateways=zone.listen.workers, wait_s=deadline_s
    )
    shared_store = ValkeyIdempotencyStore(shared, beside, clock)
    return (
        shared_book,
        shared_store,
        lambda seconds: ValkeyResponseStore(beside, clock, kept_s=seconds),
        (("limits", shared_book.run()), ("idempotency", shared_store.run())),
        (shared_book.aclose, shared_store.aclose, shared.aclose, beside.aclose),
    )
