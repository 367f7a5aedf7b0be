"""For the tests of a receiver: signed sample events of every topic, and everything that may be wrong with one.

With pytest, name the module once in `conftest.py` and ask for the fixtures:

    pytest_plugins = ["switchhook.webhooks.testing"]

    def test_a_call_is_noted(client, webhook_sender):          # a Flask, Django, Starlette, FastAPI or httpx client
        assert webhook_sender.send(client, "call.completed", length="5m 30s").status_code == 200

The receiver under test needs the secret: the fixture `webhook_secret` has it, and may be overridden. Without pytest use
`Sender` itself.
"""

import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from switchhook.events import TOPICS, UnknownTopic, read, render
from switchhook.events.ids import new_id
from switchhook.webhooks.signing import Secret, sign

SECRET = "whsec_dGVzdHMgb25seTogbm90IGEgc2VjcmV0IQ=="  # noqa: S105 - known to everybody, and good for tests alone
"""The secret of `Sender` when none is given."""

OLD = 3600
"""Seconds since an old message was signed: no receiver may take it any more."""

URL = "/webhooks"
"""Where `send` posts to when no other path is named."""


class Signed(NamedTuple):
    """A request as Switchhook would send it."""

    body: bytes
    headers: dict[str, str]


class Sender:
    """Makes and sends messages signed with one secret, to one path."""

    def __init__(self, secret: str = SECRET, url: str = URL) -> None:
        """`secret` is the receiver's, `url` the path that `send` posts to.

        Raises:
            ValueError: it is no secret.
        """
        self.secret = Secret.parse(secret)
        self.url = url

    def message(
        self,
        topic: str,
        *,
        message_id: str | None = None,
        age: float = 0,
        secret: str | None = None,
        **overrides: Any,
    ) -> Signed:
        """A message of the topic's example with `overrides` for fields of its data, checked against the catalogue.

        `age` is how many seconds ago it was signed, `secret` another one to sign with.

        Raises:
            switchhook.events.UnknownTopic: there is no such topic; the error names the nearest one.
            switchhook.events.InvalidEvent: the overrides do not fit.
            TypeError: the topic's data has no such field.
        """
        row = TOPICS.get(topic)
        if row is None:
            raise UnknownTopic(topic, TOPICS)
        fields = row.struct.__struct_fields__
        for name in overrides:
            if name not in fields:
                raise TypeError(f"{topic} has no field `{name}`; it has {', '.join(fields)}")
        data = row.example
        if overrides:
            data = msgspec.json.encode(json.loads(data) | overrides)
            read(topic, data)
        return self.raw(self._rendered(topic, data), message_id=message_id, age=age, secret=secret)

    def raw(
        self, body: bytes, *, message_id: str | None = None, age: float = 0, secret: str | None = None
    ) -> Signed:
        """Any body, signed."""
        message_id = message_id or new_id("msg")
        at = int(time.time() - age)
        key = self.secret if secret is None else Secret.parse(secret)
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(at),
            "webhook-signature": sign([key], message_id, at, body),
        }
        return Signed(body, headers)

    def send(self, client: Any, topic: str, **options: Any) -> Any:
        """Post a signed event of this topic; what the client returned. Options are those of `message`."""
        return post(client, self.url, self.message(topic, **options))

    def send_twice(self, client: Any, topic: str, **options: Any) -> tuple[Any, Any]:
        """The same message two times, as after an answer that was lost."""
        message = self.message(topic, **options)
        return post(client, self.url, message), post(client, self.url, message)

    def send_wrongly_signed(self, client: Any, topic: str, **options: Any) -> Any:
        """Signed with somebody else's secret."""
        return self.send(client, topic, secret=Secret.generate().reveal(), **options)

    def send_changed(self, client: Any, topic: str, **options: Any) -> Any:
        """Signed well, and then written anew by something on the way: the same JSON in other bytes."""
        body, headers = self.message(topic, **options)
        return post(client, self.url, Signed(json.dumps(json.loads(body), indent=1).encode(), headers))

    def send_old(self, client: Any, topic: str, **options: Any) -> Any:
        """Signed well, an hour ago: a replay."""
        return self.send(client, topic, age=OLD, **options)

    def send_without(self, client: Any, header: str, topic: str, **options: Any) -> Any:
        """Without one of the three headers."""
        body, headers = self.message(topic, **options)
        return post(client, self.url, Signed(body, {k: v for k, v in headers.items() if k != header}))

    def send_unknown(self, client: Any) -> Any:
        """Signed well, of a topic that a later catalogue may have. A receiver answers 2xx."""
        body = render("tag.added", b'{"from":"the future"}', int(time.time() * 1000))
        return post(client, self.url, self.raw(body.replace(b"tag.added", b"tag.invented")))

    @staticmethod
    def _rendered(topic: str, data: bytes) -> bytes:
        return render(topic, data, int(time.time() * 1000))


def send_event(client: Any, topic: str, *, url: str = URL, secret: str = SECRET, **options: Any) -> Any:
    """Post a signed event of this topic to a test client; what it returned. For more see `Sender`."""
    return Sender(secret, url).send(client, topic, **options)


def post(client: Any, url: str, message: Signed) -> Any:
    """Post the message's exact bytes with the test client of Flask or Django, or one that speaks as httpx does."""
    headers: Mapping[str, str] = message.headers
    homes = {base.__module__.partition(".")[0] for base in type(client).__mro__}
    if "django" in homes:
        rest = {name: value for name, value in headers.items() if name != "content-type"}
        return client.post(url, data=message.body, content_type="application/json", headers=rest)
    if homes & {"werkzeug", "flask", "requests"}:
        return client.post(url, data=message.body, headers=dict(headers))
    return client.post(url, content=message.body, headers=dict(headers))


try:
    import pytest
except ImportError:  # the fixtures are pytest's; all the rest is for anybody
    pass
else:

    @pytest.fixture
    def webhook_secret() -> str:
        """The secret that the receiver under test is to have. Override it to use another one."""
        return SECRET

    @pytest.fixture
    def webhook_url() -> str:
        """The path that messages are posted to. Override it to use another one."""
        return URL

    @pytest.fixture
    def webhook_sender(webhook_secret: str, webhook_url: str) -> Sender:
        """Sends signed events to a test client."""
        return Sender(webhook_secret, webhook_url)
