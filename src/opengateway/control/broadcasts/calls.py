"""What is sent for some requests: a trace, a signed message, an object. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from opengateway.control.telemetry.spans import document
from opengateway.control.webhooks.signing import headers as signed_message
from opengateway.domain.records import CloseRecord
from opengateway.domain.request_log import row_of
from opengateway.kit import json
from opengateway.kit.sigv4 import AwsKey, SignatureScope, signed_headers

_JSON: Final = "application/json"
_HIDDEN: Final = "provider_cost_nanos"
"""What providers charge is the platform's affair."""


class BroadcastKind(StrEnum):
    OTLP = "otlp"
    WEBHOOK = "webhook"
    S3 = "s3"


class Secrets(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of a broadcast; it never shows."""

    signing: str = ""
    headers: dict[str, str] = {}
    access_key_id: str = ""
    secret_access_key: str = ""

    def __repr__(self) -> str:
        return "Secrets(...)"


class Sending(NamedTuple):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes


class Place(NamedTuple):
    """A broadcast, as far as it says what is sent."""

    id: str
    kind: BroadcastKind
    url: str
    region: str
    zone: str


def sending(
    place: Place, secrets: Secrets, records: Sequence[CloseRecord], arrival: int, now_ns: int
) -> Sending:
    """`arrival` is of the last record. The same records make the same message id, and the same
    object: a receiver can tell what it has already."""
    if place.kind is BroadcastKind.OTLP:
        body = json.dumps(document(records, place.zone))
        return Sending("POST", place.url, {**secrets.headers, "content-type": _JSON}, body)
    rows = [_shown(record) for record in records]
    if place.kind is BroadcastKind.WEBHOOK:
        body = json.dumps({"type": "requests.ended", "data": rows})
        message_id = f"{place.id}.{arrival}"
        signed = signed_message([secrets.signing], message_id, now_ns // 10**9, body)
        return Sending("POST", place.url, {**signed, "content-type": _JSON}, body)
    body = b"".join(json.dumps(row) + b"\n" for row in rows)
    return _object(place, secrets, records[0], arrival, body, now_ns)


def _object(
    place: Place, secrets: Secrets, first: CloseRecord, arrival: int, body: bytes, now_ns: int
) -> Sending:
    """By the hour in which its first request began."""
    hour = datetime.fromtimestamp(first.started_at_ns // 10**9, UTC).strftime("%Y/%m/%d/%H")
    url = f"{place.url.rstrip('/')}/{hour}/{place.id}-{arrival:016d}.jsonl"
    headers = {
        "content-type": "application/x-ndjson",
        "x-amz-content-sha256": sha256(body).hexdigest(),
    }
    signed = signed_headers(
        AwsKey(secrets.access_key_id, secrets.secret_access_key),
        SignatureScope(place.region, "s3"),
        method="PUT",
        url=url,
        headers=headers,
        body=body,
        at_s=now_ns // 10**9,
    )
    return Sending("PUT", url, {**headers, **signed}, body)


def _shown(record: CloseRecord) -> dict[str, Any]:
    row = msgspec.structs.asdict(row_of(record))
    del row[_HIDDEN]
    return row
