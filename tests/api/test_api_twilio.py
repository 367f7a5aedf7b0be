"""What Twilio posts, signed by Twilio's own library: taken once, behind a proxy too, and from nobody else."""

import asyncio
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from switchhook.api.app import Api, build
from switchhook.telephony.twilio.door import Door
from switchhook.telephony.twilio.inbound import TwilioHooks
from switchhook.workspace.messaging import Texts
from tests.api.world import PUBLIC_URL, Answer, World, call
from tests.workspace.carrying import MARIE, OURS, ScriptedCarrier, item, items, settle_in, told, write

SID, TOKEN = "AC0123456789", "the token of the account"
MESSAGES, STATUS = "/hooks/twilio/messages", "/hooks/twilio/status"
CAME_IN = {
    "MessageSid": "SM1",
    "AccountSid": SID,
    "From": MARIE,
    "To": OURS,
    "Body": "Guten Tag! Über 100 € & mehr 😀",
    "NumMedia": "0",
    "NumSegments": "1",
}


class Post:
    """Twilio, posting to one server."""

    def __init__(self, world: World, public_url: str = PUBLIC_URL) -> None:
        self.world = world
        self.url = public_url
        self.texts = Texts(world.store, world.clock, "wsp_a", "FR", carrier=ScriptedCarrier())
        services = world.services()
        hooks = TwilioHooks(self.texts, Door(SID, TOKEN, PUBLIC_URL, world.clock))
        self.app: Api = build(type(services)(**{**vars(services), "texts": self.texts, "twilio": hooks}))

    async def __call__(
        self, path: str, form: dict[str, str], *, token: str = TOKEN, sent: bytes = b""
    ) -> Answer:
        signature = RequestValidator(token).compute_signature(self.url + path, form)
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "host": "10.0.0.7:8080",  # as the proxy calls us
            "x-twilio-signature": signature,
        }
        return await call(self.app, "POST", path, [sent or urlencode(form).encode()], headers)


@pytest.fixture
async def post(world: World) -> Post:
    await settle_in(world.store)
    return Post(world)


async def test_a_text_is_taken_and_answered_with_nothing_to_say(post: Post) -> None:
    answer = await post(MESSAGES, CAME_IN)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/xml")
    assert answer.body == b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
    (event,) = await told(post.world.store, "sms.received")
    assert (event.data.content, event.data.type) == (CAME_IN["Body"], "SMS")  # type: ignore[union-attr]


async def test_media_make_it_an_mms(post: Post) -> None:
    await post(MESSAGES, {**CAME_IN, "NumMedia": "2", "Body": "", "MediaUrl0": "https://api.twilio.com/x"})
    assert [one.message_type for one in await items(post.world.store)] == ["MMS"]


async def test_fifty_posts_of_one_text_are_one_event(post: Post) -> None:
    answers = await asyncio.gather(*(post(MESSAGES, CAME_IN) for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert (len(await told(post.world.store)), len(await items(post.world.store))) == (1, 1)


async def test_what_is_not_signed_by_twilio_for_this_address_is_not_looked_at(post: Post) -> None:
    elsewhere = Post(post.world, "https://elsewhere.example")
    refused = [
        await post(MESSAGES, CAME_IN, token="another token"),
        await post(MESSAGES, CAME_IN, sent=urlencode({**CAME_IN, "Body": "changed"}).encode()),
        await post(MESSAGES, {**CAME_IN, "AccountSid": "AC9"}),
        await post(MESSAGES, CAME_IN, sent=b"Body=%ff&\xff"),
        await elsewhere(MESSAGES, CAME_IN),
        await call(post.app, "POST", MESSAGES, [urlencode(CAME_IN).encode()], {"host": "x"}),
    ]
    assert [(answer.status, answer.code) for answer in refused] == [(403, "FORBIDDEN")] * 6
    assert await items(post.world.store) == []
    assert all(TOKEN not in answer.body.decode() for answer in refused)


async def test_what_becomes_of_a_text_counts_in_any_order(post: Post) -> None:
    one = await write(post.world.store, post.texts, "Hello")
    path = f"{STATUS}?text={one.id}"
    form = {"MessageSid": "SM7", "AccountSid": SID, "To": MARIE, "From": OURS}
    for word in ("queued", "delivered", "sent", "receiving", "delivered"):
        assert (await post(path, {**form, "MessageStatus": word})).status == 200
    assert (await item(post.world.store, one.id)).status == "DELIVERED"
    assert len(await told(post.world.store, "sms.sent")) == 1
    failed = {**form, "MessageStatus": "undelivered", "ErrorCode": "30003"}
    two = await write(post.world.store, post.texts, "Hello again")
    await post(f"{STATUS}?text={two.id}", {**failed, "MessageSid": "SM8"})
    ((_, sid, reason),) = await post.world.rows("text", "wsp_a", two.id)
    assert ((await item(post.world.store, two.id)).status, sid, reason) == ("FAILED", "SM8", "30003")


async def test_what_is_nothing_of_ours_is_taken_and_changes_nothing(post: Post) -> None:
    form = {"MessageSid": "SM9", "AccountSid": SID, "MessageStatus": "sent"}
    for path in (f"{STATUS}?text=msg_nobody", STATUS):
        assert (await post(path, form)).status == 200
    assert (await post(MESSAGES, {"AccountSid": SID, "Body": "no sender"})).status == 200
    assert (await items(post.world.store), await told(post.world.store)) == ([], [])


async def test_without_twilio_there_is_nothing_at_these_addresses(world: World) -> None:
    answer = await world.call("POST", MESSAGES, body=b"Body=x")
    assert (answer.status, answer.code) == (404, "ENDPOINT_NOT_FOUND")
