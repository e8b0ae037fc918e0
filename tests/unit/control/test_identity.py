from __future__ import annotations

import asyncio

import pytest

from opengateway.control.identity.caller import device_label
from opengateway.control.identity.emails import normal_email
from opengateway.control.identity.hashing import Hasher
from opengateway.control.identity.settings import SignInSettings
from opengateway.control.passkeys.service import are_possible
from opengateway.control.passwords.rules import WeakPassword, check_password
from opengateway.domain.errors import CapacityError, InvalidRequest


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("mina@example.com", "mina@example.com"),
        ("  Mina.Kim+og@EXAMPLE.com ", "mina.kim+og@example.com"),
        ("owner@localhost", "owner@localhost"),
        ("kim@\ud55c\uad6d.example", "kim@xn--3e0b707e.example"),
    ],
)
def test_an_address_is_kept_in_one_form(typed: str, kept: str) -> None:
    assert normal_email(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        *("", "@", "a@", "@a", "a", "a@b@c", "a b@example.com", "a@exa mple.com", "a@-b.example"),
        *("a@b-.example", "a@b..example", "a@.example", ".a@example.com", "a.@example.com"),
        *("a..b@example.com", "a@example.com\r\nBcc: b@example.com", "a\x00@example.com"),
        *("<a@example.com>", '"a b"@example.com', "a@" + "b" * 64 + ".example", "a" * 65 + "@b.c"),
        "a@" + ".".join(["b" * 60] * 5),
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        normal_email(typed)
    assert refused.value.message == "'email' must be an e-mail address"


@pytest.mark.parametrize(
    "password",
    [
        *("short", "elevenchars", "a" * 12, "ababababababab", "123456789012", "abcdefghijklmnop"),
        *("987654321098", "Password1234", "P@ssw0rd!2026", "passwordpassword", "qwertyuiop123"),
        *(
            "opengateway2026",
            "비밀번호비밀번호1234",
            "mina@example.com",
            "minaminamina",
            "mina12345678",
        ),
        "x" * 257,
    ],
)
def test_a_weak_password_is_refused_and_not_repeated(password: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        check_password(password, "mina@example.com")
    assert password not in refused.value.message


@pytest.mark.parametrize(
    "password",
    [
        "a heron waits in shallow water",
        "3kq9vZpR8wTn",
        "강가에는 왜가리가 서 있다",
        "川辺に鷺が立っている朝の光",
        "my password is a quiet river",
        "x9" * 6 + "!Qa",
    ],
)
def test_long_and_odd_is_good_enough(password: str) -> None:
    check_password(password, "mina@example.com")


async def test_hashing_is_bounded_in_number() -> None:
    hasher = Hasher(memory_kib=8, time_cost=1)
    replies = await asyncio.gather(
        *(hasher.hash("x" * 12) for _ in range(80)), return_exceptions=True
    )
    refused = [r for r in replies if isinstance(r, CapacityError)]
    assert len(refused) == 80 - 64
    assert refused[0].retry_after_s == 2
    assert await hasher.hash("again")  # and goes on afterwards


def test_a_device_is_called_by_a_name_and_never_by_its_whole_header() -> None:
    for agent, label in (
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/18 Safari/605", "Safari, macOS"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140 Mobile Safari/537 Whale/3", "Whale, Android"),
        ("python-requests/2.32", "python-requests"),
        ("", "unknown"),
        ("<script>alert(1)</script>", "unknown"),
        ("a" * 400, "a" * 40),
    ):
        assert device_label(agent) == label


def test_the_origin_is_written_as_browsers_write_it() -> None:
    for url, origin, host, secure in (
        ("https://og.example.com", "https://og.example.com", "og.example.com", True),
        ("https://OG.example.com:443", "https://og.example.com", "og.example.com", True),
        ("https://og.example.com:8443/x", "https://og.example.com:8443", "og.example.com", True),
        ("http://localhost:80", "http://localhost", "localhost", False),
        ("http://[::1]:8080", "http://[::1]:8080", "::1", False),
    ):
        settings = SignInSettings(zone="z", public_url=url)
        assert (settings.origin, settings.host, settings.secure) == (origin, host, secure)


def test_passkeys_are_offered_only_where_browsers_make_them() -> None:
    for url, possible in (
        ("https://og.example.com", True),
        ("http://localhost:8080", True),
        ("http://og.example.com", False),
        ("https://10.0.0.5", False),
        ("http://127.0.0.1:8080", False),
    ):
        assert are_possible(SignInSettings(zone="z", public_url=url)) is possible
