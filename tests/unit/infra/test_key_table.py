from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from opengateway.domain.errors import CapacityError, NotAuthenticated
from opengateway.domain.neighbours import Neighbours, ZoneMismatch
from opengateway.domain.principal import KeyKind, Principal
from opengateway.infra.key_table import KEPT_BASES, KeyChange, KeyTable, KeyTableFile
from opengateway.kit.clock import ManualClock
from opengateway.kit.secrets import INFERENCE_PREFIX, digest, hint, new_secret

PEPPER = b"p" * 32
CLOCK = ManualClock()


def key(secret: str, name: str = "key_1") -> Principal:
    return Principal(
        name, "team_1", "n", KeyKind.INFERENCE, digest(secret, PEPPER).hex(), 1, hint(secret), 0
    )


def table(*rows: Principal, seq: int = 5) -> KeyTable:
    made = KeyTable({1: PEPPER}, CLOCK)
    made.replace(seq, rows)
    return made


def test_a_key_of_the_table_is_who_it_is() -> None:
    secret = new_secret(INFERENCE_PREFIX, "test")
    assert table(key(secret)).authenticate(secret).key_id == "key_1"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"revoked_at_ns": 1}, "key_revoked"),
        ({"disabled": True}, "key_disabled"),
        ({"expires_at_ns": CLOCK.now_ns()}, "key_expired"),
    ],
)
def test_a_key_that_may_not_be_used_says_why(change: dict[str, object], code: str) -> None:
    secret = new_secret(INFERENCE_PREFIX, "test")
    with pytest.raises(NotAuthenticated) as failed:
        table(msgspec.structs.replace(key(secret), **change)).authenticate(secret)
    assert failed.value.code == code
    assert secret not in failed.value.message


@pytest.mark.parametrize("secret", ["", "sk-123", "og_live_short", None])
def test_what_is_no_key_of_ours_is_refused_without_showing_it(secret: str | None) -> None:
    secret = new_secret(INFERENCE_PREFIX, "test") if secret is None else secret
    with pytest.raises(NotAuthenticated) as failed:
        table().authenticate(secret)
    assert not secret or secret not in failed.value.message


def test_before_a_table_is_loaded_nobody_is_told_that_his_key_is_wrong() -> None:
    empty = KeyTable({1: PEPPER}, CLOCK)
    with pytest.raises(CapacityError):
        empty.authenticate(new_secret(INFERENCE_PREFIX, "test"))


def test_a_new_pepper_does_not_orphan_old_keys() -> None:
    secret = new_secret(INFERENCE_PREFIX, "test")
    made = KeyTable({1: PEPPER, 2: b"q" * 32}, CLOCK)
    made.replace(1, [key(secret)])
    assert made.authenticate(secret).key_id == "key_1"


def test_changes_apply_in_order_once_and_a_rotated_digest_leaves_no_old_one() -> None:
    old, new = new_secret(INFERENCE_PREFIX, "test"), new_secret(INFERENCE_PREFIX, "test")
    made = table(key(old))
    made.apply(KeyChange(6, "key_1", key(new)))
    made.apply(KeyChange(6, "key_1", None))  # seen already
    assert made.authenticate(new).key_id == "key_1"
    with pytest.raises(NotAuthenticated):
        made.authenticate(old)
    made.apply(KeyChange(7, "key_1", None))
    assert (len(made), made.seq) == (0, 7)


class TestTheDiskCopy:
    def test_a_restart_finds_base_and_changes(self, tmp_path: Path) -> None:
        secret = new_secret(INFERENCE_PREFIX, "test")
        made, file = table(), KeyTableFile(tmp_path)
        file.write_base(made)
        change = KeyChange(6, "key_1", key(secret))
        made.apply(change)
        file.append(made, [change])
        file.close()
        again = KeyTable({1: PEPPER}, CLOCK)
        assert KeyTableFile(tmp_path).load(again)
        assert (again.seq, again.authenticate(secret).key_id) == (6, "key_1")

    def test_a_torn_change_is_left_out(self, tmp_path: Path) -> None:
        made, file = table(), KeyTableFile(tmp_path)
        file.write_base(made)
        change = KeyChange(6, "key_1", key(new_secret(INFERENCE_PREFIX, "test")))
        made.apply(change)
        file.append(made, [change])
        file.close()
        (delta,) = tmp_path.glob("*.delta")
        delta.write_bytes(delta.read_bytes()[:-3])
        again = KeyTable({1: PEPPER}, CLOCK)
        assert KeyTableFile(tmp_path).load(again)
        assert (again.seq, len(again)) == (5, 0)

    def test_a_damaged_base_gives_way_to_the_one_before(self, tmp_path: Path) -> None:
        file = KeyTableFile(tmp_path)
        for seq in (5, 6):
            file.write_base(table(seq=seq))
        newest = max(tmp_path.glob("*.base"))
        newest.write_bytes(b"\x00" * 8 + b"damaged")
        again = KeyTable({1: PEPPER}, CLOCK)
        assert KeyTableFile(tmp_path).load(again)
        assert again.seq == 5

    def test_three_bases_are_kept(self, tmp_path: Path) -> None:
        file = KeyTableFile(tmp_path)
        for seq in range(6):
            file.write_base(table(seq=seq))
        assert len(list(tmp_path.glob("*.base"))) == KEPT_BASES

    def test_an_empty_folder_has_no_copy(self, tmp_path: Path) -> None:
        assert not KeyTableFile(tmp_path).load(KeyTable({1: PEPPER}, CLOCK))


def test_a_key_of_another_zone_is_told_where_it_belongs() -> None:
    made = KeyTable({1: PEPPER}, CLOCK, Neighbours("kr", {"jp": "https://jp.example.com"}))
    made.replace(1, [])
    foreign = new_secret(INFERENCE_PREFIX, "jp")
    with pytest.raises(ZoneMismatch, match=r"of zone 'jp'.*https://jp\.example\.com") as told:
        made.authenticate(foreign)
    assert (told.value.status, told.value.code) == (403, "zone_mismatch")
    assert foreign not in told.value.message
    for zone in ("kr", "us"):  # revoked here; of a zone that is not listed
        with pytest.raises(NotAuthenticated):
            made.authenticate(new_secret(INFERENCE_PREFIX, zone))


def test_a_gateway_that_starts_waits_a_moment_for_control_before_it_says_that_it_is_ready(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    secret = new_secret(INFERENCE_PREFIX, "test")
    KeyTableFile(tmp_path).write_base(table(key(secret)))
    made = KeyTable({1: PEPPER}, clock)
    assert KeyTableFile(tmp_path).load(made)
    with pytest.raises(CapacityError, match="control has not answered"):
        made.ready()
    assert made.authenticate(secret).key_id == "key_1"  # whoever asks is served meanwhile
    made.heard = True
    made.ready()
    made.heard = False
    clock.advance(11)
    made.ready()  # control does not come: the copy has to do
