"""/v1/assets/recordings: for who holds the link or a key of the workspace, in whole or in part, and nothing else."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from switchhook.media.links import sign_path
from tests.api.world import LINK_KEY, World

SOUND = bytes(range(256)) * 2000  # 512,000 bytes: several chunks
PATH = "/v1/assets/recordings/rec_1.mp3"


async def record(world: World, id_: str, path: str, workspace: str = "wsp_a") -> None:
    await world.store.run(lambda tx: tx.execute("add_recording", workspace, id_, "cll_1", path, 4.0, 1))


@pytest.fixture
async def sound(world: World) -> Path:
    file = world.folder / "recordings" / "one.mp3"
    file.parent.mkdir()
    file.write_bytes(SOUND)
    await record(world, "rec_1", "recordings/one.mp3")
    return file


def link(world: World, seconds: int = 60, id_: str = "rec_1") -> str:
    return sign_path(LINK_KEY, id_, world.clock.now() // 1000 + seconds)


async def test_the_link_opens_it_for_anybody(world: World, sound: Path) -> None:
    answer = await world.call("GET", link(world))
    assert (answer.status, answer.body) == (200, SOUND)
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["content-length"] == str(len(SOUND))
    assert answer.headers["accept-ranges"] == "bytes"
    assert "private" in answer.headers["cache-control"]


async def test_an_expired_link_says_so(world: World, sound: Path) -> None:
    url = link(world)
    await world.clock.advance(60)
    answer = await world.call("GET", url)
    assert answer.status == 403
    assert answer.json()["code"] == "RECORDING_LINK_EXPIRED"
    assert answer.json()["details"][0]["field"] == "expires"


@pytest.mark.parametrize(
    ("old", "new"), [("rec_1.mp3", "rec_2.mp3"), ("signature=", "signature=0"), ("expires=1", "expires=2")]
)
async def test_a_link_that_was_changed_opens_nothing(world: World, sound: Path, old: str, new: str) -> None:
    await record(world, "rec_2", "recordings/one.mp3")
    answer = await world.call("GET", link(world).replace(old, new, 1))
    assert (answer.status, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_a_key_of_the_workspace_opens_it_and_another_does_not(world: World, sound: Path) -> None:
    assert (await world.call("GET", PATH, key=await world.key("CONVERSATIONS_READ"))).body == SOUND
    foreign = await world.key(workspace="wsp_b")
    answer = await world.call("GET", PATH, key=foreign)
    assert (answer.status, answer.json()["code"]) == (404, "RECORDING_NOT_FOUND")
    # The link alone is enough, whatever key is sent along with it.
    assert (await world.call("GET", link(world), key=foreign)).status == 200


async def test_a_key_helps_where_the_link_has_expired(world: World, sound: Path, key: str) -> None:
    url = link(world, seconds=-5)
    assert (await world.call("GET", url, key=key)).body == SOUND


async def test_the_page_of_who_is_signed_in_is_helped_too(world: World, sound: Path, key: str) -> None:
    page = {"x-switchhook-page": "1"}
    signed = await world.call("POST", "/dashboard/session", json={"key": key}, headers=page)
    cookie = {"cookie": signed.headers["set-cookie"].partition(";")[0]}
    assert (await world.call("GET", link(world, seconds=-5), headers=cookie)).body == SOUND


def peaks(url: str) -> str:
    return url.replace(".mp3", "/peaks")


async def test_the_waveform_is_opened_by_what_opens_the_recording(world: World, sound: Path) -> None:
    sound.with_suffix(".peaks").write_bytes(bytes([1, 9, 2, 8, 255, 0]))
    shown = {"per_second": 20, "left": [1, 2, 255], "right": [9, 8, 0]}
    by_link = await world.call("GET", peaks(link(world)))
    assert (by_link.status, by_link.data) == (200, shown)
    assert "private" in by_link.headers["cache-control"]
    path, key = peaks(PATH), await world.key("CONVERSATIONS_READ")
    assert (await world.call("GET", path, key=key)).data == shown
    assert (await world.call("GET", path)).status == 401
    assert (await world.call("GET", path, key=await world.key("CRM_READ"))).status == 403
    assert (await world.call("GET", peaks(link(world, seconds=-1)))).json()[
        "code"
    ] == "RECORDING_LINK_EXPIRED"
    foreign = await world.call("GET", path, key=await world.key(workspace="wsp_b"))
    assert foreign.json()["code"] == "RECORDING_NOT_FOUND"


async def test_a_recording_from_before_waveforms_says_that_it_has_none(world: World, sound: Path) -> None:
    answer = await world.call("GET", peaks(link(world)))
    assert (answer.status, answer.json()["code"]) == (404, "PEAKS_NOT_FOUND")


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-9", (0, 9)),
        ("bytes=300000-", (300_000, len(SOUND) - 1)),
        ("bytes=-7", (len(SOUND) - 7, len(SOUND) - 1)),
    ],
)
async def test_a_range_gives_that_part(world: World, sound: Path, asked: str, part: tuple[int, int]) -> None:
    answer = await world.call("GET", link(world), headers={"range": asked})
    start, end = part
    assert answer.status == 206
    assert answer.body == SOUND[start : end + 1]
    assert answer.headers["content-range"] == f"bytes {start}-{end}/{len(SOUND)}"
    assert answer.headers["content-length"] == str(end - start + 1)


async def test_a_range_outside_is_416_with_the_size(world: World, sound: Path) -> None:
    answer = await world.call("GET", link(world), headers={"range": "bytes=999999-"})
    assert (answer.status, answer.json()["code"]) == (416, "INVALID_RANGE")
    assert answer.headers["content-range"] == f"bytes */{len(SOUND)}"


async def test_a_part_of_another_version_is_not_continued(world: World, sound: Path) -> None:
    first = await world.call("GET", link(world), headers={"range": "bytes=0-9"})
    asked = {"range": "bytes=10-19", "if-range": first.headers["etag"]}
    assert (await world.call("GET", link(world), headers=asked)).status == 206
    sound.write_bytes(b"new")
    answer = await world.call("GET", link(world), headers=asked)
    assert (answer.status, answer.body) == (200, b"new")


async def test_what_the_client_holds_is_not_sent_again(world: World, sound: Path) -> None:
    first = await world.call("GET", link(world))
    answer = await world.call("GET", link(world), headers={"if-none-match": first.headers["etag"]})
    assert (answer.status, answer.body) == (304, b"")


async def test_head_tells_the_size_and_sends_nothing(world: World, sound: Path) -> None:
    answer = await world.call("HEAD", link(world))
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len(SOUND))


@pytest.mark.parametrize(
    "path",
    [
        "../outside.mp3",
        "/etc/hostname",
        "recordings/../../outside.mp3",
        "away.mp3",
        "recordings",
        "x\0y",
        "pipe",
    ],
)
async def test_nothing_outside_the_data_directory_and_nothing_but_files(
    world: World, sound: Path, key: str, path: str
) -> None:
    outside = world.folder.parent / "outside.mp3"
    outside.write_bytes(b"secret")
    (world.folder / "away.mp3").symlink_to(outside)
    os.mkfifo(world.folder / "pipe")
    await record(world, "rec_9", path)
    answer = await world.call("GET", PATH.replace("rec_1", "rec_9"), key=key)
    assert (answer.status, answer.json()["code"]) == (404, "RECORDING_NOT_FOUND")


@pytest.mark.parametrize("id_", ["rec_none", "..%2f..%2fx", "..", "rec 1", "r" * 300])
async def test_an_unknown_recording_is_404(world: World, key: str, sound: Path, id_: str) -> None:
    assert (await world.call("GET", f"/v1/assets/recordings/{id_}.mp3", key=key)).status == 404


async def test_no_file_stays_open_also_when_the_client_leaves(world: World, sound: Path) -> None:
    async def leave(method: str, url: str, headers: list[tuple[bytes, bytes]], after: int) -> None:
        sent = 0

        async def receive() -> dict[str, Any]:
            if sent < after:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal sent
            sent += 1
            if after == -1:
                raise OSError("gone")
            await asyncio.sleep(0)

        path, _, query = url.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": headers,
        }
        try:
            await world.app(scope, receive, send)
        except OSError:
            assert after == -1

    await world.call("GET", link(world))
    before = len(os.listdir("/proc/self/fd"))
    for method in ("GET", "HEAD"):
        for after in (0, 1, 2, -1):
            await leave(method, link(world), [], after)
            await leave(method, link(world), [(b"range", b"bytes=9999999-")], after)
            await leave(method, link(world), [(b"if-none-match", b"*")], after)
    assert len(os.listdir("/proc/self/fd")) == before
