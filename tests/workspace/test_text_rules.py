"""How far a text has come, what is adopted in doubt, and what can be sent where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.workspace.texts import (
    ASK_MOST,
    RETRY_MOST,
    UNKNOWN,
    Progress,
    Status,
    Taken,
    TextFault,
    advance,
    ask_in,
    check_countries,
    clean_message,
    clean_recipient,
    resolve,
    retry_in,
)

PENDING, SENT, DELIVERED = Progress(Status.PENDING), Progress(Status.SENT), Progress(Status.DELIVERED)
FAILED, LOST = Progress(Status.FAILED, "30003"), Progress(Status.FAILED, UNKNOWN)
REPORTS = st.lists(st.sampled_from([PENDING, SENT, DELIVERED, FAILED, LOST]), max_size=8)


def after(reports: list[Progress]) -> Progress:
    now = PENDING
    for report in reports:
        now = advance(now, report)
    return now


@pytest.mark.parametrize(
    ("now", "report", "then"),
    [
        (PENDING, SENT, SENT),
        (PENDING, DELIVERED, DELIVERED),
        (PENDING, FAILED, FAILED),
        (SENT, PENDING, SENT),
        (SENT, DELIVERED, DELIVERED),
        (SENT, FAILED, FAILED),
        (SENT, LOST, SENT),
        (DELIVERED, SENT, DELIVERED),
        (DELIVERED, FAILED, DELIVERED),
        (FAILED, SENT, FAILED),
        (FAILED, DELIVERED, DELIVERED),
        (FAILED, LOST, FAILED),
        (LOST, PENDING, LOST),
        (LOST, SENT, SENT),
        (LOST, FAILED, FAILED),
    ],
)
def test_how_far_a_text_has_come(now: Progress, report: Progress, then: Progress) -> None:
    assert advance(now, report) == then


@given(REPORTS, st.randoms(use_true_random=False))
def test_reports_in_any_order_and_any_number_lead_to_the_same(
    reports: list[Progress], random: object
) -> None:
    mixed = [*reports, *reports[:3]]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert after(mixed) == after(reports)


@given(REPORTS)
def test_a_text_never_goes_back_to_pending(reports: list[Progress]) -> None:
    seen = [after(reports[:count]) for count in range(len(reports) + 1)]
    gone = [one != PENDING for one in seen]
    assert gone == sorted(gone)


def test_only_one_match_is_adopted() -> None:
    one, other = Taken("SM1"), Taken("SM2", SENT)
    assert resolve([], []) is None
    assert resolve([one], []) == one
    assert resolve([one, other], []) is None
    assert resolve([one, other], ["SM1"]) == other  # that one is another text, equal to this one
    assert resolve([one], ["SM1"]) is None


@pytest.mark.parametrize("attempts", range(30))
def test_waits_grow_and_are_bounded(attempts: int) -> None:
    assert 0 < retry_in(attempts, 0) <= retry_in(attempts + 1, 0) <= RETRY_MOST
    assert 0 < ask_in(attempts) <= ask_in(attempts + 1) <= ASK_MOST
    assert retry_in(attempts, 1000) == 1000


@pytest.mark.parametrize(
    ("sender", "to", "code"),
    [
        ("+33112345678", "+33612345678", None),
        ("+33112345678", "+32470123456", "TO_NUMBER_COUNTRY_MISMATCH"),
        ("+14155550100", "+16135550123", None),  # one numbering plan
        ("+14155550100", "+33612345678", "TO_NUMBER_COUNTRY_MISMATCH"),
        ("Harbour", "+33612345678", None),
        ("Harbour", "+14155550100", "TO_NUMBER_COUNTRY_MISMATCH"),
    ],
)
def test_where_texts_may_go(sender: str, to: str, code: str | None) -> None:
    if code is None:
        check_countries(sender, to)
        return
    with pytest.raises(TextFault) as caught:
        check_countries(sender, to)
    assert (caught.value.code, caught.value.field) == (code, "to")


def test_a_recipient_is_a_number() -> None:
    assert clean_recipient("06 12 34 56 78", "FR") == "+33612345678"
    for raw in ("", "Marie", "112", "anonymous", "+12"):
        with pytest.raises(TextFault) as caught:
            clean_recipient(raw, "FR")
        assert (caught.value.code, caught.value.field) == ("INVALID_PHONE_NUMBER", "to")


def test_a_message_has_one_to_a_thousand_characters() -> None:
    for good in ("x", "é" * 1000):
        assert clean_message(good) == good
    for bad in ("", " \n", "x" * 1001):
        with pytest.raises(TextFault) as caught:
            clean_message(bad)
        assert (caught.value.code, caught.value.field) == ("INVALID_LENGTH", "message")
