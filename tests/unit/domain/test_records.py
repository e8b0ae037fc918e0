from __future__ import annotations

import msgspec

from control_plane import closed, opened
from opengateway.domain.records import (
    AttemptRecord,
    CloseRecord,
    Ending,
    JournalRecord,
    OpenRecord,
    RequestError,
)
from opengateway.domain.usage import Dimension

OLD_CLOSE = (
    b'{"type":"close","id":"gen_1","team_id":"team_a","key_id":"key_a","zone":"kr","gateway":"gw_1",'
    b'"snapshot":"v1","started_at_ns":7,"operation":"chat.completions","dialect":"openai_chat",'
    b'"stream":false,"requested_model":"m","ending":"refused","status":502,"opened":true,'
    b'"model":"acme/m","endpoint_id":"e1","provider":"acme","region":null,'
    b'"error":{"status":502,"code":"upstream_error","message":"no","param":null},'
    b'"finish_reason":null,"native_finish_reason":null,"usage":{"input_tokens":3},'
    b'"usage_estimated":false,"cost_nanos":0,"cost_parts":{},"price_id":"p1","attempts":['
    b'{"endpoint_id":"e1","provider":"acme","region":"global","upstream_model":"m",'
    b'"credential":"main","started_ms":0.5,"ended_ms":2.0,"first_byte_ms":null,"status":"failed",'
    b'"upstream_status":500,"error_class":"server_error","error_code":null,"error_message":null,'
    b'"upstream_id":null}],"overhead_us":90,"first_token_ms":null,"total_ms":2.5,"input_bytes":0,'
    b'"delivered_characters":0,"dropped_params":[],"client_request_id":null,"upstream_id":null,'
    b'"session_id":null,"user":null}'
)
"""As it was stored before leases, and before members that hold their default were left out."""


def test_a_record_of_the_form_before_is_read_field_by_field() -> None:
    assert msgspec.json.decode(OLD_CLOSE, type=CloseRecord) == CloseRecord(
        id="gen_1",
        team_id="team_a",
        key_id="key_a",
        zone="kr",
        gateway="gw_1",
        snapshot="v1",
        started_at_ns=7,
        operation="chat.completions",
        dialect="openai_chat",
        stream=False,
        requested_model="m",
        ending=Ending.REFUSED,
        status=502,
        opened=True,
        model="acme/m",
        endpoint_id="e1",
        provider="acme",
        error=RequestError(502, "upstream_error", "no"),
        usage={Dimension.INPUT: 3},
        price_id="p1",
        attempts=[
            AttemptRecord(
                *("e1", "acme", "global", "m", "main", 0.5, 2.0, None, "failed", 500),
                error_class="server_error",
            )
        ],
        overhead_us=90,
        total_ms=2.5,
    )


def test_what_holds_its_default_takes_no_room_in_the_journal() -> None:
    for record in (opened(1), closed(1)):
        stored = msgspec.msgpack.encode(record)
        assert b"lease_id" not in stored
        back: OpenRecord | CloseRecord = msgspec.msgpack.decode(stored, type=JournalRecord)
        assert back == record
