"""Images on the common wire: `{created, data: [{url | b64_json, revised_prompt}], usage}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, Meter, UpstreamCall
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.operations import Operation
from opengateway.domain.usage import Dimension
from opengateway.kit.json import dumps, loads
from opengateway.wires.openai_chat.error import malformed
from opengateway.wires.operations.members import members_of, path_for, unsupported
from opengateway.wires.operations.metering import details, first, meter_of, priced
from opengateway.wires.operations.whole import WholeWire, object_of

_FORMS: Final = ("url", "b64_json")


class ImagesWire(WholeWire):
    """`POST /images/generations`."""

    __slots__ = ()

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        dropped: list[str] = []
        fields = members_of(chat, endpoint, provider, team_id, dropped)
        if endpoint.upstream_model.startswith(provider.profile.operations.image_data_only or "\0"):
            form = fields.pop("response_format", None)
            if form is not None and loads(form) != "b64_json":
                raise unsupported(provider, "response_format", "ask for 'b64_json'")
        path = path_for(Operation.IMAGES, endpoint, provider)
        return UpstreamCall(path, dumps(fields), tuple(dropped))

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        answer = object_of(body, provider)
        data = answer.get("data")
        if not isinstance(data, list) or not data or not all(_is_image(item) for item in data):
            raise malformed(provider, "gave an answer without images")
        asked = chat.fields.get("response_format")
        if asked is not None and (form := loads(asked)) in _FORMS and form not in data[0]:
            raise UpstreamError(
                ErrorClass.MALFORMED,
                f"the provider {provider.id} gave images in another form than {form!r}",
            )
        answer["model"] = model_id
        if not isinstance(answer.get("created"), int):
            answer["created"] = 0
        reported = answer.get("usage")
        meter = _meter(reported if isinstance(reported, dict) else {}, len(data), endpoint)
        return ChatReply(dumps(answer), meter)


def _is_image(item: Any) -> bool:
    return isinstance(item, dict) and any(
        isinstance(item.get(form), str) and item[form] for form in _FORMS
    )


def _meter(reported: Mapping[str, Any], made: int, endpoint: Endpoint) -> Meter:
    """Images where these are billed; else the tokens of the prompt and of the images."""
    if Dimension.IMAGES in endpoint.price.rates:
        return meter_of(priced(endpoint, images=made))
    read, given = first(reported, "input_tokens"), first(reported, "output_tokens")
    parts = details(reported, "input_tokens_details")
    cached = min(first(parts, "cached_tokens"), read)
    output = details(reported, "output_tokens_details")
    # Text that it thought with has a price of its own at some; without one it costs as images do.
    text = min(first(output, "text_tokens"), given)
    if Dimension.OUTPUT not in endpoint.price.rates:
        text = 0
    return meter_of(
        {
            Dimension.INPUT: read - cached,
            Dimension.CACHE_READ: cached,
            Dimension.OUTPUT: text,
            Dimension.IMAGE_OUTPUT: given - text,
        }
    )
