"""schemathesis, a foreign judge, reads `/openapi.json` and asks every route whatever it makes of it, on both stores.

It makes requests that the document allows and requests that it does not, over a workspace that holds something of
everything; half of the places in paths name what there is. An answer fails its test when it is a 5xx, has a status, a
content type or a header that is not documented, or a body that is not of its schema.

`SWITCHHOOK_FUZZ=200` asks that many of each route and store in place of a few; `SWITCHHOOK_FUZZ_SEED` takes another way
through them. The seed is printed with a failure; the same seed asks the same.
"""

import os
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from switchhook.api.openapi import document
from switchhook.api.route import Route
from switchhook.api.routes import ROUTES
from tests.api.test_api_crossing import live_in
from tests.api.world import PUBLIC_URL, World, call

Case = schemathesis.Case[Any]

EXAMPLES = int(os.environ.get("SWITCHHOOK_FUZZ", "12"))
SEED = int(os.environ.get("SWITCHHOOK_FUZZ_SEED", "4"))
SCHEMA = schemathesis.openapi.from_dict(document(PUBLIC_URL, "test"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCUMENTED = [route for route in ROUTES if not route.hidden]
_PLACE = re.compile(r"\{(\w+)\}")


def cases(route: Route) -> st.SearchStrategy[Case]:
    """Requests of one route, good and bad."""
    operation = SCHEMA[route.path][route.method.lower()]
    return operation.as_strategy(schemathesis.GenerationMode.POSITIVE) | operation.as_strategy(
        schemathesis.GenerationMode.NEGATIVE
    )


async def ask(world: World, case: Case, key: str) -> schemathesis.Response:
    """Send what a client would send for `case`; the answer as a client would have it."""
    wanted = {**case.as_transport_kwargs(PUBLIC_URL), "cookies": {}}
    prepared = requests.Request(**wanted).prepare()
    url = urlsplit(str(prepared.url))
    assume(
        "?" not in unquote(url.path) and url.path.count("/") == case.operation.path.count("/")
    )  # another path
    # A header that HTTP does not allow never reaches the application.
    headers = {
        str(name).lower(): value if isinstance(value, str) else value.decode("latin-1")
        for name, value in prepared.headers.items()
    }
    headers.setdefault("authorization", f"Api-Key {key}")
    body: Any = prepared.body or b""
    content = body.encode() if isinstance(body, str) else body
    query = f"{url.query}&follow=false" if url.path.endswith("/stream") else url.query  # it would have no end
    answer = await call(world.app, case.method, f"{unquote(url.path)}?{query}", [content], headers)
    lines: dict[str, list[str]] = {}
    for name, value in answer.lines:
        lines.setdefault(name, []).append(value)
    return schemathesis.Response(answer.status, lines, answer.body, prepared, 0.0, verify=False)


@pytest.fixture
async def places(world: World, key: str) -> dict[str, str]:
    """What there is in the workspace, by the names of the places in paths."""
    return await live_in(world, key)


@pytest.mark.parametrize("route", DOCUMENTED, ids=lambda route: route.name)
@seed(SEED)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
async def test_what_the_document_says_is_so(
    world: World, key: str, places: dict[str, str], route: Route, data: st.DataObject
) -> None:
    print(f"SWITCHHOOK_FUZZ={EXAMPLES} SWITCHHOOK_FUZZ_SEED={SEED}")
    case = data.draw(cases(route))
    if data.draw(st.booleans()):
        for name in _PLACE.findall(route.path):
            case.path_parameters[name] = places[name]
    case.validate_response(await ask(world, case, key), checks=CHECKS)
