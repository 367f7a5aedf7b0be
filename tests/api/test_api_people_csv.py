"""People as a file over the API, on both stores."""

from typing import Any

import pytest

from switchhook.api import people_csv
from tests.api.test_api_people import MARIE, person, topics
from tests.api.world import Answer, World

PEOPLE = "/v2/api/crm/people"
FILE = "First name,Phone,Email\nMarie,06 12 34 56 78,m@x.example\nPaul,nonsense,\n"


async def take(
    world: World, key: str, file: str | bytes = FILE, query: str = "", kind: str = "text/csv"
) -> Answer:
    body = file if isinstance(file, bytes) else file.encode()
    return await world.call(
        "POST", f"{PEOPLE}/import{query}", key=key, body=body, headers={"content-type": kind}
    )


async def test_a_file_is_tried_taken_and_given_out_again(world: World, key: str) -> None:
    dry = await take(world, key, query="?dry_run=true")
    assert dry.status == 200
    assert await topics(world) == []
    done = await take(world, key, query="?dry_run=false", kind="text/csv; charset=UTF-8")
    rows = done.data["rows"]
    made = rows[0]["person_id"]
    assert dry.data == {
        **done.data,
        "dry_run": True,
        "rows": [{**rows[0], "person_id": None}, rows[1]],
    }
    assert {**done.data, "rows": None} == {
        "dry_run": False,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "faulty": 1,
        "rows": None,
    }
    assert (rows[1]["line"], rows[1]["faults"][0]["code"]) == (3, "INVALID_PHONE_NUMBER")
    assert (await world.call("GET", f"{PEOPLE}/{made}", key=key)).data["numbers"] == [MARIE]
    assert (await take(world, key)).data["unchanged"] == 1
    assert await topics(world) == ["contact.created"]
    out = await world.call("GET", f"{PEOPLE}/export", key=key)
    assert out.headers["content-type"] == "text/csv; charset=utf-8"
    assert "content-length" not in out.headers
    assert out.body.decode() == (
        "name,last_name,job_title,website,address,company,numbers,emails\r\n"
        f"Marie,,,,,,{MARIE},m@x.example\r\n"
    )
    elsewhere = await world.key(workspace="wsp_b")
    there = await world.call("GET", f"{PEOPLE}/export", key=elsewhere)
    assert there.body.count(b"\n") == 1
    assert (await take(world, elsewhere, out.body)).data["created"] == 1


async def test_everybody_is_given_out_in_the_order_of_their_ids(
    world: World, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_csv, "_PAGE", 2)
    numbers = [f"+3360000000{n}" for n in range(4)]
    for number in numbers:
        await person(world, key, number)
    out = await world.call("GET", f"{PEOPLE}/export", key=key)
    assert [line.split(",")[6] for line in out.body.decode().splitlines()[1:]] == numbers
    head = await world.call("HEAD", f"{PEOPLE}/export", key=key)
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ({"kind": "application/json"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ({"kind": "text/csv; charset=latin1"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ({"query": "?dry_run=maybe"}, (400, "INVALID_PARAMETER")),
        ({"file": b"\xff"}, (400, "INVALID_REQUEST_BODY")),
        ({"file": "phone,shoe size\n1,2\n"}, (422, "INVALID_FIELD")),
        ({"file": b"x" * (1024 * 1024 + 1)}, (413, "PAYLOAD_TOO_LARGE")),
    ],
)
async def test_a_file_that_cannot_be_taken(
    world: World, key: str, sent: Any, answer: tuple[int, str]
) -> None:
    refused = await take(world, key, **sent)
    assert (refused.status, refused.code) == answer
    assert await topics(world) == []


async def test_a_key_that_reads_gives_out_and_takes_nothing_in(world: World) -> None:
    reads, writes = await world.key("CRM_READ"), await world.key("CRM_WRITE")
    assert (await world.call("GET", f"{PEOPLE}/export", key=reads)).status == 200
    assert (await take(world, reads)).code == "API_KEY_INSUFFICIENT_SCOPE"
    assert (await take(world, writes)).status == 200
