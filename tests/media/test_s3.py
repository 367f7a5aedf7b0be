"""The client of an object store, against a server that checks its signatures, and against botocore's own."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from unittest import mock

import msgspec
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from switchhook.clock import SystemClock
from switchhook.delivery.http import Client, SystemResolver
from switchhook.media.s3 import ANYWHERE, CHUNK, LIMITS, S3, Bucket, S3Error, signed
from tests.media.s3_server import BUCKET, S3Server, serving

AWS = Bucket(
    name="calls",
    endpoint="https://s3.eu-west-3.amazonaws.com",
    region="eu-west-3",
    access_key="AKIAIOSFODNN7EXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)
KEYS = st.text("abcXYZ019-_./", min_size=1, max_size=40).filter(
    lambda key: ".." not in key and "//" not in key
)


@given(
    method=st.sampled_from(["GET", "PUT", "DELETE"]),
    key=KEYS,
    body=st.binary(max_size=100),
    at=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
    ranged=st.booleans(),
    path_style=st.booleans(),
    port=st.sampled_from(["", ":9000"]),
)
def test_it_signs_as_botocore_does(  # noqa: PLR0917
    method: str, key: str, body: bytes, at: datetime, ranged: bool, path_style: bool, port: str
) -> None:
    bucket = msgspec.structs.replace(AWS, path_style=path_style, endpoint=AWS.endpoint + port)
    url = bucket.url(key)
    headers = {"range": "bytes=0-9"} if ranged else {"content-type": "audio/mpeg"}
    request = AWSRequest(method, url, headers=headers, data=body)
    with mock.patch("botocore.auth.get_current_datetime", return_value=at.replace(tzinfo=UTC)):
        auth = S3SigV4Auth(Credentials(AWS.access_key, AWS.secret_key), "s3", AWS.region)
        request.context["payload_signing_enabled"] = True
        auth.add_auth(request)
    assert (
        signed(bucket, method, url, body, headers, at=at)["Authorization"] == request.headers["Authorization"]
    )


def test_the_bucket_stands_in_the_host_or_in_the_path() -> None:
    assert AWS.url("a/b.mp3") == "https://calls.s3.eu-west-3.amazonaws.com/a/b.mp3"
    in_path = msgspec.structs.replace(AWS, path_style=True)
    assert in_path.url("a/b.mp3") == "https://s3.eu-west-3.amazonaws.com/calls/a/b.mp3"


def test_the_secret_is_in_no_text() -> None:
    assert AWS.secret_key not in repr(AWS)


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with serving() as made:
        yield made


@pytest.fixture
async def objects(server: S3Server) -> AsyncIterator[S3]:
    made = connected(server)
    yield made
    await made.close()


def connected(server: S3Server, secret_key: str = "") -> S3:
    clock = SystemClock()
    bucket = Bucket(
        name=BUCKET,
        endpoint=server.url,
        region="us-east-1",
        access_key=server.access_key,
        secret_key=secret_key or server.secret_key,
        path_style=True,
    )
    return S3(bucket, Client(clock, ANYWHERE, SystemResolver(clock), limits=LIMITS), clock)


async def test_what_is_put_is_got_in_parts_and_deleted(objects: S3, server: S3Server) -> None:
    sound = bytes(range(256)) * 2_400
    await objects.put("2026/one.mp3", sound, "audio/mpeg")
    assert server.objects() == {"2026/one.mp3": sound}
    part = await objects.get("2026/one.mp3", 5, CHUNK + 4)
    assert part == (sound[5 : CHUNK + 5], len(sound))
    assert (await objects.get("2026/one.mp3", len(sound) - 3, len(sound) + 9)).data == sound[-3:]
    await objects.delete("2026/one.mp3")
    assert server.objects() == {}
    await objects.delete("2026/one.mp3")


async def test_what_is_not_there_is_told_from_what_cannot_be_had(objects: S3, server: S3Server) -> None:
    with pytest.raises(S3Error, match="404 NoSuchKey") as missing:
        await objects.get("none", 0, 9)
    assert missing.value.missing
    server.refuse = lambda method, path: True
    try:
        for work in (objects.get("none", 0, 9), objects.put("x", b"", "a/b"), objects.delete("x")):
            with pytest.raises(S3Error, match="503") as away:
                await work
            assert not away.value.missing
    finally:
        server.refuse = lambda method, path: False


async def test_a_wrong_secret_is_refused_and_not_told(server: S3Server) -> None:
    objects = connected(server, "not-the-secret")
    with pytest.raises(S3Error, match="403 SignatureDoesNotMatch") as refused:
        await objects.put("x", b"x", "audio/mpeg")
    assert "not-the-secret" not in str(refused.value)
    await objects.close()


async def test_a_store_that_is_not_there_says_so(server: S3Server) -> None:
    clock = SystemClock()
    bucket = msgspec.structs.replace(AWS, endpoint="http://127.0.0.1:1", path_style=True)
    objects = S3(bucket, Client(clock, ANYWHERE, SystemResolver(clock), limits=LIMITS), clock)
    with pytest.raises(S3Error, match="connect_refused"):
        await objects.put("x", b"x", "audio/mpeg")
    await objects.close()
