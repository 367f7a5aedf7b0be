"""What a call's events say of a deal: whatever the API has taken, the event can be made."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.events.envelope import publish as check
from switchhook.events.payloads import CallReceived
from switchhook.storage.people import Contact, Deal
from switchhook.workspace.callers import Caller


def told(closed_at: str | None = None, amount: Decimal | None = None) -> CallReceived:
    contact = Contact(workspace="wsp_a", id="con_a", created_at=0, updated_at=0)
    deal = Deal(
        workspace="wsp_a",
        id="dea_a",
        name="Plan",
        amount=amount,
        closed_at=closed_at,
        created_at=0,
        updated_at=0,
    )
    made = CallReceived(
        from_number="+33612345678",
        to_number="+33123456789",
        started_at="2026-01-31T10:00:00Z",
        user_email="",
        company=None,
        deals=Caller(contact, None, (deal,)).business(),
    )
    check(made)
    return made


@pytest.mark.parametrize(
    ("closed_at", "close_date"),
    [
        (None, None),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T10:00:00.5+0100", "2026-01-31T10:00:00.5+0100"),
        ("20260131", "2026-01-31"),
        ("2026-W05-6", "2026-01-31"),
        ("2026-01-31 10:00", "2026-01-31T10:00:00"),
        ("20260131T10", "2026-01-31T10:00:00"),
        ("2026-01-31T10:00:00+01:00:30", None),
        ("soon", None),
    ],
)
def test_a_deal_closes_when_its_own_spelling_says(closed_at: str | None, close_date: str | None) -> None:
    deals = told(closed_at).deals
    assert deals is not None
    assert deals[0].close_date == close_date


@pytest.mark.parametrize(
    ("amount", "value"), [("25000", "25000"), ("-0.10", "-0.10"), ("1.5E-18", "2E-18"), ("1E-300", "0")]
)
def test_an_amount_has_no_more_decimals_than_events_have(amount: str, value: str) -> None:
    deals = told(amount=Decimal(amount)).deals
    assert deals is not None
    assert deals[0].value == Decimal(value)


moments = st.one_of(st.dates(), st.datetimes(), st.datetimes(timezones=st.just(UTC)))
amounts = st.floats(-1e15, 1e15, exclude_min=True, exclude_max=True).map(lambda one: Decimal(repr(one)))


@given(moments, st.sampled_from("T _"), amounts)
def test_whatever_day_and_amount_the_event_is_made(
    moment: date | datetime, between: str, amount: Decimal
) -> None:
    text = moment.isoformat(sep=between) if isinstance(moment, datetime) else moment.isoformat()
    deals = told(text, amount).deals
    assert deals is not None
    assert deals[0].close_date is not None
