"""Credentials that prove themselves anew for each request: signatures, and tokens that age."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from contract.scripted_server import Peer, scripted
from contract.transport_case import TransportCase, fetch, post
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.authorizers import AwsSigner
from opengateway.infra.outbound import MisdirectedCredential
from opengateway.kit.clock import ManualClock
from opengateway.kit.sigv4 import AwsKey, SignatureScope, signed_headers
from opengateway.ports.transport import Credential, UpstreamRequest, UpstreamTransport

PATH = "/model/us.anthropic.claude-v1%3A0/converse?a=b%2Fc"


class Counting:
    """Gives numbered tokens; after a refusal another, if it `renews`."""

    def __init__(self, *, renews: bool = True, fails: bool = False) -> None:
        self.seen: list[UpstreamRequest] = []
        self._renews = renews
        self._fails = fails

    async def authorize(self, request: UpstreamRequest) -> Mapping[str, str]:
        self.seen.append(request)
        if self._fails:
            raise UpstreamError(ErrorClass.AUTH, "no token")
        return {"authorization": f"Bearer t{len(self.seen)}"}

    def refused(self) -> bool:
        return self._renews


async def ok(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.answer(b"ok")


async def unauthorized_first(peer: Peer) -> None:
    while True:
        request = await peer.request()
        is_first = request.headers["authorization"].endswith("t1")
        await peer.answer(b"no" if is_first else b"ok", status="401 X" if is_first else "200 OK")


async def unauthorized(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.answer(b"no", status="401 X")


class AuthorizersContract(TransportCase):
    """What `Credential.authorizer` promises."""

    async def test_each_request_is_authorized_anew_on_connections_that_are_kept(
        self, transport: UpstreamTransport
    ) -> None:
        authorizer = Counting()
        async with scripted(ok) as server:
            credential = Credential("main", "", server.origin, authorizer=authorizer)
            for body in (b"1", b"2", b"3"):
                url = f"{server.origin}/v1"
                assert await fetch(transport, url, credential=credential, body=body) == b"ok"
            tokens = [request.headers["authorization"] for request in server.requests]
            assert tokens == ["Bearer t1", "Bearer t2", "Bearer t3"]
            assert [request.body for request in authorizer.seen] == [b"1", b"2", b"3"]
            assert len(server.peers) == 1
            kinds = {request.headers["content-type"] for request in server.requests}
            assert kinds == {"application/json"}

    async def test_what_is_signed_arrives_as_it_was_signed(
        self, transport: UpstreamTransport
    ) -> None:
        clock, key = ManualClock(), AwsKey("AKIDEXAMPLE", "secret", "session")
        async with scripted(ok) as server:
            signer = AwsSigner(key, "eu-west-1", clock)
            credential = Credential("main", "", server.origin, authorizer=signer)
            await fetch(transport, server.origin + PATH, credential=credential)
            (received,) = server.requests
            assert received.line == f"POST {PATH} HTTP/1.1"
            assert received.headers["x-amz-security-token"] == "session"
            # As the service verifies it: from what came over the wire, and nothing else.
            expected = signed_headers(
                key,
                SignatureScope("eu-west-1", "bedrock"),
                method="POST",
                url=f"http://{received.headers['host']}{received.line.split()[1]}",
                headers={"content-type": received.headers["content-type"]},
                body=received.body,
                at_s=clock.now_ns() // 1_000_000_000,
            )
            assert received.headers["authorization"] == expected["authorization"]

    async def test_an_authorizer_is_not_asked_for_another_origin(
        self, transport: UpstreamTransport
    ) -> None:
        authorizer = Counting()
        async with scripted(ok) as server:
            other = Credential("main", "", "https://other.test", authorizer=authorizer)
            with pytest.raises(MisdirectedCredential):
                await transport.send(post(server.origin, credential=other))
            assert not server.requests
            regional = Credential(
                "main", "", "https://other.test", origins=(server.origin,), authorizer=authorizer
            )
            assert await fetch(transport, server.origin, credential=regional) == b"ok"
        assert len(authorizer.seen) == 1

    async def test_a_key_goes_to_every_origin_of_its_provider_and_to_no_other(
        self, transport: UpstreamTransport
    ) -> None:
        async with scripted(ok) as server:
            places = ("https://b.test", server.origin)
            key = Credential("main", "s3cret", "https://a.test", origins=places)
            assert await fetch(transport, server.origin, credential=key) == b"ok"
            stranger = Credential("main", "s3cret", "https://a.test", origins=("https://b.test",))
            with pytest.raises(MisdirectedCredential):
                await transport.send(post(server.origin, credential=stranger))
            assert len(server.requests) == 1

    async def test_a_token_that_was_refused_is_tried_once_more_with_another(
        self, transport: UpstreamTransport
    ) -> None:
        authorizer = Counting()
        async with scripted(unauthorized_first) as server:
            credential = Credential("main", "", server.origin, authorizer=authorizer)
            assert await fetch(transport, server.origin, credential=credential) == b"ok"
            tokens = [request.headers["authorization"] for request in server.requests]
            assert tokens == ["Bearer t1", "Bearer t2"]

    @pytest.mark.parametrize(("renews", "requests"), [(True, 2), (False, 1)])
    async def test_no_more_than_once_and_only_where_it_may_help(
        self, transport: UpstreamTransport, renews: bool, requests: int
    ) -> None:
        async with scripted(unauthorized) as server:
            authorizer = Counting(renews=renews)
            credential = Credential("main", "", server.origin, authorizer=authorizer)
            response = await transport.send(post(server.origin, credential=credential))
            assert (response.status, await response.read(100)) == (401, b"no")
            await response.release()
            assert len(server.requests) == requests

    async def test_without_a_proof_nothing_is_sent(self, transport: UpstreamTransport) -> None:
        async with scripted(ok) as server:
            authorizer = Counting(fails=True)
            credential = Credential("main", "", server.origin, authorizer=authorizer)
            with pytest.raises(UpstreamError) as caught:
                await transport.send(post(server.origin, credential=credential))
            assert caught.value.error_class is ErrorClass.AUTH
            assert not server.peers
