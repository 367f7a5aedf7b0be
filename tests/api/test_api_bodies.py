"""What is said of a value in a body that is spelled wrongly: which spellings there are."""

import pytest

from tests.api.world import World


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/v2/api/webhooks/{hook}", {"signature": "v2"}, "signature: 'v2' is none of v1, v1a."),
        (
            "/v2/api/webhooks/{hook}/retry",
            {"status": "done"},
            "status: 'done' is none of any, failed, pending, succeeded.",
        ),
        (
            "/v2/api/webhooks/{hook}/retry",
            {"response_status": ["6xx"]},
            "response_status[0]: Must be: A status code, or a class: `5xx`.",
        ),
        (
            "/v2/api/users",
            {"email": "a@b.example", "role": "BOSS"},
            "role: 'BOSS' is none of ADMIN, MANAGER, MEMBER.",
        ),
        (
            "/v2/api/numbers",
            {"number": "+33123456789", "country": "FRA"},
            "country: Must be: Two letters, such as FR.",
        ),
        (
            "/v2/api/tags",
            {"name": "Red", "color": "red"},
            "color: Must be: Three to six hexadecimal digits, such as #FF8800.",
        ),
    ],
)
async def test_who_spells_a_value_wrongly_is_told_which_there_are(
    world: World, key: str, path: str, body: dict[str, object], message: str
) -> None:
    hook = (await world.create(key))["id"]
    method = "PUT" if path.endswith("{hook}") else "POST"
    answer = await world.call(method, path.format(hook=hook), json=body, key=key)
    assert (answer.status, answer.code, answer.error["message"]) == (400, "INVALID_REQUEST_BODY", message)
