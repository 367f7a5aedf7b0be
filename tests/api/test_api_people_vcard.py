"""People as vCards over the API, on both stores."""

import pytest

from tests.api.test_api_people import MARIE, topics
from tests.api.world import Answer, World

PEOPLE = "/v2/api/crm/people"
FILE = (
    "BEGIN:VCARD\r\nVERSION:4.0\r\nN:Dupont;Marie;;;\r\nTEL:tel:+33612345678\r\nEMAIL:m@x.example\r\n"
    "ORG:Acme\r\nBDAY:19900101\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Paul\r\nTEL:nonsense\r\nEND:VCARD\r\n"
)


async def take(
    world: World, key: str, file: str | bytes = FILE, query: str = "", kind: str = "text/vcard"
) -> Answer:
    body = file if isinstance(file, bytes) else file.encode()
    return await world.call(
        "POST", f"{PEOPLE}/import/vcard{query}", key=key, body=body, headers={"content-type": kind}
    )


async def test_cards_are_tried_taken_and_given_out_again(world: World, key: str) -> None:
    dry = await take(world, key, query="?dry_run=true")
    assert (dry.status, await topics(world)) == (200, [])
    done = await take(world, key, kind="text/x-vcard; charset=utf-8")
    good, bad = done.data["rows"]
    assert dry.data == {**done.data, "dry_run": True, "rows": [{**good, "person_id": None}, bad]}
    assert (good["line"], good["outcome"], good["ignored"]) == (1, "created", ["BDAY"])
    assert (bad["line"], bad["faults"][0]["code"]) == (9, "INVALID_PHONE_NUMBER")
    assert "ignored" not in bad
    shown = (await world.call("GET", f"{PEOPLE}/{good['person_id']}", key=key)).data
    assert (shown["numbers"], shown["company"]["name"]) == ([MARIE], "Acme")
    assert (await take(world, key)).data["unchanged"] == 1
    assert await topics(world) == ["contact.created"]
    out = await world.call("GET", f"{PEOPLE}/export/vcard", key=key)
    assert out.headers["content-type"] == "text/vcard; charset=utf-8"
    assert out.body.decode() == (
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{good['person_id']}\r\nFN:Marie Dupont\r\nN:Dupont;Marie;;;\r\n"
        f"TEL;TYPE=pref:{MARIE}\r\nEMAIL;TYPE=pref:m@x.example\r\nORG:Acme\r\nEND:VCARD\r\n"
    )
    elsewhere = await world.key(workspace="wsp_b")
    assert (await world.call("GET", f"{PEOPLE}/export/vcard", key=elsewhere)).body == b""
    assert (await take(world, elsewhere, out.body)).data["created"] == 1


async def test_a_card_adds_to_who_has_its_number(world: World, key: str) -> None:
    await take(world, key)
    card = f"BEGIN:VCARD\nVERSION:3.0\nTEL;TYPE=pref:0698765432\nTEL:{MARIE}\nTITLE:Cook\nEND:VCARD\n"
    assert (await take(world, key, card)).data["updated"] == 1
    (row,) = (await take(world, key, card)).data["rows"]
    assert row["outcome"] == "unchanged"
    shown = (await world.call("GET", f"{PEOPLE}/{row['person_id']}", key=key)).data
    assert (shown["numbers"], shown["job_title"], shown["name"]) == ([MARIE, "+33698765432"], "Cook", "Marie")
    assert await topics(world) == ["contact.created", "contact.updated"]


@pytest.mark.parametrize(
    ("file", "kind", "answer"),
    [
        (FILE.encode(), "text/csv", (415, "UNSUPPORTED_MEDIA_TYPE")),
        (b"name,phone", "text/vcard", (400, "INVALID_REQUEST_BODY")),
        (b"x" * (1024 * 1024 + 1), "text/vcard", (413, "PAYLOAD_TOO_LARGE")),
    ],
)
async def test_a_file_that_holds_no_cards_is_refused(
    world: World, key: str, file: bytes, kind: str, answer: tuple[int, str]
) -> None:
    refused = await take(world, key, file, kind=kind)
    assert (refused.status, refused.code) == answer


async def test_a_key_that_reads_gives_out_cards_and_takes_none_in(world: World) -> None:
    reads = await world.key("CRM_READ")
    assert (await world.call("GET", f"{PEOPLE}/export/vcard", key=reads)).status == 200
    assert (await take(world, reads)).code == "API_KEY_INSUFFICIENT_SCOPE"
