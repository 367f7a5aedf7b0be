from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.delivery.address import AddressForbidden, AddressPolicy, UrlRefused, parse_target
from switchhook.delivery.exchange import Exchange, Failure, Kind, header_block, join_blocks
from switchhook.delivery.messages import WORDS
from switchhook.delivery.outcome import Fault, Outcome, classify, parse_retry_after, refusal

NOW = 1_742_049_000_000  # 2025-03-15 14:30:00 UTC
TARGET = parse_target("https://hooks.example:8443/in?token=s3cret", AddressPolicy())

STATUSES = [
    # status, kind
    (200, Kind.DELIVERED), (201, Kind.DELIVERED), (202, Kind.DELIVERED), (204, Kind.DELIVERED), (299, Kind.DELIVERED),
    (300, Kind.REDIRECT), (301, Kind.REDIRECT), (304, Kind.REDIRECT), (308, Kind.REDIRECT),
    (400, Kind.CLIENT_ERROR), (401, Kind.CLIENT_ERROR), (404, Kind.CLIENT_ERROR), (410, Kind.GONE),
    (429, Kind.RATE_LIMITED), (499, Kind.CLIENT_ERROR), (500, Kind.SERVER_ERROR), (503, Kind.SERVER_ERROR),
    (599, Kind.SERVER_ERROR), (600, Kind.UNEXPECTED_STATUS), (999, Kind.UNEXPECTED_STATUS),
]  # fmt: skip


def exchange(**fields: Any) -> Exchange:
    return Exchange(target=TARGET, latency=0.1234, timeout=20.0, address="203.0.113.7", **fields)


def answered(status: int, **headers: str) -> Outcome:
    pairs = tuple(
        (name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()
    )
    return classify(exchange(status=status, headers=pairs), NOW)


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_a_status_decides_the_kind(status: int, kind: Kind) -> None:
    outcome = answered(status)
    assert (outcome.kind, outcome.status) == (kind, status)
    assert outcome.ok is (kind is Kind.DELIVERED)
    assert outcome.retryable is not outcome.ok
    assert outcome.disable is (status == 410)
    assert outcome.latency_ms == 123


@given(st.integers(100, 999))
def test_only_a_2xx_is_success_and_only_four_statuses_slow_down(status: int) -> None:
    outcome = answered(status)
    assert outcome.ok is (200 <= status < 300)
    assert outcome.slow_down is (status in {429, 502, 503, 504})
    assert (outcome.fault is None) is outcome.ok


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind in WORDS])
def test_every_failure_is_retried_and_speaks_to_both_sides(kind: Kind) -> None:
    outcome = classify(exchange(failure=Failure(kind, "ECONNWHATEVER")), NOW)
    assert (outcome.ok, outcome.retryable, outcome.kind) == (False, True, kind)
    assert outcome.fault is WORDS[kind].fault
    for message in (outcome.message_customer, outcome.message_operator):
        assert message
        assert "{" not in message
        assert "s3cret" not in message
        assert "/in" not in message
    if kind is not Kind.URL_REFUSED:
        assert "203.0.113.7" not in outcome.message_customer
        assert "ECONNWHATEVER" not in outcome.message_customer


def test_every_kind_but_success_has_words() -> None:
    # What was expunged was never sent: whoever removes it says why, see api/events.py.
    assert set(WORDS) == set(Kind) - {Kind.DELIVERED, Kind.EXPUNGED}


def test_a_complete_status_with_a_failure_is_no_success() -> None:
    outcome = classify(exchange(status=200, failure=Failure(Kind.RESPONSE_TOO_LARGE, "more"), body=b"x"), NOW)
    assert (outcome.ok, outcome.kind, outcome.status, outcome.body) == (
        False,
        Kind.RESPONSE_TOO_LARGE,
        200,
        b"x",
    )


def test_half_an_answer_gives_no_orders() -> None:
    headers = ((b"webhook-delivery", b"abort-message"), (b"retry-after", b"100"))
    broken = Failure(Kind.EARLY_CLOSE, "broke off")
    outcome = classify(exchange(status=503, headers=headers, failure=broken), NOW)
    assert (outcome.abort, outcome.retry_after, outcome.slow_down) == (False, None, False)
    gone = classify(exchange(status=410, failure=broken), NOW)
    assert not gone.disable


def test_a_receiver_can_give_a_message_up_but_not_a_delivered_one() -> None:
    outcome = answered(422, Webhook_Delivery=" Abort-Message ")
    assert (outcome.abort, outcome.retryable) == (True, False)
    assert not answered(200, webhook_delivery="abort-message").abort
    assert not answered(422, webhook_delivery="abort").abort


def test_a_redirect_says_to_put_the_final_url() -> None:
    outcome = answered(302, location="https://elsewhere.example/")
    assert "Put the final URL" in outcome.message_customer
    assert "elsewhere" not in outcome.message_customer


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0), ("120", 120), (" 120 ", 120), ("36000", 36000), ("36001", 36000), ("9" * 18, 36000),
        ("Sat, 15 Mar 2025 14:31:00 GMT", 60), ("Sat, 15 Mar 2025 14:29:00 GMT", 0),
        ("Sun, 16 Mar 2025 14:30:00 GMT", 36000), ("Saturday, 15-Mar-25 14:31:00 GMT", 60),
        ("Sat Mar 15 14:31:00 2025", 60), ("Fri, 31 Dec 9999 23:59:59 GMT", 36000),
        ("", None), ("-5", None), ("1.5", None),
        ("soon", None), ("9" * 19, None), ("Sat, 99 Mar 2025 14:31:00 GMT", None),
        ("１２", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_both_forms_and_bounded(value: str, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(st.text(max_size=50))
def test_no_retry_after_can_raise_or_leave_the_bounds(value: str) -> None:
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 36_000


def test_retry_after_counts_on_errors_only() -> None:
    assert answered(429, retry_after="7").retry_after == 7
    assert answered(503, Retry_After="7").retry_after == 7
    assert answered(200, retry_after="7").retry_after is None
    assert answered(301, retry_after="7").retry_after is None


def test_a_refused_url_is_an_outcome_too() -> None:
    outcome = refusal(UrlRefused("The URL is not complete."))
    assert (outcome.kind, outcome.retryable, outcome.fault) == (Kind.URL_REFUSED, True, Fault.RECEIVER)
    assert outcome.message_customer == "The URL is not complete."
    inside = refusal(AddressForbidden("hooks.example is at 10.0.0.5"))
    assert inside.kind is Kind.ADDRESS_FORBIDDEN
    assert "10.0.0.5" in inside.message_operator
    assert "10.0.0.5" not in inside.message_customer


def test_header_lines_are_put_together() -> None:
    assert header_block([("webhook-id", "msg_1"), ("x-a", "")]) == b"webhook-id: msg_1\r\nx-a: \r\n"
    assert join_blocks(header_block([("a", "1")]), header_block([("b", "é")])) == b"a: 1\r\nb: \xe9\r\n"


@pytest.mark.parametrize(
    "value", ["a\r\nb: c", "a\nb", "a\rb", "a\x00", "\x7f", "a\x0bb", "\u2028", "snow ☃", "x" * 8193]
)
def test_a_header_value_cannot_smuggle(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        header_block([("x-a", value)])


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "ä", "a" * 257, "a\n"])
def test_a_header_name_cannot_smuggle(name: str) -> None:
    with pytest.raises(ValueError, match="not a header name"):
        header_block([(name, "x")])


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "Connection", "TE", "Upgrade"]
)
def test_framing_headers_belong_to_the_client(name: str) -> None:
    with pytest.raises(ValueError, match="set by Switchhook itself"):
        header_block([(name, "x")])
