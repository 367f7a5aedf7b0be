"""Whatever bytes are sent, the answer is a documented one and never a fault of ours."""

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.events.catalogue import CATALOGUE
from tests.api.world import TAG, World, dumps, example

PATHS = ("/v2/api/events", "/v2/api/events/batch", "/v2/api/webhooks")

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
keys = st.sampled_from(
    ["topic", "data", "dedupe_key", "events", "url", "topics", "description", "enabled", "x"]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good event with something replaced, removed, or cut off."""
    topic = draw(st.sampled_from(list(CATALOGUE)))
    event: Any = {"topic": topic, "data": example(topic)}
    inner = event["data"]
    name = draw(st.sampled_from(sorted(inner)))
    if draw(st.booleans()):
        inner[name] = draw(values)
    else:
        del inner[name]
    body = dumps(event)
    return body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body


bodies = st.one_of(
    st.binary(max_size=300),
    values.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(keys, values, max_size=5).map(lambda value: json.dumps(value).encode()),
    damaged(),
    damaged().map(lambda body: b'{"events":[' + body + b"," + body + b"]}"),
)


def ask(method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
    """One request to a new server; `World.call` holds the answer against the document."""

    async def run() -> None:
        with TemporaryDirectory() as folder:
            world = World(Path(folder))
            await world.start()
            try:
                key = await world.key()
                answer = await world.call(method, path, key=key, body=body, headers=headers)
                assert 200 <= answer.status < 500
                if answer.status >= 400:
                    assert await world.events() == 0
                    assert await world.rows("endpoints", "wsp_a") == []
            finally:
                await world.close()

    asyncio.run(run())


@settings(deadline=None, max_examples=150)
@given(path=st.sampled_from(PATHS), body=bodies)
def test_any_bytes_as_body_give_a_documented_answer_and_a_refusal_leaves_no_row(
    path: str, body: bytes
) -> None:
    ask("POST", path, body, {"content-type": "application/json"})


@settings(deadline=None, max_examples=80)
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["content-type", "idempotency-key", "x-request-id", "content-length", "expect", "range"]
        ),
        st.text(st.characters(max_codepoint=255), max_size=40),
        max_size=4,
    ),
    path=st.sampled_from(PATHS),
)
def test_any_headers_give_a_documented_answer(headers: dict[str, str], path: str) -> None:
    ask("POST", path, dumps({"topic": "tag.added", "data": TAG}), headers)


@settings(deadline=None, max_examples=80)
@given(query=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_any_query_gives_a_documented_answer(query: str) -> None:
    ask("GET", f"/v2/api/webhooks/ep_1/deliveries?{query}", b"", {})
    ask("GET", f"/v1/assets/recordings/rec_1.mp3?{query}", b"", {})
    ask("GET", f"/v1/assets/recordings/rec_1/peaks?{query}", b"", {})
