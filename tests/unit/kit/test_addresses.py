from __future__ import annotations

import pytest

from opengateway.kit.addresses import OutboundRules, is_public

PRIVATE = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1"),
    *("192.0.0.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001::1"),
    *("", "example.com", "127.1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_the_open_internet_is_refused(address: str) -> None:
    assert not is_public(address)
    assert not OutboundRules().may_connect("example.com", address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_the_open_internet_is_not(address: str) -> None:
    assert is_public(address)


def test_the_zones_own_word_opens_exactly_what_it_names() -> None:
    rules = OutboundRules(["hooks.lan", "10.0.0.0/8"])
    assert rules.may_connect("hooks.lan", "192.168.1.5")
    assert rules.may_connect("anything.example", "10.9.9.9")
    assert not rules.may_connect("anything.example", "192.168.1.5")
    assert rules.problem("http://hooks.lan:8080/x") is None
    assert rules.problem("http://10.1.2.3/x") is None
    assert rules.problem("http://10.1.2.3.example.com/x") is not None


def test_within_walls_nothing_else_is_called() -> None:
    rules = OutboundRules(["hooks.lan"], walled=True)
    assert not rules.may_connect("example.com", "8.8.8.8")
    assert rules.problem("https://example.com/x") is not None
    assert rules.problem("https://hooks.lan/x") is None


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/x", "https://example.com:8443/x", "ftp://example.com/x"),
        *("https://127.0.0.1/x", "https://[::1]/x", "https://2130706433/x", "https://0x7f.1/x"),
        *("https://127.1/x", "https://localhost/x", "https://a.localhost/x", "https://intranet/x"),
        *("https://metadata.google.internal/x", "https://user:pw@example.com/x", "https:///x"),
        *("https://example.com/a b", "https://example.com/#x", "https://exämple.com/x", "", "x"),
        "https://example.com/" + "a" * 2048,
        "https://example.com:99999/x",
    ],
)
def test_an_address_that_leads_astray_is_refused_when_it_is_given(url: str) -> None:
    assert OutboundRules().problem(url) is not None


def test_a_plain_https_address_is_taken() -> None:
    assert OutboundRules().problem("https://example.com/hooks?team=1") is None
    assert OutboundRules().problem("https://example.com:443/") is None
    assert OutboundRules().problem("https://8.8.8.8/hook") is None
