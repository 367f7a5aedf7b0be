"""Headers that an endpoint asks for: in every request as they are, and never anything else than that."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.custom_headers import MAX_HEADERS, MAX_TOTAL, HeaderRefused, check
from switchhook.delivery.request import USER_AGENT, prepare
from switchhook.storage.endpoints import Header, SigningSecret
from switchhook.webhooks import PrivateKey, Webhook
from tests.delivery.dispatching import SECRET
from tests.storage.rows import NOW, an_endpoint

NAMES = st.from_regex(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}", fullmatch=True)
VALUES = st.from_regex(r"[!-~]([ -~]{0,30}[!-~])?", fullmatch=True)


def head(headers: dict[str, str], **values: Any) -> bytes:
    """The head of a request to an endpoint that asked for `headers`, as `prepare` renders it."""
    own = tuple(Header(name, value) for name, value in headers.items())
    endpoint = an_endpoint("ep_a", headers=own, **values)
    return prepare(endpoint, AddressPolicy(), 20.0).request("msg_1", b"{}", NOW).headers


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Host": "evil"}, "Host"),
        ({"CONTENT-LENGTH": "0"}, "CONTENT-LENGTH"),
        ({"content-type": "text/plain"}, "content-type"),
        ({"content-encoding": "gzip"}, "content-encoding"),
        ({"transfer-encoding": "chunked"}, "transfer-encoding"),
        ({"connection": "close"}, "connection"),
        ({"keep-alive": "1"}, "keep-alive"),
        ({"te": "trailers"}, "te"),
        ({"trailer": "x"}, "trailer"),
        ({"upgrade": "h2c"}, "upgrade"),
        ({"expect": "100-continue"}, "expect"),
        ({"accept-encoding": "gzip"}, "accept-encoding"),
        ({"Proxy-Authorization": "x"}, "Proxy-Authorization"),
        ({"proxy-anything": "x"}, "proxy-anything"),
        ({"Webhook-Id": "msg_2"}, "Webhook-Id"),
        ({"webhook-signature": "v1,x"}, "webhook-signature"),
        ({"webhook-anything": "x"}, "webhook-anything"),
        ({"x-a": "1", "X-A": "2"}, "twice"),
        ({"x a": "1"}, "header 1"),
        ({"": "1"}, "header 1"),
        ({"x-a": "1", "x:": "1"}, "header 2"),
        ({"x\r\nhost": "1"}, "header 1"),
        ({"x-é": "1"}, "header 1"),
        ({"x" * 65: "1"}, "header 1"),
        ({"x-a": ""}, "x-a"),
        ({"x-a": " 1"}, "x-a"),
        ({"x-a": "1 "}, "x-a"),
        ({"x-a": "1\r\nhost: evil"}, "x-a"),
        ({"x-a": "1\n"}, "x-a"),
        ({"x-a": "a\x00b"}, "x-a"),
        ({"x-a": "a\tb"}, "x-a"),
        ({"x-a": "caf\u00e9"}, "x-a"),
        ({"x-a": "1" * 2_049}, "x-a"),
        ({f"x-{n}": "1" for n in range(MAX_HEADERS + 1)}, "20"),
        ({f"x-{n}": "1" * 2_000 for n in range(5)}, f"{MAX_TOTAL:,}"),
    ],
)
def test_what_may_not_be_asked_for_is_refused_by_name(headers: dict[str, str], said: str) -> None:
    with pytest.raises(HeaderRefused, match=re.escape(said)):
        check(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer abc.def-ghi=="},
        {"X-Api-Key": "k e y", "User-Agent": "mine", "cookie": "a=b; c=d"},
        {f"x-{n}": "1" for n in range(MAX_HEADERS)},
        {"x" * 64: "1" * 2_048},
    ],
)
def test_what_may_be_asked_for_is_taken(headers: dict[str, str]) -> None:
    check(headers)


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=4))
def test_no_text_of_a_name_or_a_value_gets_anywhere_but_its_own_line(headers: dict[str, str]) -> None:
    """The law: what passes adds exactly its own lines to the head, and nothing that is refused shows its value."""
    plain = head({})
    refused = ""
    try:
        check(headers)
    except HeaderRefused as error:
        refused = str(error)
    if refused:
        assert not [value for value in headers.values() if len(value) >= 6 and value in refused]
        return
    lines = head(headers).split(b"\r\n")
    added = [line for line in lines if line not in plain.split(b"\r\n")]
    assert added == [f"{name}: {value}".encode() for name, value in headers.items()]
    assert len(lines) == len(plain.split(b"\r\n")) + len(headers)


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=MAX_HEADERS))
def test_whatever_passes_adds_its_lines_and_no_other(headers: dict[str, str]) -> None:
    try:
        check(headers)
    except HeaderRefused:
        return
    text = head(headers)
    assert text.endswith(b"\r\n")
    assert b"\n" not in text.replace(b"\r\n", b"")
    names = [line.partition(b": ")[0].lower().decode() for line in text.split(b"\r\n")[:-1]]
    assert len(names) == len(set(names))
    assert set(names) == {name.lower() for name in headers} | {
        "content-type",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }
    for name, value in headers.items():
        assert f"{name}: {value}\r\n".encode() in text


@given(st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=300), max_size=10))
def test_a_row_that_holds_what_could_not_pass_is_never_sent(text: str) -> None:
    """Behind the check at the door the rendering checks once more."""
    if "\r" in text or "\n" in text or "\x00" in text:
        for headers in ({"x-a": text}, {f"x{text}": "1"}):
            with pytest.raises(ValueError, match="header"):
                head(headers)


def test_a_user_agent_of_its_own_takes_the_place_of_ours() -> None:
    assert USER_AGENT.encode() in head({})
    text = head({"User-Agent": "clinic"})
    assert text.lower().count(b"user-agent:") == 1
    assert b"User-Agent: clinic\r\n" in text


def test_no_representation_shows_a_value() -> None:
    endpoint = an_endpoint("ep_a", headers=(Header("authorization", "Bearer sesame"),))
    prepared = prepare(endpoint, AddressPolicy(), 20.0)
    for thing in (endpoint, prepared, prepared.request("msg_1", b"{}", NOW)):
        assert "sesame" not in repr(thing)
        assert SECRET not in repr(thing)


def test_who_has_no_key_gets_the_id_of_the_message_and_no_signature() -> None:
    prepared = prepare(an_endpoint("web_a", secrets=()), AddressPolicy(), 20.0)
    lines = bytes(prepared.request("msg_1", b"{}", NOW).headers).decode().splitlines()
    assert [line for line in lines if line.lower().startswith("webhook-")] == ["webhook-id: msg_1"]


def test_each_kind_of_key_signs_with_its_own_version() -> None:
    key = PrivateKey.generate()
    both = (SigningSecret(key.reveal()), SigningSecret(SECRET, NOW + 1))
    lines = dict(line.split(": ", 1) for line in head({}, secrets=both).decode().splitlines())
    assert [one.partition(",")[0] for one in lines["webhook-signature"].split(" ")] == ["v1a", "v1"]
    for receiver in (Webhook(key.public), Webhook(SECRET)):
        assert receiver.authenticate(b"{}", lines, NOW / 1000) == "msg_1"
    prepared = prepare(an_endpoint("ep_a", secrets=both), AddressPolicy(), 20.0)
    assert b"v1," not in bytes(
        prepared.request("msg_1", b"{}", NOW + 1).headers
    )  # the exchange of keys is over
