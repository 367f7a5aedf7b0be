"""`switchhook mcp` as an assistant's program runs it: the SDK's own client, the real command, a real server."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from click.testing import CliRunner
from mcp import Client, StdioServerParameters

from bench.serving import Server
from switchhook.cli import cli
from switchhook.events import examples

pytestmark = pytest.mark.process

ALL = {
    "search_conversations",
    "read_conversation",
    "list_webhooks",
    "list_deliveries",
    "read_delivery",
    "retry_delivery",
    "send_text",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(
        tmp_path_factory.mktemp("mcp") / "data",
        retry_schedule="0",
        numbers=json.dumps([{"number": "+33112345678"}]),
    )
    yield running
    running.stop()


@asynccontextmanager
async def assistant(server: Server, key: str) -> AsyncIterator[Client]:
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "switchhook", "mcp"],
        env={"SWITCHHOOK_URL": server.url, "SWITCHHOOK_KEY": key, "PYTHONPATH": ":".join(sys.path)},
    )
    async with asyncio.timeout(60), Client(command) as client:
        yield client


async def ask(client: Client, tool: str, **given: Any) -> Any:
    answer = await client.call_tool(tool, given)
    texts = [one.text for one in answer.content if one.type == "text"]
    if answer.is_error:
        raise AssertionError(texts[0])
    return [json.loads(one) for one in texts]


def key_of(server: Server, *scopes: str) -> str:
    made = server.call("POST", "/v2/api/keys", {"name": "assistant", "scopes": list(scopes)})
    return str(made["data"]["key"])


async def test_an_assistant_reads_searches_and_sends_again(server: Server) -> None:
    endpoint = server.endpoint("http://127.0.0.1:9/nobody", ["call.completed"])
    body = json.loads(examples.CALL_COMPLETED)
    server.call("POST", "/v2/api/events", {"topic": "call.completed", "data": body})
    async with assistant(server, server.key) as client:
        listed = (await client.list_tools()).tools
        assert {tool.name for tool in listed} == ALL
        changing = {tool.name for tool in listed if tool.annotations and not tool.annotations.read_only_hint}
        assert changing == {"retry_delivery", "send_text"}
        assert all(tool.description for tool in listed)

        (shown,) = await ask(client, "list_webhooks")
        assert shown["id"] == endpoint["id"]
        assert "secret" not in json.dumps(shown)
        found: list[dict[str, Any]] = []
        while not found:  # it becomes an item in the background
            found = await ask(client, "search_conversations", kind="call")
        (item,) = await ask(client, "read_conversation", item_id=found[0]["id"])
        assert item["transcript"]
        word = item["transcript"][0]["text"].split()[0]
        assert [one["id"] for one in await ask(client, "search_conversations", words=word)] == [item["id"]]
        assert await ask(client, "search_conversations", words="zzzz") == []

        failed: list[dict[str, Any]] = []
        while not failed:
            failed = await ask(client, "list_deliveries", webhook_id=endpoint["id"])
        (delivery,) = await ask(client, "read_delivery", delivery_id=failed[0]["id"])
        before = len(delivery["attempts"])
        await ask(client, "retry_delivery", delivery_id=delivery["id"])
        while len(delivery["attempts"]) == before:
            (delivery,) = await ask(client, "read_delivery", delivery_id=delivery["id"])

        with pytest.raises(AssertionError, match=r"\[texts\]"):
            await ask(client, "send_text", to="+33612345678", message="hi", number="+33112345678")
        with pytest.raises(AssertionError, match="404"):
            await ask(client, "read_conversation", item_id="cll_0000000000000000000000")


async def test_a_key_is_offered_what_it_may_do(server: Server) -> None:
    for scopes, offered in (
        (("CONVERSATIONS_READ",), {"search_conversations", "read_conversation"}),
        (("SMS_SEND",), {"send_text"}),
        (("WEBHOOKS_READ_WRITE",), ALL - {"search_conversations", "read_conversation", "send_text"}),
    ):
        async with assistant(server, key_of(server, *scopes)) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == offered


@pytest.mark.parametrize(
    ("key", "words"), [("wrong", "401"), ("TAGS_READ", "none of the tools; give it CONVERSATIONS_READ")]
)
def test_a_key_that_is_of_no_use_is_refused_at_once(server: Server, key: str, words: str) -> None:
    given = key if key == "wrong" else key_of(server, key)
    env = {"SWITCHHOOK_URL": server.url, "SWITCHHOOK_KEY": given, "SWITCHHOOK_CONFIG": None}
    done = CliRunner().invoke(cli, ["mcp"], env=env)
    assert done.exit_code == 1
    assert words in done.output
    assert given not in done.output or given == "wrong"


def test_without_the_package_it_says_what_to_install(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    env = {"SWITCHHOOK_URL": server.url, "SWITCHHOOK_KEY": server.key, "SWITCHHOOK_CONFIG": None}
    done = CliRunner().invoke(cli, ["mcp"], env=env)
    assert (done.exit_code, "pip install 'switchhook[server,mcp]'" in done.output) == (1, True)
