from __future__ import annotations

import pytest
import redis

from opengateway.domain.errors import OperatorError
from opengateway.infra.shared_state.server import look, room, shown
from opengateway.infra.shared_state.valkey import CONNECTIONS
from store_servers import ValkeyServer


async def test_the_version_and_what_is_wrong_are_told_in_words(own_valkey: ValkeyServer) -> None:
    assert (await look(own_valkey.url())).startswith("9.")
    assert await room(own_valkey.url()) > CONNECTIONS
    with redis.Redis.from_url(own_valkey.url()) as client:
        client.config_set("requirepass", "s3cret-pass")
    for url, words in (
        (own_valkey.url(), "refuses the user"),
        (own_valkey.url() + "&password=wrong-s3cret", "refuses the user"),
        ("redis://:s3cret@127.0.0.1:1/0", "nothing listens"),
        ("http://:s3cret@127.0.0.1/0", "not understood"),
    ):
        with pytest.raises(OperatorError, match=words) as told:
            await look(url)
        assert "s3cret" not in told.value.message


def test_a_shown_url_holds_neither_user_nor_password_nor_options() -> None:
    assert shown("redis://me:pass@cache.example:6379/0?x=pass") == "redis://cache.example:6379/0"
    assert shown("unix:///run/valkey.sock?password=pass") == "unix:///run/valkey.sock"
