"""Files that come with texts: fetched from what speaks as Twilio does, shown by signed links, gone with the words."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from switchhook.clock import SystemClock
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.http import Client, SystemResolver
from switchhook.media.links import sign_path
from switchhook.serving.texts import FILE_LIMITS
from switchhook.storage import fetches
from switchhook.telephony.twilio import files as filing
from switchhook.telephony.twilio.files import Filer
from switchhook.telephony.twilio.inbound import attached
from switchhook.telephony.twilio.messages import Account
from switchhook.telephony.twilio.rest import Rest
from tests.api.test_api_twilio import CAME_IN, MESSAGES, Post
from tests.api.world import LINK_KEY, PUBLIC_URL, Answer, World, call
from tests.telephony.twilio_peer import SID, TOKEN, TwilioPeer
from tests.workspace.carrying import settle_in

PICTURE = b"\xff\xd8\xff\xe0 a picture"
BASE = f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages/MM1/Media/"
TWO = {
    **CAME_IN,
    "MessageSid": "MM1",
    "NumMedia": "2",
    "MediaUrl0": f"{BASE}ME1",
    "MediaContentType0": "image/jpeg",
    "MediaUrl1": f"{BASE}ME2",
    "MediaContentType1": "text/vcard",
}


@pytest.fixture
async def peer() -> AsyncIterator[TwilioPeer]:
    made = TwilioPeer(media={"ME1": PICTURE, "ME2": b"BEGIN:VCARD"})
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def post(world: World) -> Post:
    await settle_in(world.store)
    return Post(world)


@pytest.fixture
async def filer(world: World, peer: TwilioPeer) -> AsyncIterator[Filer]:
    made = a_filer(world, peer)
    yield made
    await made.stop()


def a_filer(world: World, peer: TwilioPeer) -> Filer:
    clock, policy = SystemClock(), AddressPolicy.parse("127.0.0.0/8")
    client = Client(clock, policy, SystemResolver(clock), limits=FILE_LIMITS)
    rest = Rest(Account(SID, TOKEN, peer.url), client, policy)
    return Filer(world.store, world.clock, "wsp_a", world.folder, rest)


async def shown(world: World, key: str) -> list[dict[str, Any]]:
    """The files of the only text there is."""
    found = await world.call("POST", "/v2/api/conversations/items/search", key=key, json={})
    (item,) = found.data
    files: list[dict[str, Any]] = item["files"]
    return files


async def waiting(world: World) -> int:
    return await world.store.read(lambda reader: fetches.count(reader, "wsp_a"))


def on_disk(world: World) -> list[str]:
    return sorted(path.name for path in Path(world.folder / "recordings").glob("*"))


async def opened(post: Post, url: str) -> Answer:
    return await call(post.app, "GET", url.removeprefix(PUBLIC_URL), [], {"host": "x"})


async def test_the_files_of_a_text_are_fetched_and_shown(
    post: Post, filer: Filer, peer: TwilioPeer, key: str
) -> None:
    await post(MESSAGES, TWO)
    await post(MESSAGES, TWO)  # told twice, it is one text with two files
    before = await shown(post.world, key)
    assert [(one["url"], one["content_type"], one["size"]) for one in before] == [
        (None, "image/jpeg", None),
        (None, "text/vcard", None),
    ]
    await filer.work()
    assert peer.asked == ["GET /Messages/MM1/Media/ME1", "GET /Messages/MM1/Media/ME2"]
    assert peer.logins == [f"{SID}:{TOKEN}"] * 2
    picture, card = await shown(post.world, key)
    assert (picture["size"], card["size"]) == (len(PICTURE), 11)
    answer = await opened(post, picture["url"])
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, PICTURE, "image/jpeg")
    assert answer.headers["content-disposition"] == f'inline; filename="{picture["id"]}.jpg"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    answer = await opened(post, card["url"])
    assert answer.headers["content-disposition"].startswith("attachment")
    assert on_disk(post.world) == sorted([f"{picture['id']}.jpg", f"{card['id']}.vcf"])
    assert await waiting(post.world) == 0


async def test_who_may_have_a_file(post: Post, filer: Filer, key: str) -> None:
    await post(MESSAGES, TWO)
    await filer.work()
    world, (picture, _) = post.world, await shown(post.world, key)
    url = picture["url"].removeprefix(PUBLIC_URL)
    plain = url.partition("?")[0]
    assert (await world.call("GET", plain, key=key)).body == PICTURE
    assert (await world.call("GET", plain)).status == 401
    assert (await world.call("GET", plain, key=await world.key("WEBHOOKS_READ_WRITE"))).status == 403
    elsewhere = await world.key(workspace="wsp_b")
    assert (await world.call("GET", plain, key=elsewhere)).code == "FILE_NOT_FOUND"
    for wrong in (url[:-1] + ("0" if url[-1] != "0" else "1"), url.replace("expires=1", "expires=2")):
        assert (await world.call("GET", wrong)).code == "FORBIDDEN"
    # A link to a recording of the same id opens no file, and the other way round.
    other = sign_path(LINK_KEY, picture["id"], 9_999_999_999).partition("?")[2]
    assert (await world.call("GET", f"{plain}?{other}")).code == "FORBIDDEN"
    world.clock.step_wall(86_401)
    assert (await world.call("GET", url)).code == "FORBIDDEN"
    assert (await shown(world, key))[0]["url"] != picture["url"]


@pytest.mark.parametrize("fault", ["404", "401", "503", "drop", "half"])
async def test_what_cannot_be_had_is_tried_again_also_by_another_process(
    post: Post, filer: Filer, peer: TwilioPeer, key: str, fault: str
) -> None:
    await post(MESSAGES, {**TWO, "MediaUrl1": ""})
    peer.faults = [fault]
    await filer.work()
    await filer.work()
    assert (len(peer.asked), await waiting(post.world), on_disk(post.world)) == (1, 1, [])
    await filer.stop()
    post.world.clock.step_wall(filing.FIRST_PAUSE)
    again = a_filer(post.world, peer)
    await again.work()
    assert (await waiting(post.world), (await shown(post.world, key))[0]["size"]) == (0, len(PICTURE))
    await again.stop()


async def test_what_is_not_kept(
    post: Post, filer: Filer, peer: TwilioPeer, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing, "MOST", len(PICTURE) - 1)
    await post(MESSAGES, {**TWO, "MediaContentType1": "image/svg+xml"})
    await filer.work()
    assert (await waiting(post.world), on_disk(post.world)) == (0, [])
    assert [one["url"] for one in await shown(post.world, key)] == [None, None]
    await post(MESSAGES, {**TWO, "MessageSid": "MM2", "MediaUrl1": ""})
    peer.media.clear()
    post.world.clock.step_wall(filing.NOT_THERE + 1)
    await filer.work()
    assert await waiting(post.world) == 0


@pytest.mark.parametrize("fetched", [True, False])
async def test_they_go_with_the_words_of_the_text(
    post: Post, filer: Filer, peer: TwilioPeer, key: str, fetched: bool
) -> None:
    world = post.world
    await post(MESSAGES, TWO)
    if fetched:
        await filer.work()
    links = [one["url"] for one in await shown(world, key)]
    *_, (_, _, event, *_) = await world.store.read(lambda reader: reader.fetch("unsettled", 0, 10))
    assert (await world.call("POST", f"/v2/api/events/{event}/expunge", key=key)).status == 200
    assert await shown(world, key) == []
    for link in links:
        assert link is None or (await opened(post, link)).status == 404
    await filer.work()
    assert (on_disk(world), await waiting(world)) == ([], 0)
    assert len(peer.asked) == (2 if fetched else 0)


def test_only_what_lies_at_twilio_is_fetched() -> None:
    assert attached({"MediaUrl0": "https://elsewhere.example/x.jpg", "MediaContentType0": "image/jpeg"}) == ()
    assert attached({"MediaUrl0": f"{BASE}ME1?x=../../secret", "MediaContentType0": "image/jpeg"}) == ()
    (one,) = attached({"MediaUrl0": f"{BASE}ME1", "MediaContentType0": "Image/JPEG; charset=x"})
    assert (one.carrier_id, one.content_type) == ("Messages/MM1/Media/ME1", "image/jpeg")
