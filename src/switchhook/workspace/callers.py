"""Who is at the other end of a call: the contact of a number, their company and its deals."""

import re
from datetime import date, datetime
from decimal import Decimal

import msgspec

from switchhook.events import payloads
from switchhook.events.ids import COMPANY, DEAL, dashed
from switchhook.events.values import MONEY_DECIMALS, Money, Person
from switchhook.storage.people import Company, Contact, Deal
from switchhook.storage.ringing import caller_of_number
from switchhook.storage.store import Reader

_SPELLED = re.compile(payloads.CLOSE_DATE).match


class Caller(msgspec.Struct, frozen=True):
    """A contact as the events of a call show it."""

    contact: Contact
    company: Company | None
    deals: tuple[Deal, ...]

    @property
    def name(self) -> str:
        """First and last name; empty when there is neither."""
        return self.contact.full_name

    def person(self) -> Person:
        """The `person` of an event."""
        contact = self.contact
        return Person(
            id=contact.id,
            name=contact.name,
            last_name=contact.last_name,
            email=contact.emails[0] if contact.emails else None,
            emails=list(contact.emails),
            numbers=list(contact.numbers),
            job_title=contact.job_title,
            properties=contact.properties,
        )

    def employer(self) -> payloads.Company | None:
        """The `company` of an event."""
        return (
            None
            if self.company is None
            else payloads.Company(id=dashed(self.company.id, COMPANY), name=self.company.name)
        )

    def business(self) -> list[payloads.Deal] | None:
        """The `deals` of an event."""
        return [
            payloads.Deal(
                id=dashed(deal.id, DEAL),
                name=deal.name,
                status=deal.status,
                value=None if deal.amount is None else _money(deal.amount),
                currency=deal.currency,
                close_date=None if deal.closed_at is None else _close_date(deal.closed_at),
            )
            for deal in self.deals
        ] or None


def _money(amount: Decimal) -> Money:
    """An amount with no more decimals than events have."""
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MONEY_DECIMALS:
        amount = round(amount, MONEY_DECIMALS)
    return Money(amount)


def _close_date(text: str) -> str | None:
    """A day or moment as events spell it; ISO 8601 has more spellings (20260131), and a call must not fail for one."""
    for spelling in (str, _day, _moment):
        try:
            spelled = spelling(text)
        except ValueError:
            continue
        if _SPELLED(spelled):
            return spelled
    return None


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).isoformat()


async def identify(reader: Reader, workspace: str, number: str) -> Caller | None:
    """The caller of a number (E.164); None when nobody has it."""
    if not number.startswith("+"):
        return None  # `anonymous`, an extension: nobody's in particular
    found = await caller_of_number(reader, workspace, number)
    if found is None:
        return None
    contact, company, deals = found
    return Caller(contact, company, tuple(deals))
