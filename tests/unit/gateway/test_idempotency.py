from __future__ import annotations

import gc

import pytest

from opengateway.domain.errors import (
    Conflict,
    InvalidRequest,
    RequestInFlight,
    Unprocessable,
)
from opengateway.domain.principal import Principal
from opengateway.gateway.arrival import Arrival
from opengateway.gateway.idempotency import KEPT_BYTES, Claim, Idempotency, Replay, key_of
from opengateway.infra.idempotency.memory import MemoryIdempotencyStore
from opengateway.infra.secret_box import AesSecretBox
from opengateway.kit.clock import ManualClock

from .fakes import PRINCIPAL

BOX = AesSecretBox({1: b"k" * 32})
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", b"2"),
    (b"x-request-id", b"gen_1"),
    (b"x-opengateway-overhead-ms", b"0.3"),
    (b"x-ratelimit-remaining-requests", b"7"),
    (b"x-opengateway-model", b"lab/m"),
]


def new() -> tuple[Idempotency, MemoryIdempotencyStore]:
    store = MemoryIdempotencyStore(ManualClock())
    return Idempotency(store, BOX), store


def arrival(
    number: int = 1, *, key: str | None = "order-7", body: bytes = b"{}", operation: str = "chat"
) -> Arrival:
    headers = {} if key is None else {"idempotency-key": key}
    return Arrival(f"gen_{number}", 0, 0.0, operation, headers, body, None)


async def claimed(once: Idempotency, number: int = 1) -> Claim:
    claim = await once.begin(PRINCIPAL, arrival(number))
    assert isinstance(claim, Claim)
    return claim


async def test_without_the_header_nothing_is_asked() -> None:
    once, store = new()
    assert await once.begin(PRINCIPAL, arrival(key=None)) is None
    assert len(store) == 0


async def test_an_answer_is_given_again_as_it_was() -> None:
    once, _ = new()
    claim = await claimed(once)
    body = bytes(range(256)) * 2000  # more than a secret box takes at once
    await once.answered(claim, 200, HEADERS, body)
    once.ended(claim, charged=True)
    replay = await once.begin(PRINCIPAL, arrival(2))
    assert isinstance(replay, Replay)
    assert (replay.status, replay.body) == (200, body)
    assert replay.headers == [
        (b"content-type", b"application/json"),
        (b"x-request-id", b"gen_1"),
        (b"x-opengateway-model", b"lab/m"),
        (b"content-length", b"512000"),
        (b"x-opengateway-idempotent-replay", b"true"),
    ]
    assert once.replays == 1


async def test_while_the_first_runs_the_second_is_told_to_wait() -> None:
    once, _ = new()
    await claimed(once)
    with pytest.raises(RequestInFlight, match="gen_1") as caught:
        await once.begin(PRINCIPAL, arrival(2))
    assert (caught.value.status, caught.value.code) == (409, "idempotency_in_flight")
    assert caught.value.retry_after_s
    assert caught.value.should_retry


@pytest.mark.parametrize("other", [{"body": b"{ }"}, {"operation": "embeddings"}])
async def test_another_request_under_the_same_key_is_refused(other: dict[str, str]) -> None:
    once, _ = new()
    claim = await claimed(once)
    for _ in range(2):  # in flight, and finished
        with pytest.raises(Unprocessable) as caught:
            await once.begin(PRINCIPAL, arrival(2, **other))  # type: ignore[arg-type]
        assert (caught.value.status, caught.value.code) == (422, "idempotency_mismatch")
        await once.answered(claim, 200, HEADERS, b"{}")


async def test_a_stream_or_a_long_answer_is_not_done_again_either() -> None:
    for ending in ("stream", "long", "client gone"):
        once, _ = new()
        claim = await claimed(once)
        if ending == "stream":
            await once.committed(claim)
        elif ending == "long":
            await once.answered(claim, 200, HEADERS, b"x" * (KEPT_BYTES + 1))
        once.ended(claim, charged=True)
        with pytest.raises(Conflict, match="as gen_1") as caught:
            await once.begin(PRINCIPAL, arrival(2))
        assert caught.value.code == "idempotency_finished"
        assert not caught.value.should_retry


async def test_from_the_first_byte_of_a_stream_a_crash_leaves_it_done() -> None:
    once, _ = new()
    await once.committed(await claimed(once))
    # Nothing more is ever heard of it.
    with pytest.raises(Conflict, match="done already"):
        await once.begin(PRINCIPAL, arrival(2))


async def test_what_cost_nothing_frees_its_key() -> None:
    once, _ = new()
    failed = await claimed(once)
    once.ended(failed, charged=False)
    broken = await claimed(once, 2)
    await once.committed(broken)
    once.ended(broken, charged=False)
    unrecorded = await claimed(once, 3)
    await once.answered(unrecorded, 200, HEADERS, b"{}")
    once.ended(unrecorded, charged=False)
    assert isinstance(await once.begin(PRINCIPAL, arrival(4)), Claim)


async def test_keys_of_different_teams_are_different() -> None:
    once, _ = new()
    await claimed(once)
    kept = {f: getattr(PRINCIPAL, f) for f in Principal.__struct_fields__}
    other = Principal(**{**kept, "team_id": "team_2"})
    colleague = Principal(**{**kept, "key_id": "key_2"})
    assert isinstance(await once.begin(other, arrival(2)), Claim)
    with pytest.raises(RequestInFlight):
        await once.begin(colleague, arrival(3))


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "schlüssel", "\x7f"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        key_of({"idempotency-key": key})
    assert caught.value.code == "invalid_idempotency_key"


def test_any_printable_key_will_do() -> None:
    assert key_of({"idempotency-key": "a b~" + "x" * 251}) == "a b~" + "x" * 251
    assert key_of({}) is None


async def test_the_store_holds_nothing_in_clear() -> None:
    once, store = new()
    secret = "canary-5f2c"
    claim = await once.begin(PRINCIPAL, arrival(key=f"key-{secret}", body=f"ask {secret}".encode()))
    assert isinstance(claim, Claim)
    await once.answered(claim, 200, [(b"content-type", secret.encode())], secret.encode() * 9)
    held = repr([(scope, e.owner, e.note, e.reply) for scope, e in store._finished.items()])
    assert len(store) == 1
    assert secret not in held
    gc.collect()


async def test_after_the_zones_key_was_changed_nothing_is_done_twice() -> None:
    once, store = new()
    claim = await claimed(once)
    await once.answered(claim, 200, HEADERS, b"{}")
    later = Idempotency(store, AesSecretBox({2: b"n" * 32}))
    with pytest.raises(Conflict):
        await later.begin(PRINCIPAL, arrival(2))
