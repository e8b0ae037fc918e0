from __future__ import annotations

import pytest

from opengateway.compose.egress import is_inside, rule_problem, url_problem


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "172.31.0.1",
        "192.168.1.1",
        "127.0.0.1",
        "::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "localhost",
        "LOCALHOST.",
    ],
)
def test_private_and_loopback_addresses_are_inside(host: str) -> None:
    assert is_inside(host, ())


@pytest.mark.parametrize(
    "host",
    [
        "8.8.8.8",
        "172.32.0.1",
        "169.254.169.254",
        "fe80::1",
        "2001:db8::1",
        "::ffff:8.8.8.8",
        "0.0.0.0",
        "100.64.0.1",
        "api.example.com",
        "10.0.0.1.example.com",
        "localhost.example.com",
    ],
)
def test_all_else_is_outside(host: str) -> None:
    assert not is_inside(host, ())


def test_a_rule_allows_a_name_an_address_or_a_network_and_no_more() -> None:
    rules = ("api.example.com", "8.8.8.8", "203.0.113.0/24", "2001:db8::/32")
    for host in ("API.example.com", "api.example.com.", "8.8.8.8", "203.0.113.9", "2001:db8::7"):
        assert is_inside(host, rules)
    for host in ("x.api.example.com", "example.com", "8.8.4.4", "203.0.114.1", "2001:db9::1"):
        assert not is_inside(host, rules)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/v1",
        "http://10.0.0.5:8000/v1",
        "http://[::1]:8000/v1",
        "https://a.example",
    ],
)
def test_a_base_url_may_be_any_plain_http_address(url: str) -> None:
    assert url_problem(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "//a.example",
        "ftp://a.example",
        "https://",
        "https://a:b@c.example",
        "https://a.example/v1?k=v",
        "https://a.example/v1?",
        "https://a.example/#x",
        "https://a.example:0",
        "https://a.example:99999",
        "https://a.example/ v1",
        "https://[::1",
        "https://a.example/\r\nx",
        "https://bücher.example",
        "https://a.example/" + "x" * 2048,
    ],
)
def test_a_base_url_that_is_more_or_less_than_that_is_refused(url: str) -> None:
    assert url_problem(url)


def test_a_rule_is_a_host_an_address_or_a_network() -> None:
    for rule in ("a.example", "10.0.0.1", "10.0.0.0/8", "fd00::/8", "::1"):
        assert rule_problem(rule) is None
    for rule in ("", "https://a.example", "a.example:80", "10.0.0.0/33", "a.example/24"):
        assert rule_problem(rule)
