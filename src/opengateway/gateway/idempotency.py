"""`Idempotency-Key`: the same request, sent again, is never done and charged twice (decision 31).

    claimed by nobody         the request runs; before anything is charged it is marked as finished
    in flight                 409, try again in a moment
    finished, whole answer    the answer again, with `x-opengateway-idempotent-replay: true`
    finished, else            409 with the id of the request that was done
    the same key, other body  422

A whole answer is kept before its CLOSE is written, a stream is marked before its first bytes leave: a
crash at any moment leaves a free answer or a 409, never a second charge. What ended without a charge
frees its key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from opengateway.domain.errors import Conflict, InvalidRequest, RequestInFlight, Unprocessable
from opengateway.domain.principal import Principal
from opengateway.gateway.arrival import Arrival
from opengateway.ports.idempotency import Found, IdempotencyStore
from opengateway.ports.secret_box import SecretBox, Unsealable

HEADER: Final = "idempotency-key"
REPLAY_HEADER: Final = (b"x-opengateway-idempotent-replay", b"true")
KEPT_BYTES: Final = 1024 * 1024
"""Of an answer's body; a longer one is not kept."""
_KEY_CHARACTERS: Final = 255
_PIECE_BYTES: Final = 128 * 1024
"""A secret box closes small things: an answer is closed in pieces."""
_KEPT_HEADERS: Final = frozenset(
    (
        b"content-type",
        b"x-request-id",
        b"x-opengateway-zone",
        b"x-opengateway-provider",
        b"x-opengateway-region",
        b"x-opengateway-model",
        b"x-opengateway-dropped-params",
    )
)

Headers = Sequence[tuple[bytes, bytes]]


class Claim(msgspec.Struct):
    """A request's right to be the only one under its key. Ended exactly once, by `ended`."""

    scope: str
    owner: str
    kept: bool = False


class Replay(msgspec.Struct, frozen=True):
    """The answer of the request that was done before."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class _Stored(msgspec.Struct, array_like=True):
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode_stored = msgspec.msgpack.Decoder(_Stored).decode
_decode_pieces = msgspec.msgpack.Decoder(list[bytes]).decode


class Idempotency:
    """One for a gateway. A request without the header costs one look-up in its headers."""

    def __init__(self, store: IdempotencyStore, box: SecretBox) -> None:
        self._store = store
        self._box = box
        self.replays = 0

    async def begin(self, principal: Principal, arrival: Arrival) -> Claim | Replay | None:
        """What the request's key says; None: it has none, or it is the first, then with a claim.

        Raises `InvalidRequest` (400), `Conflict` (409), `Unprocessable` (422) and `CapacityError`.
        """
        key = key_of(arrival.headers)
        if key is None:
            return None
        scope = hashlib.sha256(f"{principal.team_id}\0{key}".encode()).hexdigest()
        fingerprint = hashlib.sha256(f"{arrival.operation}\0".encode() + arrival.body).digest()
        note = self._box.seal(fingerprint, _note_purpose(scope))
        found = await self._store.claim(scope, arrival.request_id, note)
        if found is None:
            return Claim(scope, arrival.request_id)
        return self._again(scope, fingerprint, found)

    def _again(self, scope: str, fingerprint: bytes, found: Found) -> Replay:
        try:
            same = self._box.open(found.note, _note_purpose(scope)) == fingerprint
        except Unsealable:
            same = (
                True  # of before the zone's key was changed: all that is known is that it was done
            )
        if not same:
            raise Unprocessable(
                "this Idempotency-Key was used for another request within the last 10 minutes;"
                " every request needs a key of its own",
                code="idempotency_mismatch",
            )
        if not found.finished:
            raise RequestInFlight(
                f"a request with this Idempotency-Key is running ({found.owner}); wait for it",
                retry_after_s=2.0,
            )
        if found.reply is not None:
            try:
                stored = self._opened(scope, found)
            except (Unsealable, msgspec.DecodeError):
                stored = None
            if stored is not None:
                self.replays += 1
                length = (b"content-length", b"%d" % len(stored.body))
                headers = [*stored.headers, length, REPLAY_HEADER]
                return Replay(stored.status, headers, stored.body)
        raise Conflict(
            f"a request with this Idempotency-Key was done already, as {found.owner}, and its answer"
            " is not kept; look it up by that id, or send a new request under a new key",
            code="idempotency_finished",
        )

    async def answered(self, claim: Claim, status: int, headers: Headers, body: bytes) -> None:
        """Keep a whole answer. To be awaited before it is charged: before `close`."""
        claim.kept = True
        reply = None
        if len(body) <= KEPT_BYTES:
            kept = [(name, value) for name, value in headers if name in _KEPT_HEADERS]
            reply = self._closed(claim, _encode(_Stored(status, kept, body)))
        await self._store.keep(claim.scope, claim.owner, reply)

    async def committed(self, claim: Claim) -> None:
        """A stream begins. To be awaited before its first bytes leave."""
        claim.kept = True
        await self._store.keep(claim.scope, claim.owner, None)

    def ended(self, claim: Claim, *, charged: bool) -> None:
        """The request is over, however it ended. `charged`: a record with a cost was written, or
        the whole answer was recorded."""
        if not charged:
            self._store.drop(claim.scope, claim.owner)
        elif not claim.kept:
            claim.kept = True
            self._store.keep_later(claim.scope, claim.owner)

    def _closed(self, claim: Claim, plain: bytes) -> bytes:
        count = -(-len(plain) // _PIECE_BYTES)
        return _encode(
            [
                self._box.seal(
                    plain[i * _PIECE_BYTES : (i + 1) * _PIECE_BYTES],
                    _reply_purpose(claim.scope, claim.owner, i, count),
                )
                for i in range(count)
            ]
        )

    def _opened(self, scope: str, found: Found) -> _Stored:
        assert found.reply is not None
        pieces = _decode_pieces(found.reply)
        plain = b"".join(
            self._box.open(piece, _reply_purpose(scope, found.owner, i, len(pieces)))
            for i, piece in enumerate(pieces)
        )
        return _decode_stored(plain)


def key_of(headers: Mapping[str, str]) -> str | None:
    """The request's key; None without the header. Raises `InvalidRequest`."""
    key = headers.get(HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= _KEY_CHARACTERS or not (key.isascii() and key.isprintable()):
        raise InvalidRequest(
            f"an Idempotency-Key has 1 to {_KEY_CHARACTERS} printable characters of ASCII;"
            " a UUID is a good one",
            code="invalid_idempotency_key",
        )
    return key


def _note_purpose(scope: str) -> str:
    return f"idempotency:note:{scope}"


def _reply_purpose(scope: str, owner: str, piece: int, count: int) -> str:
    return f"idempotency:reply:{scope}:{owner}:{piece}/{count}"
