"""The two values of the catalogue that plain types cannot say: exact amounts, and a person with open properties.

Both reach msgspec as custom types. Its decoder hands them over untyped, with every number that has a fraction as a
`Decimal` (`read_number`), so that no amount ever passes through binary floating point.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Self

import msgspec

MONEY_LIMIT = 10**15
"""An amount lies strictly between minus this and this: beyond it, cents no longer fit a receiver's double."""

MONEY_DECIMALS = 18
"""The most digits after the point of an amount."""


class Money(Decimal):
    """An amount of money, exact and with its trailing zeros: `Money("25000.00")` is sent as `25000.00`.

    Raises:
        ValueError: not a finite number, or outside `MONEY_LIMIT` and `MONEY_DECIMALS`.
    """

    __slots__ = ()

    def __new__(cls, value: Decimal | int | str) -> Self:
        """See the class. A `float` is not taken: it has lost the zeros and perhaps the cents."""
        if isinstance(value, float | bool) or not isinstance(value, Decimal | int | str):
            raise ValueError("must be a Decimal, an int or a str")
        try:
            amount = super().__new__(cls, value)
        except InvalidOperation as error:
            raise ValueError("must be a number") from error
        exponent = amount.as_tuple().exponent
        # The exponent first: comparing 1E+999999 with a limit is cheap, formatting it later would not be.
        if not isinstance(exponent, int):
            raise ValueError("must be a finite number")
        if exponent < -MONEY_DECIMALS or not -MONEY_LIMIT < amount < MONEY_LIMIT:
            raise ValueError(f"must lie within ±1e15 and have at most {MONEY_DECIMALS} decimals")
        return amount


class PersonFields(msgspec.Struct, frozen=True, kw_only=True):
    """The seven keys every person has. What `Person` checks against, and what its schema is made of."""

    id: str
    name: str | None
    last_name: str | None
    email: str | None
    emails: list[str]
    numbers: list[str]
    job_title: str | None


_KNOWN = PersonFields.__struct_fields__


class Person:
    """The contact at the other end of a call: seven known fields, and the workspace's own properties beside them.

    On the wire a property is a top-level key of the person (`linkedin_url`, `lead_source`); here they are gathered, in
    their order, in `properties`. A property without a value (None) is not sent, so it is dropped here. Numbers with a
    fraction arrive as exact `Decimal`s.

    Raises:
        ValueError: a property bears the name of a known field.
    """

    __hash__ = None  # type: ignore[assignment]  # it holds lists and dicts
    __match_args__ = ("id", "name", "last_name", "email", "emails", "numbers", "job_title")
    __slots__ = ("email", "emails", "id", "job_title", "last_name", "name", "numbers", "properties")

    def __init__(
        self,
        *,
        id: str,
        name: str | None,
        last_name: str | None,
        email: str | None,
        emails: list[str],
        numbers: list[str],
        job_title: str | None,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = id
        self.name = name
        self.last_name = last_name
        self.email = email
        self.emails = emails
        self.numbers = numbers
        self.job_title = job_title
        self.properties = {key: value for key, value in (properties or {}).items() if value is not None}
        for key in _KNOWN:
            if key in self.properties:
                raise ValueError(f"`{key}` is a field of every person and cannot be a property")

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """The person of a decoded JSON object.

        Raises:
            ValueError: it is not one (`msgspec.ValidationError`, naming the fault, when a known key is at fault).
        """
        if not isinstance(value, dict):
            raise ValueError("must be an object or null")
        known = msgspec.convert(value, PersonFields)
        return cls(
            id=known.id,
            name=known.name,
            last_name=known.last_name,
            email=known.email,
            emails=known.emails,
            numbers=known.numbers,
            job_title=known.job_title,
            properties={key: item for key, item in value.items() if key not in _KNOWN},
        )

    def to_wire(self) -> dict[str, Any]:
        """The JSON object: the known keys in the catalogue's order, then the properties in theirs."""
        return {**{key: getattr(self, key) for key in _KNOWN}, **self.properties}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Person):
            return NotImplemented
        return self.to_wire() == other.to_wire()

    def __repr__(self) -> str:
        inner = ", ".join(f"{key}={getattr(self, key)!r}" for key in (*_KNOWN, "properties"))
        return f"Person({inner})"


def read_number(text: str) -> Decimal:
    """A JSON number with a fraction or an exponent, exactly. For msgspec's `float_hook`.

    Raises:
        ValueError: its exponent is beyond what a Decimal holds.
    """
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError("number out of range") from error


def read_custom(kind: type, value: Any) -> Any:
    """Build a `Person` or `Money` from untyped JSON. For msgspec's `dec_hook`.

    Raises:
        ValueError: the value is not one.
    """
    if kind is Person:
        return Person.from_wire(value)
    if kind is Money:
        # Money("5") is fine in Python; on the wire a string is a mistake that must not pass for a number.
        if isinstance(value, str):
            raise ValueError("must be a number, not a string")
        return Money(value)
    raise NotImplementedError(kind)


def write_custom(value: object) -> object:
    """What msgspec can encode in place of a `Person` or `Money`. For its `enc_hook`."""
    if isinstance(value, Person):
        return value.to_wire()
    if isinstance(value, Money):
        return Decimal(value)
    raise NotImplementedError(f"{type(value).__name__} is not JSON")
