"""A service account's tokens: fetched once for all, renewed before they end, and told of in words."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from contract.scripted_server import Peer, ScriptedServer, scripted
from contract.transport_case import post
from opengateway.domain.errors import ErrorClass, OperatorError, UpstreamError
from opengateway.infra.authorizers import AwsSigner, FileToken
from opengateway.infra.google_tokens import GoogleTokens
from opengateway.infra.transports import new_transport
from opengateway.kit.clock import ManualClock
from opengateway.kit.sigv4 import AwsKey
from opengateway.ports.transport import UpstreamTransport

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()
REQUEST = post("https://aiplatform.googleapis.com/v1/x")


class Issuer:
    """Gives numbered tokens of an hour, or what it is told to say."""

    def __init__(self) -> None:
        self.forms: list[dict[str, list[str]]] = []
        self.says: tuple[str, bytes] | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, peer: Peer) -> None:
        while True:
            request = await peer.request()
            self.forms.append(parse_qs(request.body.decode()))
            await self.open.wait()
            if self.says is not None:
                await peer.answer(self.says[1], status=self.says[0])
                continue
            token = {"access_token": f"t{len(self.forms)}", "expires_in": 3600}
            await peer.answer(json.dumps(token).encode())


@pytest.fixture
async def transport() -> AsyncIterator[UpstreamTransport]:
    made = new_transport()
    yield made
    await made.aclose()


def tokens(
    server: ScriptedServer, transport: UpstreamTransport, clock: ManualClock
) -> GoogleTokens:
    uri = f"{server.origin}/token"
    return GoogleTokens("a@p.iam.example", PEM, "kid1", uri, transport, clock)


async def asked(made: GoogleTokens) -> str:
    return (await made.authorize(REQUEST))["authorization"]


async def becomes(made: GoogleTokens, token: str) -> None:
    """It is fetched beside the requests: whoever asks soon gets it."""
    for _ in range(400):
        if await asked(made) == token:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{token} never came")


def part(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


async def test_the_account_signs_who_it_is_for_whom_and_for_how_long(
    transport: UpstreamTransport,
) -> None:
    issuer, clock = Issuer(), ManualClock()
    async with scripted(issuer) as server:
        assert await asked(tokens(server, transport, clock)) == "Bearer t1"
        (form,) = issuer.forms
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        head, claims, signature = form["assertion"][0].split(".")
        assert part(head) == {"alg": "RS256", "typ": "JWT", "kid": "kid1"}
        now_s = clock.now_ns() // 1_000_000_000
        assert part(claims) == {
            "iss": "a@p.iam.example",
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "aud": f"{server.origin}/token",
            "iat": now_s,
            "exp": now_s + 3600,
        }
        KEY.public_key().verify(
            base64.urlsafe_b64decode(signature + "=="),
            f"{head}.{claims}".encode(),
            padding.PKCS1v15(),
            hashes.SHA256(),
        )


async def test_many_who_ask_at_once_make_one_fetch(transport: UpstreamTransport) -> None:
    issuer = Issuer()
    issuer.open.clear()
    async with scripted(issuer) as server:
        made = tokens(server, transport, ManualClock())
        waiting = [asyncio.create_task(asked(made)) for _ in range(20)]
        await server.seen(1)
        waiting[0].cancel()  # who leaves takes nothing from the others
        issuer.open.set()
        told = await asyncio.gather(*waiting[1:])
        assert set(told) == {"Bearer t1"}
        assert await asked(made) == "Bearer t1"
        assert len(issuer.forms) == 1


async def test_a_token_is_renewed_beside_the_requests_that_it_still_serves(
    transport: UpstreamTransport,
) -> None:
    issuer, clock = Issuer(), ManualClock()
    async with scripted(issuer) as server:
        made = tokens(server, transport, clock)
        assert await asked(made) == "Bearer t1"
        clock.advance(2800)
        assert await asked(made) == "Bearer t1"
        assert len(issuer.forms) == 1
        clock.advance(100)
        issuer.open.clear()
        assert await asked(made) == "Bearer t1", "nobody waits while it is good"
        issuer.open.set()
        await becomes(made, "Bearer t2")
        assert len(issuer.forms) == 2


async def test_a_renewal_that_fails_is_tried_again_later_and_hurts_nobody(
    transport: UpstreamTransport,
) -> None:
    issuer, clock = Issuer(), ManualClock()
    async with scripted(issuer) as server:
        made = tokens(server, transport, clock)
        await asked(made)
        clock.advance(3000)
        issuer.says = ("503 X", b"")
        assert await asked(made) == "Bearer t1"
        await server.seen(2)
        for _ in range(5):
            assert await asked(made) == "Bearer t1"
            await asyncio.sleep(0.002)
        assert len(issuer.forms) == 2, "not at once again"
        issuer.says = None
        clock.advance(11)
        await becomes(made, "Bearer t3")


async def test_once_it_has_ended_everybody_waits_for_the_next(transport: UpstreamTransport) -> None:
    issuer, clock = Issuer(), ManualClock()
    async with scripted(issuer) as server:
        made = tokens(server, transport, clock)
        await asked(made)
        clock.advance(3595)
        assert await asked(made) == "Bearer t2"


async def test_a_refusal_brings_a_new_token_unless_it_is_new_already(
    transport: UpstreamTransport,
) -> None:
    issuer, clock = Issuer(), ManualClock()
    async with scripted(issuer) as server:
        made = tokens(server, transport, clock)
        await asked(made)
        assert not made.refused()
        clock.advance(61)
        assert made.refused()
        assert await asked(made) == "Bearer t2"


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        ("400 X", b'{"error":"invalid_grant"}', "status 400 and 'invalid_grant'"),
        ("500 X", b"<html>", "status 500"),
        ("200 X", b"{}", "without one"),
        ("200 X", b'{"access_token":"a b"}', "without one"),
        ("200 X", b'{"access_token":"a","expires_in":"x"}', "without one"),
        ("200 X", b"[", "without one"),
    ],
)
async def test_what_is_no_token_is_our_trouble_and_told(
    transport: UpstreamTransport, status: str, body: bytes, says: str
) -> None:
    issuer = Issuer()
    issuer.says = (status, body)
    async with scripted(issuer) as server:
        made = tokens(server, transport, ManualClock())
        with pytest.raises(UpstreamError, match=says) as caught:
            await asked(made)
        assert caught.value.error_class is ErrorClass.AUTH
        issuer.says = None
        assert await asked(made) == "Bearer t2", "the next request tries again"


def test_a_key_that_is_none_stops_the_start(transport: UpstreamTransport) -> None:
    for pem in ("", "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"):
        with pytest.raises(OperatorError, match="service account"):
            GoogleTokens("a", pem, "", "https://x", transport, ManualClock())


# --- the others ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "region", "scope"),
    [
        ("https://bedrock-runtime.eu-west-3.amazonaws.com/x", None, "eu-west-3/bedrock"),
        (
            "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/x",
            None,
            "us-gov-west-1/bedrock",
        ),
        (
            "https://vpce-1.bedrock-runtime.us-west-2.vpce.amazonaws.com/x",
            None,
            "us-west-2/bedrock",
        ),
        ("https://bedrock-mantle.us-east-2.api.aws/x", None, "us-east-2/bedrock-mantle"),
        ("http://127.0.0.1:9/x", "ap-northeast-2", "ap-northeast-2/bedrock"),
        ("http://127.0.0.1:9/x", None, "us-east-1/bedrock"),
    ],
)
async def test_a_signature_is_for_the_region_and_the_service_that_the_address_names(
    url: str, region: str | None, scope: str
) -> None:
    signer = AwsSigner(AwsKey("AKID", "secret"), region, ManualClock())
    headers = await signer.authorize(post(url))
    assert f"/{scope}/aws4_request" in headers["authorization"]
    assert not signer.refused()


async def test_a_token_in_a_file_is_read_again_as_it_ages() -> None:
    clock, now = ManualClock(), ["b"]

    def read() -> str:
        if not now[0]:
            raise ValueError("empty")
        return now[0]

    token = FileToken("a", read, clock)

    async def said() -> str:
        return (await token.authorize(REQUEST))["authorization"]

    assert await said() == "Bearer a"
    clock.advance(31)
    assert await said() == "Bearer b"
    for broken in ("", "c d"):
        now[0] = broken
        clock.advance(31)
        assert await said() == "Bearer b"
    now[0] = "e"
    assert token.refused()
    assert await said() == "Bearer e"
    assert not FileToken("a", None, clock).refused()
