"""A store, a clock moved by hand, the application, and a client that speaks ASGI and nothing else.

Every answer is held against `/openapi.json`: a status or a body that is not documented fails the test that saw it.
"""

import asyncio
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from switchhook.api.app import Api, build
from switchhook.api.messages import Scope
from switchhook.api.openapi import document
from switchhook.api.route import Router, real_path
from switchhook.api.routes import ROUTES
from switchhook.api.services import Limits, Services
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.recovery import Recoveries
from switchhook.events.catalogue import CATALOGUE
from switchhook.storage import keys
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Committed, Reader, Row, Store, Transaction
from switchhook.workspace.messaging import Texts
from switchhook.workspace.orders import OrderFault, What, give
from tests.delivery.dispatching import PatientClock
from tests.workspace.carrying import ScriptedCarrier

PUBLIC_URL = "https://phone.example"
LINK_KEY = b"the key of recording links, 32 b"
NO_LIMITS = Limits(read_per_second=None, write_per_second=None)
TAG: dict[str, Any] = {"call_id": "cll_1", "tag_key": "vip", "tag_name": "VIP", "user_email": None}

_DOCUMENT = document(PUBLIC_URL, "test")
_ROUTER = Router(ROUTES)
_numbers = itertools.count(1)


class FakeLine:
    """A line of `wsp_a` that takes orders and carries none out; `closed` says why it takes none."""

    closed = ""

    async def check(self, reader: Reader, workspace: str) -> None:
        if self.closed or workspace != "wsp_a":
            raise OrderFault("LINE_NOT_OPEN", "", self.closed or "This workspace has no line.")

    async def give(self, tx: Transaction, call: str, what: What) -> None:
        await give(tx, "wsp_a", call, what, 1)


class FakeDispatcher:
    """A dispatcher that is told what to say."""

    def __init__(self) -> None:
        self.alive = True
        self.figures: dict[str, float] = {"deliveries_queued": 3, "deliveries_failed_total": 2}

    def snapshot(self) -> Mapping[str, float]:
        return self.figures


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    lines: list[tuple[str, str]] = field(default_factory=list)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        return self.json()["data"]

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json()["error"]
        return found

    @property
    def code(self) -> str:
        found: str = self.json().get("code") or self.error["code"]
        return found


class World:
    """One server with two workspaces, `wsp_a` and `wsp_b`."""

    def __init__(
        self, folder: Path, limits: Limits = NO_LIMITS, store: SqliteStore | PostgresStore | None = None
    ) -> None:
        self.folder = folder
        self.clock = PatientClock()
        self.store = store or SqliteStore(folder / "switchhook.db")
        self.clock.pending = lambda: self.store.pending
        self.dispatcher = FakeDispatcher()
        self.line = FakeLine()
        self.carrier: ScriptedCarrier | None = ScriptedCarrier()
        self.recoveries = Recoveries(self.store, self.clock)  # hears of the commits that ask for one
        self.committed: list[Committed] = []
        self.store.on_committed(self.committed.append)
        self.app = self.build(limits)

    def build(self, limits: Limits = NO_LIMITS, store: Store | None = None, allow_networks: str = "") -> Api:
        return build(self.services(limits, store, allow_networks))

    def services(
        self, limits: Limits = NO_LIMITS, store: Store | None = None, allow_networks: str = ""
    ) -> Services:
        return Services(
            store=store or self.store,
            clock=self.clock,
            policy=AddressPolicy.parse(allow_networks),
            data_dir=self.folder,
            public_url=PUBLIC_URL,
            recording_key=LINK_KEY,
            dispatcher=self.dispatcher,
            texts=Texts(
                store or self.store, self.clock, "wsp_a", "FR", carrier=self.carrier, sender_ids=("Harbour",)
            ),
            orders=self.line,
            chores=lambda: {"retention_events_removed_total": 5},
            telephony=lambda: {"sip": "up"},
            telephony_since=lambda: {"sip": 1_742_049_000_000},
            version="test",
            limits=limits,
        )

    async def start(self) -> None:
        async def make(tx: Transaction) -> None:
            await keys.add_workspace(tx, "wsp_a", "Harbour Dental", self.clock.now())
            await keys.add_workspace(tx, "wsp_b", "Somebody Else", self.clock.now())

        await self.store.run(make)

    async def close(self) -> None:
        await self.recoveries.stop()
        await self.store.close()

    async def key(self, *scopes: str, workspace: str = "wsp_a") -> str:
        """A new key."""
        key = keys.new_secret_key()
        id_ = f"api_{next(_numbers)}"

        async def make(tx: Transaction) -> None:
            await keys.add_key(
                tx,
                workspace=workspace,
                id=id_,
                name="test",
                scopes=frozenset(scopes or ("ALL",)),
                key=key,
                now=self.clock.now(),
            )

        await self.store.run(make)
        return key

    async def rows(self, sql_name: str, *args: object) -> list[Row]:
        return await self.store.read(lambda reader: reader.fetch(sql_name, *args))

    async def events(self) -> int:
        """How many events are stored."""
        return len(await self.rows("unsettled", 0, 1_000_000))

    async def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        json: Any = None,
        body: bytes | None = None,
        parts: Sequence[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        app: Api | None = None,
    ) -> Answer:
        """One request; `parts` arrive one after the other."""
        content = body if body is not None else b"" if json is None else dumps(json)
        given = {"host": "x"}
        if content or parts:
            given["content-type"] = "application/json"
        if key is not None:
            given["authorization"] = f"Api-Key {key}"
        given.update({name.lower(): value for name, value in (headers or {}).items()})
        answer = await call(app or self.app, method, path, parts if parts is not None else [content], given)
        check_documented(method, path.partition("?")[0], answer)
        return answer

    async def publish(self, key: str, topic: str = "tag.added", data: Any = None, **more: Any) -> Answer:
        return await self.call(
            "POST", "/v2/api/events", key=key, json={"topic": topic, "data": data or example(topic), **more}
        )

    async def create(self, key: str, **more: Any) -> Any:
        """A webhook."""
        asked = {"url": "https://hooks.example/in", "topics": ["tag.added"], **more}
        answer = await self.call("POST", "/v2/api/webhooks", key=key, json=asked)
        assert answer.status == 201, answer.body
        return answer.data


def example(topic: str) -> Any:
    """The catalogue's example data."""
    return json.loads(CATALOGUE[topic].example)


def dumps(value: Any) -> bytes:
    return json.dumps(value).encode()


async def call(
    app: Any, method: str, path: str, parts: Sequence[bytes], headers: Mapping[str, str]
) -> Answer:
    """Speak ASGI to `app`."""
    bare, _, query = path.partition("?")
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": bare,
        "raw_path": bare.encode("utf-8", "surrogatepass"),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
    }
    coming = list(parts)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if coming:
            part = coming.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(coming)}
        await asyncio.Event().wait()  # the client listens to the answer and does not hang up
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    if not sent:
        return Answer(0, {}, b"")
    lines = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    body = b"".join(message.get("body", b"") for message in sent[1:])
    assert [message.get("more_body", False) for message in sent[1:]][-1] is False
    return Answer(sent[0]["status"], dict(lines), body, lines)


def check_documented(method: str, path: str, answer: Answer) -> None:
    """Hold an answer against `/openapi.json`."""
    found = _ROUTER.find(real_path(path))
    if found is None or method not in found[0] or answer.status == 0:
        return
    route = found[0][method]
    if route.hidden or (route.access == "public" and answer.status >= 500):
        return
    responses = _DOCUMENT["paths"][route.path][route.method.lower()]["responses"]
    assert str(answer.status) in responses, (method, path, answer.status, answer.body)
    content = responses[str(answer.status)].get("content", {}).get("application/json")
    if content is None or method == "HEAD":
        return
    schema = {**content["schema"], "components": _DOCUMENT["components"]}
    Draft202012Validator(schema).validate(answer.json())
