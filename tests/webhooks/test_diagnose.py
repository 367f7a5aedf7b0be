"""Which of the usual mistakes a captured request shows: a table, of what happens on the way and what is said of it."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from switchhook.cli import cli
from switchhook.events import TOPICS, render
from switchhook.webhooks import PrivateKey, Secret, sign
from switchhook.webhooks.captured import read_headers, read_request
from switchhook.webhooks.diagnose import Diagnosis, diagnose
from switchhook.webhooks.rewritten import originals

NOW = 1_742_049_000
KEY = bytes(range(1, 31)) + b"\xff\xfe"
SECRET = Secret(KEY).reveal()
CODED = SECRET.removeprefix("whsec_")
ID = "msg_0123456789ABCDEFGHIJkl"
EXAMPLE = TOPICS["call.received"].example.replace(b"Marie", "Zoë <&/>".encode())
BODY = render("call.received", EXAMPLE, NOW * 1000)


def headers(body: bytes = BODY, at: int = NOW, secret: bytes = KEY) -> dict[str, str]:
    signature = sign([Secret(secret)], ID, at, body)
    return {"Webhook-Id": ID, "webhook-timestamp": str(at), "webhook-signature": signature}


def codes(found: Diagnosis) -> list[str]:
    return [one.code for one in found.findings]


def told(body: bytes, **changes: str) -> Diagnosis:
    return diagnose(body, headers() | changes, [SECRET], NOW, arrived=True)


def test_what_is_right_is_said_to_be_right() -> None:
    assert told(BODY) == Diagnosis(True, [], ID, "call.received")


def sorted_like_go(value: object) -> str:
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    text = text.replace("25000.0", "25000")
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def tight(value: object, **options: bool) -> str:
    return json.dumps(value, separators=(",", ":"), **options)  # type: ignore[arg-type]


REWRITTEN: list[tuple[str, Callable[[object], str]]] = [
    ("`json.dumps` does", json.dumps),
    ("ensure_ascii=False", lambda v: json.dumps(v, ensure_ascii=False)),
    ("indent=2", lambda v: json.dumps(v, indent=2)),
    ("indent=4", lambda v: json.dumps(v, indent=4)),
    ("sort_keys=True", lambda v: json.dumps(v, sort_keys=True)),
    ("JavaScript", lambda v: tight(v, ensure_ascii=False).replace("25000.0", "25000")),
    ("null, 2", lambda v: json.dumps(v, indent=2, ensure_ascii=False).replace("25000.0", "25000")),
    ("PHP", lambda v: tight(v).replace("/", "\\/")),
    ("Go", sorted_like_go),
    ("escaped", tight),
    ("keys sorted", lambda v: tight(v, sort_keys=True, ensure_ascii=False)),
    ("some JSON library", lambda v: json.dumps(v, indent=3, sort_keys=True).replace("25000.0", "25000.0000")),
]


@pytest.mark.parametrize(("who", "write"), REWRITTEN, ids=[who for who, _ in REWRITTEN])
def test_a_body_that_was_parsed_and_written_again_is_known_and_so_is_who_did_it(
    who: str, write: Callable[[object], str]
) -> None:
    found = told(write(json.loads(BODY)).encode())
    assert codes(found) == ["re-serialised"]
    assert who in found.findings[0].what
    assert "request.get_data()" in found.findings[0].do
    assert not found.authentic


@pytest.mark.parametrize("topic", TOPICS)
def test_the_signed_bytes_of_every_topic_come_back_from_a_rewritten_body(topic: str) -> None:
    body = render(topic, TOPICS[topic].example, NOW * 1000)
    for rewritten in (
        json.dumps(json.loads(body)),
        sorted_like_go(json.loads(body)),
        json.dumps(json.loads(body), indent=1),
    ):
        assert body in [original for _, original in originals(rewritten.encode())]


def test_amounts_and_fields_that_this_catalogue_does_not_know_come_back_too() -> None:
    body = BODY.replace(b'"data":{', b'"data":{"call_id":"cll_1","later":[1.50],')
    rewritten = tight(json.loads(body), ensure_ascii=False).replace("1.5]", "1.50]").encode()
    assert body in [original for _, original in originals(rewritten)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (BODY + b"\n", "newline-added"),
        (BODY + b"\r\n", "newline-added"),
        (b"\xef\xbb\xbf" + BODY, "byte-order-mark"),
        (base64.b64encode(BODY), "body-base64"),
        (BODY.decode("latin-1").encode(), "charset"),
        (BODY.decode().encode("latin-1"), "charset"),
        (json.dumps(BODY.decode()).encode(), "encoded-twice"),
        (b"", "body-empty"),
        (BODY[:-40], "body-broken"),
        (BODY.replace("Zoë".encode(), b"Zoe"), "other-secret"),
    ],
)
def test_a_body_that_was_changed_is_known_by_how(body: bytes, code: str) -> None:
    assert codes(told(body)) == [code]


def test_a_line_end_that_was_cut_off_is_known() -> None:
    signed = BODY + b"\n"
    assert codes(diagnose(BODY, headers(signed), [SECRET], NOW)) == ["newline-lost"]
    signed = BODY + b"\r\n\r\n"
    assert codes(diagnose(BODY + b"\n\n", headers(signed), [SECRET], NOW)) == ["line-ends"]


@pytest.mark.parametrize(
    ("secret", "code", "authentic"),
    [
        (f" {SECRET}\n", "secret-blanks", True),
        (f'"{SECRET}"', "secret-blanks", False),
        (SECRET[:20] + "\n" + SECRET[20:], "secret-damaged", False),
        ("whsec_" + SECRET, "secret-damaged", False),
        (SECRET.replace("+", "-").replace("/", "_").rstrip("="), "secret-damaged", False),
        (SECRET.rstrip("="), "secret-damaged", False),
        (SECRET.replace("whsec_", "WHSEC_"), "secret-damaged", False),
        (KEY.hex(), "secret-damaged", False),
        (Secret(b"another" * 4).reveal(), "other-secret", False),
        ("whsec_" + "A" * 8, "secret-unreadable", False),
        ("whsk_" + CODED, "private-key", False),
        ("whpk_" + base64.b64encode(KEY).decode()[:20], "key-unreadable", False),
        (str(PrivateKey(b"k" * 32).public), "version", False),
    ],
)
def test_a_secret_that_is_damaged_or_anothers_is_known_by_how(
    secret: str, code: str, authentic: bool
) -> None:
    found = diagnose(BODY, headers(), [secret], NOW)
    assert (codes(found), found.authentic) == ([code], authentic)
    assert CODED not in str(found)
    assert KEY.hex() not in str(found)


def test_a_key_that_was_taken_as_it_is_written_is_known() -> None:
    for wrong in (SECRET.encode(), CODED.encode()):
        assert codes(diagnose(BODY, headers(secret=wrong), [SECRET], NOW)) == ["secret-damaged"]


def test_of_several_secrets_one_must_fit() -> None:
    assert diagnose(BODY, headers(), [Secret.generate().reveal(), SECRET], NOW).authentic


def test_a_signature_of_the_other_version_is_known() -> None:
    key = PrivateKey.generate()
    signed = headers() | {"webhook-signature": key.sign(ID, NOW, BODY)}
    assert codes(diagnose(BODY, signed, [SECRET], NOW)) == ["version"]
    assert diagnose(BODY, signed, [str(key.public)], NOW).authentic
    assert codes(diagnose(BODY + b"\n", signed, [str(key.public)], NOW)) == ["newline-added"]
    assert codes(told(BODY, **{"webhook-signature": "sha256=abc"})) == ["signature-unreadable"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("HTTP_WEBHOOK_ID", "header-renamed"),
        ("X-Webhook-Id", "header-renamed"),
        ("svix-id", "header-renamed"),
        ("x-amzn-Remapped-Webhook-Id", "header-renamed"),
        ("request-id", "header-missing"),
    ],
)
def test_a_header_that_was_renamed_or_dropped_is_known(name: str, code: str) -> None:
    given = headers()
    given[name] = given.pop("Webhook-Id")
    found = diagnose(BODY, given, [SECRET], NOW)
    assert (codes(found), found.authentic) == ([code], False)
    assert "webhook-id" in found.findings[0].what
    assert name.lower() in found.findings[0].what or code == "header-missing"


def test_several_mistakes_are_all_told() -> None:
    given = headers() | {"webhook-timestamp": f'"{NOW}"'}
    found = diagnose(BODY + b"\n", given, ["x" + SECRET, f"'{SECRET}'"], NOW + 1000, arrived=True)
    assert codes(found) == ["header-damaged", "too-old", "secret-blanks", "newline-added"]


@pytest.mark.parametrize(
    ("off", "arrived", "wanted", "authentic"),
    [
        (300, True, [], True),
        (301, True, ["too-old"], False),
        (301, False, ["age"], True),
        (-300, True, [], True),
        (-301, True, ["clock-behind"], False),
        (-301, False, ["clock-behind"], False),
    ],
)
def test_a_clock_that_is_off_is_known_when_it_is_known_when_the_request_arrived(
    off: int, arrived: bool, wanted: list[str], authentic: bool
) -> None:
    found = diagnose(BODY, headers(), [SECRET], NOW + off, arrived=arrived)
    assert (codes(found), found.authentic) == (wanted, authentic)
    assert codes(told(BODY, **{"webhook-timestamp": f"{NOW}.5"}))[0] == "timestamp-unreadable"
    assert codes(told(BODY, **{"webhook-timestamp": f"{NOW}000"})) == ["timestamp-unreadable"]


# ── requests as tools save them


def raw(body: bytes = BODY, extra: str = "", line: str = "\r\n") -> bytes:
    head = line.join(
        ["POST /hooks HTTP/1.1", "Host: example.com:8080", *(f"{k}: {v}" for k, v in headers().items())]
    )
    return (head + line + extra + line).encode() + body


@pytest.mark.parametrize(
    "saved",
    [
        raw(),
        raw(line="\n"),
        raw(extra=f"Content-Length: {len(BODY)}\r\n"),
        raw(b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY), "Transfer-Encoding: chunked\r\n"),
        raw(extra="transfer-encoding: chunked\r\n"),
        b"> " + raw(line="\n").replace(b"\n", b"\n> ", 6).replace(b"> \n> ", b"\n"),
    ],
    ids=["whole", "line feeds", "length", "chunks", "chunks put together", "curl -v"],
)
def test_a_saved_request_is_read(saved: bytes) -> None:
    request = read_request(saved)
    assert (request.headers["webhook-id"], request.body, request.short) == (ID, BODY, 0)


def test_a_body_that_was_cut_is_told_by_its_length_and_what_is_no_request_is_refused() -> None:
    assert read_request(raw(BODY[:-7], f"content-length: {len(BODY)}\r\n")).short == 7
    with pytest.raises(ValueError, match="no request"):
        read_request(BODY)
    assert read_headers("* Connected to x: y\nGET / HTTP/1.1\nA: b") == {"a": "b"}


def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str]:
    done = CliRunner(env={"WEBHOOK_SECRET": ""}).invoke(cli, ["verify", *arguments], input=stdin)
    return done.exit_code, done.output


def test_the_command_tells_by_text_by_json_and_by_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(raw())
    (tmp_path / "bad").write_bytes(raw() + b"\n")
    code, text = run(str(tmp_path / "good"), "--secret", SECRET, "--at", str(NOW))
    assert (code, text) == (0, f"authentic: {ID} call.received\n")
    code, text = run(str(tmp_path / "bad"), "--secret", SECRET, "--at", "2025-03-15T14:30:00Z")
    assert code == 1
    assert "newline-added" in text
    code, text = run(
        "-", "--secret", SECRET, "--json", stdin=raw(BODY[:-5], f"content-length: {len(BODY)}\r\n")
    )
    found = json.loads(text)
    assert (code, found["authentic"], found["missing_bytes"]) == (1, False, 5)
    assert [one["code"] for one in found["findings"]] == ["age", "body-broken"]
    assert CODED not in text


def test_headers_and_body_may_come_apart(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(BODY)
    (tmp_path / "headers").write_text("".join(f"{k}: {v}\n" for k, v in headers().items()))
    lines = [part for k, v in headers().items() for part in ("-H", f"{k}: {v}")]
    for given in (
        [*lines, "--data-binary", f"@{tmp_path / 'body'}"],
        [*lines, "--data-binary", BODY.decode()],
        ["--headers", str(tmp_path / "headers"), "--body", str(tmp_path / "body")],
    ):
        assert run(*given, "--secret", SECRET, "--at", str(NOW))[0] == 0
    assert run("--headers", str(tmp_path / "headers"), "--body", "-", "--secret", SECRET, stdin=BODY)[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["-"],
        ["--secret", SECRET],
        ["-", "--secret", SECRET, "-H", "a: b"],
        ["--secret", SECRET, "--body", "-", "--data-binary", "x"],
        ["/nowhere", "--secret", SECRET],
        ["-", "--secret", SECRET, "--at", "soon"],
        ["--secret", SECRET, "-H", "a: b"],
    ],
)
def test_a_call_that_is_wrong_is_told_from_a_request_that_is(arguments: list[str]) -> None:
    assert run(*arguments, stdin=raw())[0] == 2
