"""The replicated key table: in memory for look-ups, on disk for a start without control.

With the keys come the states of their teams, by the same feed: what a key may do hangs on both.

On disk it is a base (the whole table at a sequence number) and a delta (the changes since), each a
framed file that may end in a torn write. A new base is written when the delta has grown; the last
three bases are kept.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from opengateway.domain.errors import CapacityError, NotAuthenticated
from opengateway.domain.neighbours import NOBODY, Neighbours
from opengateway.domain.principal import Principal, TeamState
from opengateway.kit import framing
from opengateway.kit.chance import random_bytes
from opengateway.kit.clock import Clock
from opengateway.kit.secrets import digest, hint, is_well_formed

KEPT_BASES = 3
CONTROL_STARTS_S = 10.0
"""So long a gateway that starts is not ready while control does not answer. It serves all the same."""
_DELTA_ROWS = 5_000
_SEEN_KEYS = 20_000


class KeyChange(msgspec.Struct):
    """One change: of a key (`row`, None when it is gone), of a team's state (`team`), or leases that
    are called back (`leases`). A change of a kind that is not known here changes nothing."""

    seq: int
    id: str
    row: Principal | None = None
    kind: str = "key"
    team: TeamState | None = None
    leases: list[str] = []


class _Base(msgspec.Struct):
    seq: int
    keys: list[Principal]
    teams: list[TeamState] = []


class _Seen(msgspec.Struct, frozen=True):
    """A secret that was looked up: whose it is, and until when that holds."""

    principal: Principal
    until_ns: int | None


_encode = msgspec.msgpack.Encoder().encode
_decode_base = msgspec.msgpack.Decoder(_Base).decode
_decode_change = msgspec.msgpack.Decoder(KeyChange).decode


class KeyTable:
    """Implements `ports.keys.KeyAuthenticator`. Not thread-safe: one event loop owns it."""

    def __init__(
        self, peppers: Mapping[int, bytes], clock: Clock, neighbours: Neighbours = NOBODY
    ) -> None:
        self._neighbours = neighbours
        self._peppers = dict(sorted(peppers.items(), reverse=True))
        self._clock = clock
        self._by_digest: dict[bytes, Principal] = {}
        self._digests_of: dict[str, tuple[bytes, ...]] = {}
        self.teams: dict[str, TeamState] = {}
        """Of which there is something to know; live, by team."""
        # Whose secrets were looked up since the table last changed, by a digest that is cheap and
        # under a secret of this process: six times faster than form, checksum and HMAC each time.
        self._seen: dict[bytes, _Seen] = {}
        self._seen_key = random_bytes(32)
        self.seq = -1
        """The number of the last change applied; -1 while nothing was loaded."""
        self._began_s = clock.monotonic()
        self.heard = True
        """False: the table is the disk's copy, and control has not said yet what came since."""

    def __len__(self) -> int:
        return len(self._digests_of)

    def authenticate(self, secret: str) -> Principal:
        mark = hashlib.blake2b(
            secret.encode("utf-8", "replace"), key=self._seen_key, digest_size=16
        ).digest()
        seen = self._seen.get(mark)
        if seen is None or (seen.until_ns is not None and self._clock.now_ns() >= seen.until_ns):
            seen = self._look_up(secret)
            if len(self._seen) >= _SEEN_KEYS:
                self._seen.clear()
            self._seen[mark] = seen
        return seen.principal

    def _look_up(self, secret: str) -> _Seen:
        if self.seq < 0:
            raise _not_loaded()
        if not is_well_formed(secret):
            raise NotAuthenticated(_unusable(secret))
        for pepper in self._peppers.values():
            found = digest(secret, pepper)
            principal = self._by_digest.get(found)
            if principal is not None:
                return self._usable(principal, secret, is_old=found.hex() != principal.digest)
        self._neighbours.refuse_key(secret)
        raise NotAuthenticated(
            f"no such key: {hint(secret)}; it may have been revoked. Make one with"
            " `opengateway keys create`"
        )

    def ready(self) -> None:
        if self.seq < 0:
            raise _not_loaded()
        # A member that starts: its control is a moment behind, and grants nothing before. Where it
        # does not come, the copy has to do.
        if not self.heard and self._clock.monotonic() - self._began_s < CONTROL_STARTS_S:
            raise CapacityError("control has not answered yet", code="starting", retry_after_s=1.0)

    def _usable(self, principal: Principal, secret: str, *, is_old: bool) -> _Seen:
        if principal.revoked_at_ns is not None:
            raise NotAuthenticated(f"the key {hint(secret)} was revoked", code="key_revoked")
        if principal.disabled:
            raise NotAuthenticated(f"the key {hint(secret)} is disabled", code="key_disabled")
        now_ns, until_ns = self._clock.now_ns(), principal.expires_at_ns
        if until_ns is not None and now_ns >= until_ns:
            raise NotAuthenticated(f"the key {hint(secret)} has expired", code="key_expired")
        if is_old:
            old_until_ns = principal.old_until_ns or 0
            if now_ns >= old_until_ns:
                raise NotAuthenticated(
                    f"the secret {hint(secret)} was replaced by a new one; use that",
                    code="key_revoked",
                )
            until_ns = old_until_ns if until_ns is None else min(until_ns, old_until_ns)
        return _Seen(principal, until_ns)

    def replace(self, seq: int, keys: Iterable[Principal], teams: Iterable[TeamState] = ()) -> None:
        """Take a whole table; readers never see half of it."""
        rows: dict[bytes, Principal] = {}
        digests: dict[str, tuple[bytes, ...]] = {}
        for principal in keys:
            own = digests[principal.key_id] = _digests(principal)
            rows.update((digest, principal) for digest in own)
        self._seen = {}
        self._by_digest, self._digests_of = rows, digests
        self.teams.clear()
        self.teams.update((team.team_id, team) for team in teams)
        self.seq = seq

    def apply(self, change: KeyChange) -> None:
        """Take one change. What was applied before is passed over."""
        if change.seq <= self.seq:
            return
        if change.kind == "key":
            self._take_key(change.id, change.row)
        elif change.kind == "team":
            if change.team is None:
                self.teams.pop(change.id, None)
            else:
                self.teams[change.id] = change.team
        self.seq = change.seq

    def _take_key(self, key_id: str, row: Principal | None) -> None:
        self._seen = {}
        for old in self._digests_of.pop(key_id, ()):
            self._by_digest.pop(old, None)
        if row is not None:
            own = self._digests_of[key_id] = _digests(row)
            self._by_digest.update((digest, row) for digest in own)

    def rows(self) -> list[Principal]:
        return [self._by_digest[own[0]] for own in self._digests_of.values()]


def _digests(principal: Principal) -> tuple[bytes, ...]:
    """Under which it is found: the secret's, and the one's before it while that may still be used."""
    own = bytes.fromhex(principal.digest)
    if principal.old_digest is None:
        return (own,)
    return own, bytes.fromhex(principal.old_digest)


def _not_loaded() -> CapacityError:
    return CapacityError(
        "the keys are not loaded yet; try again in a moment",
        code="starting",
        retry_after_s=1.0,
    )


def _unusable(secret: str) -> str:
    if not secret:
        return "no API key was given; send it as `Authorization: Bearer og_live_...`"
    if secret.startswith(("og_live_", "og_mgmt_")):
        return "the API key is mistyped or cut: its checksum does not fit; copy it again, whole"
    return "this is not an API key of this gateway; keys begin with og_live_"


class KeyTableFile:
    """The disk copy of one gateway's key table."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._delta: int | None = None
        self._delta_rows = 0

    def load(self, table: KeyTable) -> bool:
        """Fill `table` from the newest base that can be read, and its delta. False if none can."""
        for path in sorted(self._folder.glob("keys-*.base"), reverse=True):
            try:
                frames, _ = framing.scan(path.read_bytes())
                base = _decode_base(frames[0])
            except (OSError, IndexError, framing.CorruptFrame, msgspec.DecodeError):
                continue  # damaged: an older one is better than none, and control will catch up
            table.replace(base.seq, base.keys, base.teams)
            table.heard = False
            self._load_delta(path.with_suffix(".delta"), table)
            return True
        return False

    def _load_delta(self, path: Path, table: KeyTable) -> None:
        try:
            frames, _ = framing.scan(path.read_bytes())
            changes = [_decode_change(f) for f in frames]
        except (OSError, framing.CorruptFrame, msgspec.DecodeError):
            return
        for change in changes:
            table.apply(change)

    def write_base(self, table: KeyTable) -> None:
        """A new base, whole or not at all, and an empty delta beside it. Raises `OSError`."""
        path = self._folder / f"keys-{table.seq:016d}.base"
        draft = path.with_suffix(".draft")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(
                framing.frame(_encode(_Base(table.seq, table.rows(), [*table.teams.values()])))
            )
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        self.close()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        self._delta = os.open(path.with_suffix(".delta"), flags, 0o600)
        self._delta_rows = 0
        for old in sorted(self._folder.glob("keys-*.base"), reverse=True)[KEPT_BASES:]:
            old.unlink(missing_ok=True)
            old.with_suffix(".delta").unlink(missing_ok=True)

    def append(self, table: KeyTable, changes: Iterable[KeyChange]) -> None:
        """Add changes that `table` has taken already. Raises `OSError`."""
        if self._delta is None or self._delta_rows >= _DELTA_ROWS:
            self.write_base(table)
            return
        frames = [framing.frame(_encode(change)) for change in changes]
        self._delta_rows += len(frames)
        os.write(self._delta, b"".join(frames))

    def close(self) -> None:
        if self._delta is not None:
            os.close(self._delta)
            self._delta = None
